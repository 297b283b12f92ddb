"""Opens files with PDFium, holds its one lock and translates its errors.

PDFium keeps global state: two threads must never be inside it at once, not even with different documents. Whoever
touches a document, page or text page holds ``LOCK``.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from docent import cause_of
from rag.errors import ProtectedError, ReadError

LOCK = threading.RLock()
_log = logging.getLogger(__name__)

_PROTECTED = {
    pdfium_c.FPDF_ERR_PASSWORD: ("The PDF needs a password.", "Save a copy without the password and add that."),
    pdfium_c.FPDF_ERR_SECURITY: (
        "The PDF is protected in a way that cannot be opened here.",
        "Print it to a new PDF from the program that opens it, and add that.",
    ),
}
_DAMAGED = (
    "The PDF is damaged: no pages could be found in it.",
    "Try to open it in a PDF viewer and save it again.",
)


@contextmanager
def open_pdf(path: Path) -> Iterator[pdfium.PdfDocument]:
    """Yields the opened document; the lock is held until the end. An empty user password needs no asking.

    Raises ProtectedError when the file needs a password, ReadError when it cannot be recognised as a PDF.
    """
    with LOCK:
        document = open_locked(path)
        try:
            yield document
        finally:
            document.close()


def open_locked(source: Path | bytes) -> pdfium.PdfDocument:
    """Returns the opened document, for a caller that holds the lock and closes it. Raises ReadError."""
    try:
        document = pdfium.PdfDocument(source)
    except pdfium.PdfiumError as error:
        if error.err_code in _PROTECTED:
            raise ProtectedError(*_PROTECTED[error.err_code]) from error
        raise ReadError(*_DAMAGED) from error
    except OSError as error:
        raise ReadError(f"The PDF cannot be opened: {cause_of(error)}.") from error
    try:
        document.init_forms()  # before any page is loaded; without it the values of a form are not drawn
    except pdfium.PdfiumError as error:
        _log.debug("The form could not be opened: %s", error)
    return document
