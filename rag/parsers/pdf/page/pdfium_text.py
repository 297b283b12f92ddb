"""Asks PDFium for strings that a file holds outside of its pages: titles, labels, notes."""

from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.characters import clean


def text_of(ask: Callable[..., int], *arguments: Any) -> str:
    """Calls one of PDFium's functions that give a UTF-16 string, first for its length in bytes; line breaks become
    spaces. A file may hold half of a surrogate pair, on which pypdfium2's own helpers fail."""
    length = ask(*arguments, None, 0)
    if length <= 2:
        return ""
    buffer = (pdfium_c.FPDF_WCHAR * (length // 2 + 1))()
    ask(*arguments, buffer, length)
    text = bytes(memoryview(buffer)).decode("utf-16-le", "replace").partition("\0")[0]
    return " ".join(clean(text).split())
