"""Parses PDF files: text in reading order, every block with its page.

Words and their boxes come from PDFium (``words``), columns from ``layout``, paragraphs and tables from ``blocks``.
A file that PDFium cannot open is rebuilt once through pypdf. Pages without text are read by the ``ocr`` extra where
that is installed, else they are named in a warning; a file of such pages alone is skipped.
"""

import io
import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.errors import ProtectedError, ReadError, SkippedError
from rag.parsers import caution, progress
from rag.parsers.builder import DocumentBuilder
from rag.parsers.pdf.blocks import PageRows, add_blocks, outline_key
from rag.parsers.pdf.layout import rows_in_reading_order
from rag.parsers.pdf.page.annotations import note_text, read_annotations
from rag.parsers.pdf.page.characters import unreadable_share
from rag.parsers.pdf.page.open_pdf import LOCK, open_locked
from rag.parsers.pdf.page.pdfium_text import text_of
from rag.parsers.pdf.page.rulings import read_rulings
from rag.parsers.pdf.tables.ruled_tables import may_hold_table, take_ruled_tables
from rag.parsers.pdf.words import ocr
from rag.parsers.pdf.words.form_fields import overlaps_text, with_fields
from rag.parsers.pdf.words.fragments import PageText, read_page
from rag.parsers.pdf.words.ruby import without_readings
from rag.types import ParsedDocument

MEDIA_TYPE = "application/pdf"
MAX_PAGES = 20_000
_MAX_BOOKMARKS = 5_000
_MAX_FRAGMENTS = 50_000
"""Of one page; a drawing made of letters is cut here."""

_FEW_CHARACTERS = 8
"""A page with a picture and fewer characters than this counts as scanned."""

_PICTURE_SHARE = 0.03

_NO_TITLE = re.compile(
    r"(?i)untitled|\((anonymous|unspecified)\)|microsoft (word|powerpoint|excel)|"
    r".*\.(docx?|pptx?|xlsx?|pdf|indd|tex|dvi|qxd|html?|txt|rtf|jpe?g|png|tiff?)$|"
    r"[\d\W_]*$|(document|slide|title|none|doc)\s?\d*$|about:blank|print|(scan|img)[\W_\d]*$"
)
_CATALOG = re.compile(rb"(\d{1,8}) \d{1,5} obj\s*<<[^>]{0,400}?/Type\s*/Catalog")
_log = logging.getLogger(__name__)


def parse(path: Path) -> ParsedDocument:
    """Parses a PDF. Raises ReadError for a password or damage, SkippedError for a scan without text."""
    with LOCK:
        document, repaired = _open(path)
        try:
            return _read_document(document, repaired)
        finally:
            document.close()


def _open(path: Path) -> tuple[pdfium.PdfDocument, bool]:
    try:
        document = open_locked(path)
        if len(document) > 0:
            return document, False
        document.close()
        failure = ReadError(
            "The PDF is damaged: no pages could be found in it.", "Open it in a viewer and save it again."
        )
    except ProtectedError:
        raise
    except ReadError as error:
        failure = error
    rebuilt = _rebuilt(path)
    if rebuilt is None:
        raise failure
    return rebuilt, True


def _rebuilt(path: Path) -> pdfium.PdfDocument | None:
    """Rebuilds a file that PDFium gave up on: by a new trailer, else page by page through pypdf."""
    data = path.read_bytes()
    catalogs = _CATALOG.findall(data)
    if catalogs:
        try:
            return open_locked(data + b"\ntrailer << /Root %s 0 R >>\n%%%%EOF\n" % catalogs[-1])
        except ReadError as error:
            _log.debug("A new trailer did not help %s: %s", path, error)
    return _rewritten(path)


def _rewritten(path: Path) -> pdfium.PdfDocument | None:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        source = pypdf.PdfReader(path, strict=False)
        writer = pypdf.PdfWriter()
        for number, page in enumerate(source.pages):
            if number >= MAX_PAGES:
                break
            writer.add_page(page)
        buffer = io.BytesIO()
        writer.write(buffer)
        document = open_locked(buffer.getvalue())
    # pypdf meets arbitrary garbage here and raises anything; the first failure is what the person is told.
    except Exception as error:  # noqa: BLE001
        _log.debug("pypdf could not rebuild %s: %s", path, error)
        return None
    if len(document) > 0:
        return document
    document.close()
    return None


