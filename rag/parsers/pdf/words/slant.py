"""Finds lines that stand neither level nor upright (a stamp across the page, a skewed scan) and makes them level.

The caller holds ``rag.parsers.pdf.page.open_pdf.LOCK``.
"""

import ctypes
import math
from collections.abc import Mapping, Sequence
from statistics import median

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.placement import Word

_LEAST = math.radians(1.5)
_LINE_HEIGHT = 1.15
"""Of a line of text, in sizes of its font."""


def slants(textpage: pdfium.PdfTextPage, words: Sequence[Word]) -> dict[int, float]:
    """Returns the angle (radians, counter-clockwise) of each word by its place in ``words``, for slanted lines only."""
    matrix = pdfium_c.FS_MATRIX()
    reference = ctypes.byref(matrix)
    found: dict[int, float] = {}
    angle = 0.0
    for index, word in enumerate(words):
        if word[6] or not index:
            known = pdfium_c.FPDFText_GetMatrix(textpage, word[5], reference)
            angle = math.atan2(matrix.b, matrix.a) if known and matrix.b else 0.0
            off = abs(angle) % (math.pi / 2)
            if not _LEAST < off < math.pi / 2 - _LEAST:
                angle = 0.0
        if angle:
            found[index] = angle
    return found


def levelled(textpage: pdfium.PdfTextPage, words: Sequence[Word], angles: Mapping[int, float]) -> list[Word]:
    """Returns the words of a page turned back by the angle of most of them, around the middle of what they cover."""
    angle = median(angles.values())
    cosine, sine = math.cos(angle), math.sin(angle)
    middle_x = (min(word[1] for word in words) + max(word[3] for word in words)) / 2
    middle_y = (min(word[2] for word in words) + max(word[4] for word in words)) / 2
    turned: list[Word] = []
    matrix = pdfium_c.FS_MATRIX()
    for text, x0, y0, x1, y1, index, new_line in words:
        pdfium_c.FPDFText_GetMatrix(textpage, index, ctypes.byref(matrix))
        size = pdfium_c.FPDFText_GetFontSize(textpage, index) * math.hypot(matrix.c, matrix.d)
        height = _LINE_HEIGHT * (size or 1.0)
        # The box of a slanted word is width * cos + height * sin wide and width * sin + height * cos high.
        if abs(cosine) > abs(sine):
            width = (x1 - x0 - height * abs(sine)) / abs(cosine)
        else:
            width = (y1 - y0 - height * abs(cosine)) / abs(sine)
        width = max(width, 0.3 * height * len(text))
        x, y = (x0 + x1) / 2 - middle_x, (y0 + y1) / 2 - middle_y
        left = middle_x + x * cosine + y * sine - width / 2
        bottom = middle_y - x * sine + y * cosine - height / 2
        turned.append((text, left, bottom, left + width, bottom + height, index, new_line))
    return turned
