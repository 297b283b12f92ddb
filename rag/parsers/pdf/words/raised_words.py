"""Finds raised and lowered characters within a word and writes them apart from those on the line.

The caller holds ``rag.parsers.pdf.page.open_pdf.LOCK``.
"""

import ctypes
import re
from itertools import groupby

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.raised import fraction, subscript, superscript

_DENOMINATOR = re.compile(r"[/\u2044]\d+")
_SMALLER = 0.85
_RISE = 0.12
_FAR_RISE = 0.25
_SINK = 0.06
"""Shares of the height of the characters on the line: how small the others are, and how far off the baseline. A
character of full size counts as raised from the larger share on."""


def spelled(textpage: pdfium.PdfTextPage, word: str, first: int) -> str:
    """Returns a word, whose first character has the index ``first``, with its raised and lowered characters written in
    line; the word itself where it has none.
    """
    box, x, y = pdfium_c.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    heights: list[float] = []
    bases: list[float] = []
    for index in range(first, first + len(word)):
        if not pdfium_c.FPDFText_GetLooseCharBox(textpage, index, ctypes.byref(box)):
            return word
        if not pdfium_c.FPDFText_GetCharOrigin(textpage, index, ctypes.byref(x), ctypes.byref(y)):
            return word
        heights.append(box.top - box.bottom)
        bases.append(y.value)
    tallest = max(heights)
    on_line = [base for base, height in zip(bases, heights, strict=True) if height > _SMALLER * tallest]
    base = min(on_line)
    kinds = [_kind(y - base, height, tallest) for y, height in zip(bases, heights, strict=True)]
    if not any(kinds):
        return word
    groups = [
        (kind, "".join(character for _, character in group))
        for kind, group in groupby(zip(kinds, word, strict=True), key=lambda item: item[0])
    ]
    return _written(groups)


def _kind(rise: float, height: float, tallest: float) -> int:
    """Returns 1 for a raised character, -1 for a lowered one, 0 for one on the line."""
    smaller = height < _SMALLER * tallest
    if rise > (_RISE if smaller else _FAR_RISE) * tallest:
        return 1
    return -1 if smaller and rise < -_SINK * tallest else 0


def _written(groups: list[tuple[int, str]]) -> str:
    text = ""
    for index, (kind, part) in enumerate(groups):
        behind = "".join(other for on_line, other in groups[index + 1 : index + 3] if on_line <= 0)
        if kind == 1 and _DENOMINATOR.fullmatch(behind):
            return text + fraction(text, part, behind[1:])
        text += superscript(text, part) if kind == 1 else subscript(text, part) if kind == -1 else part
    return text