@dataclass(slots=True)
class _Found:
    """What the pages of a document hold, and the numbers of those that could not be read, by the reason."""

    pages: list[PageRows] = field(default_factory=list)
    scanned: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    unread: Counter[tuple[str, str]] = field(default_factory=Counter)


def _read_document(document: pdfium.PdfDocument, repaired: bool) -> ParsedDocument:
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    count = len(document)
    if repaired:
        builder.warn("The PDF is damaged; what could be recovered was read.")
    if count > MAX_PAGES:
        builder.warn(f"Only the first {MAX_PAGES} of {count} pages were read.")
    careful = caution.is_asked_for()
    if careful:
        builder.warn(
            "The PDF's printed page numbers and bookmarks were not read: a reader crashed on this file before."
        )
    builder.page_labels = {} if careful else _page_labels(document)
    found = _Found()
    for number in range(1, min(count, MAX_PAGES) + 1):
        progress.tell(number - 1, min(count, MAX_PAGES))
        try:
            page = document[number - 1]
        except pdfium.PdfiumError:
            found.broken.append(number)
            continue
        try:
            _read_page(page, number, found)
        except pdfium.PdfiumError:
            found.broken.append(number)
        finally:
            page.close()
    if not any(page.rows or page.sideways or page.notes for page in found.pages):
        raise _nothing_to_read(count, found)
    add_blocks(builder, found.pages, {} if careful else _outline(document))
    _warn(builder, document, found)
    _describe(builder, document, found.pages)
    return builder.build()


def _read_page(page: pdfium.PdfPage, number: int, found: _Found) -> None:
    """Adds what one page holds."""
    text = read_page(page, number)
    fonts_fail = _is_unreadable(text)
    needs_ocr = fonts_fail or (text.characters < _FEW_CHARACTERS and _shows_something(page))
    if needs_ocr and ocr.is_available():
        text = ocr.read_page(page, number)
    elif needs_ocr:
        (found.unreadable if fonts_fail else found.scanned).append(number)
    if text.hidden:
        found.hidden.append(number)
    fragments = text.fragments[:_MAX_FRAGMENTS] if number not in found.unreadable else []
    annotations = read_annotations(page, text.place, page.formenv)
    found.unread += annotations.unread
    notes = annotations.notes
    if annotations.fields:
        # What was typed over the page's own words is a note on them.
        over = [one for one in annotations.fields if one.kind == "typed" and overlaps_text(one, fragments)]
        notes = [note_text(one.text, one.name) for one in over] + notes
        fragments = with_fields(fragments, [one for one in annotations.fields if one not in over])
    fragments, readings = without_readings(fragments)
    if readings:
        notes = [*notes, "; ".join(readings)]
    rulings = read_rulings(page, text.place) if may_hold_table(fragments) else None
    if rulings is not None:
        tables, rest = take_ruled_tables(fragments, rulings, text.place)
        fragments = tables + rest
    rows = rows_in_reading_order(fragments)
    sideways = text.sideways if number not in found.unreadable else ()
    page_rows = PageRows(number, text.width, text.height, rows, sideways, tuple(notes), rulings, text.place)
    found.pages.append(page_rows)


def _warn(builder: DocumentBuilder, document: pdfium.PdfDocument, found: _Found) -> None:
    """Names what was left out."""
    _warn_about(builder, "no text (scanned)", found.scanned, f" {ocr.REMEDY}")
    _warn_about(builder, "text in fonts that cannot be decoded", found.unreadable, f" {ocr.REMEDY}")
    _warn_about(builder, "damage and could not be read", found.broken, "")
    _warn_about(builder, "text that cannot be seen was left out", found.hidden, "")
    if document.get_formtype() == pdfium_c.FORMTYPE_XFA_FULL:
        builder.warn("The PDF is an XFA form: only what its pages show was read. Print it to a new PDF and add that.")
    unread = found.unread + Counter({("attached file", "attached files"): document.count_attachments()})
    for (one, many), count in unread.items():
        builder.warn(f"{count} {one if count == 1 else many} {'was' if count == 1 else 'were'} not read.")


