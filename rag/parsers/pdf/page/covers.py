"""Finds the words of a page over which something opaque was painted afterwards: white-out, a bar over a name.

Pictures are no covers: scanned pages lie over the text that was recognised in them. The caller holds
``rag.parsers.pdf.page.open_pdf.LOCK``.
"""

import ctypes
import struct
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.pdfium_calls import address_of, by_address
from rag.parsers.pdf.page.placement import Word

_LEAST_HEIGHT = 4.0
"""Points; what is lower or narrower is a line."""
_MOST_OBJECTS = 2_000
"""Of a page that is looked at; a report that sets each letter by itself has more, and to go through them takes longer
than to read the page."""
_MOST_COVERS = 500
_SLACK = 1.5
"""Points by which a word may stand out of what covers it: its box is larger than its letters."""
_OPAQUE = 250

_TEXT = pdfium_c.FPDF_PAGEOBJ_TEXT
_PATH = pdfium_c.FPDF_PAGEOBJ_PATH
_box = struct.Struct("4f").unpack_from
_count = by_address("FPDFPage_CountObjects", ctypes.c_int, ctypes.c_void_p)
_object = by_address("FPDFPage_GetObject", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_kind = by_address("FPDFPageObj_GetType", ctypes.c_int, ctypes.c_void_p)
_bounds = by_address("FPDFPageObj_GetBounds", ctypes.c_int, *[ctypes.c_void_p] * 5)
_draw_mode = by_address("FPDFPath_GetDrawMode", ctypes.c_int, *[ctypes.c_void_p] * 3)
_fill_colour = by_address("FPDFPageObj_GetFillColor", ctypes.c_int, *[ctypes.c_void_p] * 5)
_segments = by_address("FPDFPath_CountSegments", ctypes.c_int, ctypes.c_void_p)
_text_object = by_address("FPDFText_GetTextObject", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


class _Cover(NamedTuple):
    """A filled rectangle in the page's own space, and its place in the order of painting."""

    order: int
    x0: float
    y0: float
    x1: float
    y1: float

    def hides(self, word: Word) -> bool:
        return (
            self.x0 - _SLACK <= word[1]
            and word[3] <= self.x1 + _SLACK
            and self.y0 - _SLACK <= word[2]
            and word[4] <= self.y1 + _SLACK
        )


def covered_words(page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, words: Sequence[Word]) -> set[int]:
    """Returns which words lie under a filled rectangle; whether one shows through it, the picture of the page tells."""
    covers, painted = _covers(address_of(page.raw))
    if not covers:
        return set()
    text = address_of(textpage.raw)
    by_height = sorted((word[2], n) for n, word in enumerate(words))
    found: set[int] = set()
    for cover in covers:
        first = bisect_left(by_height, (cover.y0 - _SLACK, 0))
        for bottom, n in islice(by_height, first, None):
            if bottom > cover.y1:
                break
            word = words[n]
            if cover.hides(word) and painted.get(_text_object(text, word[5]), _MOST_OBJECTS) < cover.order:
                found.add(n)
    return found


def _covers(page: int) -> tuple[list[_Cover], dict[int, int]]:
    """The filled rectangles that come after some text, and the order of the text objects in front of the last one."""
    numbers, modes, colour = (ctypes.c_float * 4)(), (ctypes.c_int * 2)(), (ctypes.c_uint * 4)()
    parts, mode_parts, colour_parts = _places(numbers, 4), _places(modes, 2), _places(colour, 4)
    covers: list[_Cover] = []
    painted: dict[int, int] = {}
    count = _count(page)
    for order in range(count - 1 if count <= _MOST_OBJECTS else -1, -1, -1):
        item = _object(page, order)
        kind = _kind(item)
        if kind == _TEXT:
            if covers:
                painted[item] = order
        elif kind == _PATH and len(covers) < _MOST_COVERS and _segments(item) in (4, 5):
            if not _bounds(item, *parts):
                continue
            x0, y0, x1, y1 = _box(numbers)
            if y1 - y0 < _LEAST_HEIGHT or x1 - x0 < _LEAST_HEIGHT:
                continue
            filled = _draw_mode(item, *mode_parts) and modes[0] != pdfium_c.FPDF_FILLMODE_NONE
            if filled and _fill_colour(item, *colour_parts) and colour[3] >= _OPAQUE:
                covers.append(_Cover(order, x0, y0, x1, y1))
    return (covers, painted) if painted else ([], {})


def _places(numbers: "ctypes.Array[Any]", count: int) -> list[int]:
    """The addresses of the numbers of an array, of four bytes each."""
    return [ctypes.addressof(numbers) + 4 * n for n in range(count)]