def _is_unreadable(text: PageText) -> bool:
    sample = "".join(fragment.text for fragment in text.fragments[:200])
    return len(sample) > 40 and unreadable_share(sample) > 0.5


def _shows_something(page: pdfium.PdfPage) -> bool:
    """Tells whether a part of the page is a picture, so that its text may be in there."""
    width, height = page.get_size()
    for item in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = item.get_bounds()
        if (right - left) * (top - bottom) > _PICTURE_SHARE * width * height:
            return True
    return False


def _nothing_to_read(count: int, found: _Found) -> ReadError:
    if found.scanned:
        return SkippedError("The PDF holds no text: scanned pages, pictures only.", ocr.REMEDY)
    if found.unreadable:
        return SkippedError("The PDF holds no text that can be decoded: its fonts name no characters.", ocr.REMEDY)
    if len(found.broken) == count:
        return ReadError("The PDF is damaged: none of its pages can be read.", "Open it in a viewer and save it again.")
    if found.hidden:
        return SkippedError("The PDF holds no text that can be seen.")
    return SkippedError("The PDF holds no text: its pages are empty.")


def _warn_about(builder: DocumentBuilder, what: str, pages: list[int], remedy: str) -> None:
    if pages:
        named = ", ".join(map(str, pages[:10])) + (", ..." if len(pages) > 10 else "")
        word = "Page" if len(pages) == 1 else "Pages"
        builder.warn(f"{word} {named}: {what}.{remedy}")


def _page_labels(document: pdfium.PdfDocument) -> dict[int, str]:
    """Returns the printed numbers (ISO 32000-1, 12.4.2) of the pages where they are not the count of the sheet."""
    labels = {}
    for number in range(1, min(len(document), MAX_PAGES) + 1):
        label = text_of(pdfium_c.FPDF_GetPageLabel, document, number - 1)
        if label and label != str(number):
            labels[number] = label
    return labels


def _outline(document: pdfium.PdfDocument) -> dict[str, int]:
    """Returns the bookmarks' titles, folded for comparison, with their level from 1."""
    levels: dict[str, int] = {}
    try:
        for number, bookmark in enumerate(document.get_toc(max_depth=6)):
            if number >= _MAX_BOOKMARKS:
                break
            key = outline_key(text_of(pdfium_c.FPDFBookmark_GetTitle, bookmark))
            if key:
                levels.setdefault(key, bookmark.level + 1)
    except pdfium.PdfiumError as error:
        _log.debug("The bookmarks could not be read: %s", error)
    return levels


def _describe(builder: DocumentBuilder, document: pdfium.PdfDocument, pages: list[PageRows]) -> None:
    """Adds title, author and page count. A title that a program made up is replaced by the first page's largest
    line.
    """
    title, author, created = (
        text_of(pdfium_c.FPDF_GetMetaText, document, key) for key in (b"Title", b"Author", b"CreationDate")
    )
    if len(title) < 4 or _NO_TITLE.match(title):
        title = _largest_line(pages[0]) if pages and pages[0].number == 1 else ""
    builder.title = title
    builder.metadata["pages"] = str(len(document))
    for name, value in (("author", author), ("created", created)):
        if value:
            builder.metadata[name] = value


def _largest_line(page: PageRows) -> str:
    rows = [row for row in page.rows if 4 <= len(row.text) <= 150 and any(map(str.isalpha, row.text))]
    if not rows:
        return ""
    sizes = sorted(row.size for row in rows)
    largest = max(rows[:20], key=lambda row: row.size)
    if largest.size < 1.14 * sizes[len(sizes) // 2]:
        return ""
    start = rows.index(largest)
    title = [largest.text]
    for row in rows[start + 1 : start + 3]:
        if abs(row.size - largest.size) > 0.3 or row.y0 - rows[start].y1 > 2.5 * row.size:
            break
        title.append(row.text)
    return " ".join(title)[:200]
