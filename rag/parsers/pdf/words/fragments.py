"""Reads one page of a PDF into fragments: stretches of words on one line with no wide gap, with their boxes.

Coordinates are points from the top left corner of the page turned so that most of its text reads upright.
Fragments come in the order of the page's content stream. The caller holds ``rag.parsers.pdf.page.open_pdf.LOCK``.
"""

import ctypes
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.characters import LINE_HYPHENS, clean
from rag.parsers.pdf.page.pdfium_calls import address_of, by_address
from rag.parsers.pdf.page.placed_table import PlacedTable
from rag.parsers.pdf.page.placement import Placement, Word
from rag.parsers.pdf.page.visibility import visible_words
from rag.parsers.pdf.words.directions import (
    holds_right_to_left,
    is_right_to_left,
    is_vertical,
    right_to_left_words,
    vertical_words,
)
from rag.parsers.pdf.words.letter_spacing import closed_up
from rag.parsers.pdf.words.raised_words import spelled
from rag.parsers.pdf.words.slant import levelled, slants
from rag.parsers.raised import superscript

GAP = 0.85
"""A gap wider than this many line heights ends a fragment (a cell's border, a gutter)."""

_WORD_OR_BREAK = re.compile(r"[^\s\u00a0\x02\ufffe]+[\x02\ufffe]?|[\r\n]+")
"""PDFium writes one of two marks for a hyphen at a line's end, and then no line break."""
_OFF_LINE = 0.12
"""Share of a word's height by which its last character is off its first where some may be raised or lowered."""
_MARK_INSIDE = re.compile(r"\d[,.;:]+$|[^\W\d_]\d|\d[^\W\d_]")
"""Words in whose middle a raised or lowered digit may stand."""
_CURRENCY = frozenset("$€£¥₩₹")
_ENDS_VALUE = frozenset("0123456789)%—–-")
_APART = 0.35
"""Share of a line's height from which on a sign of currency behind a value belongs to the next cell."""
_TWO_UNITS = re.compile("[\U00010000-\U0010ffff]")
_FONT_NAME_BYTES = 96
_SPACED = 0.8
"""Height of a line from which on the average width of a word's letters, with what is between them, is unusual."""
_MARK_CHARACTERS = 4
_BOLD_NAMES = (b"bold", b"black", b"heavy", b"demi", b"-medi", b"cmbx")
_FORCE_BOLD = 1 << 18
"""A bit of a font descriptor's flags (ISO 32000-1, table 123)."""


_four_numbers = struct.Struct("4f").unpack_from
"""Several times as fast as to unpack an array of ctypes."""
_loose_box = by_address("FPDFText_GetLooseCharBox", ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


@dataclass(slots=True)
class Fragment:
    """Words on one line. ``size`` is the font's in points, ``order`` the place in the content stream.

    ``answer``: a form's label with the value that was entered. ``words`` are those of the page's own space; a fragment
    that was not read from there has none. ``table``: the fragment stands for a table, whose text it holds.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool
    order: int
    answer: bool = False
    words: Sequence[Word] = ()
    table: PlacedTable | None = None


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page holds. ``sideways`` are lines that stand at right angles to the others; ``place`` says how
    coordinates were made; ``hidden`` counts the words that nobody sees.
    """

    number: int
    width: float
    height: float
    fragments: list[Fragment]
    sideways: tuple[str, ...]
    characters: int
    place: Placement
    hidden: int = 0


def characters_of(textpage: pdfium.PdfTextPage) -> str:
    """Returns the page's characters, exactly one for each of PDFium's character indices."""
    count = pdfium_c.FPDFText_CountChars(textpage)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (2 * count + 2))()
    written = pdfium_c.FPDFText_GetText(textpage, 0, count, buffer)
    text = bytes(memoryview(buffer)[: max(written - 1, 0)]).decode("utf-16-le", "replace")
    if len(text) == count:
        return text
    # A character beyond the BMP takes two indices; the second one holds nothing.
    text = _TWO_UNITS.sub(lambda match: match[0] + "\0", text)
    if len(text) == count:
        return text
    # Characters were left out: ask for each, so that positions stay indices.
    codes = (pdfium_c.FPDFText_GetUnicode(textpage, index) for index in range(count))
    return "".join(chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\x00" for code in codes)


def read_page(page: pdfium.PdfPage, number: int) -> PageText:
    """Returns the fragments of one page."""
    textpage = page.get_textpage()
    try:
        text = characters_of(textpage)
        found = _words(textpage, text)
        words = visible_words(page, textpage, found)
        hidden = len(found) - len(words)
        upright, sideways, place = _in_reading_direction(page, textpage, text, words, found if hidden else ())
        fragments = _fragments(upright, place, _Fonts(textpage))
    finally:
        textpage.close()
    return PageText(
        number=number,
        width=place.width,
        height=place.height,
        fragments=fragments,
        sideways=tuple(_lines_of(sideways)),
        characters=sum(len(word[0]) for word in words),
        place=place,
        hidden=hidden,
    )


def _in_reading_direction(
    page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, text: str, words: list[Word], found: Sequence[Word]
) -> tuple[list[Word], list[Word], Placement]:
    """Returns the words in the main direction, the others, and the placement that makes lines run to the right and
    downwards in the order of reading. ``found`` are all words where ``words`` are the visible ones of them.
    """
    seen = {word[5] for word in words} if found else set()
    unseen = [range(word[5], word[5] + len(word[0])) for word in found if word[5] not in seen]
    words = closed_up(words)
    angles = slants(textpage, words)
    slanted = [words[index] for index in angles]
    if angles:
        if 2 * len(angles) > len(words):
            return levelled(textpage, words, angles), [], Placement.of(page, 0)
        words = [word for index, word in enumerate(words) if index not in angles]
    if text.isascii():
        upright, sideways, turn = _split_by_direction(textpage, words)
        return upright, sideways + slanted, Placement.of(page, turn)
    if is_vertical(textpage, text):
        return vertical_words(textpage, text, unseen), [], Placement.of(page, 270)
    upright, sideways, turn = _split_by_direction(textpage, words)
    mirrored = is_right_to_left(text) and turn == 0
    if mirrored or (turn == 0 and holds_right_to_left(text)):
        upright = right_to_left_words(textpage, text, upright, unseen, whole_page=mirrored)
    return upright, sideways + slanted, Placement.of(page, turn, mirrored=mirrored)


def _words(textpage: pdfium.PdfTextPage, text: str) -> list[Word]:
    words: list[Word] = []
    box = (ctypes.c_float * 4)()  # left, top, right, bottom (FS_RECTF)
    reference = ctypes.addressof(box)
    raw = address_of(textpage.raw)
    new_line = True
    for match in _WORD_OR_BREAK.finditer(text):
        word = match.group()
        if word[0] in "\r\n":
            new_line = True
            continue
        first, last = match.start(), match.end() - 1
        if not _loose_box(raw, first, reference):
            continue
        x0, y1, x1, y0 = _four_numbers(box)
        if last > first and _loose_box(raw, last, reference):
            left, top, right, bottom = _four_numbers(box)
            off_line = abs(bottom - y0) + abs(top - y1)
            if left > x0 and off_line < y1 - y0 and (off_line > _OFF_LINE * (y1 - y0) or _MARK_INSIDE.search(word)):
                word = spelled(textpage, word, first)
            # Comparisons, for a page has thousands of words.
            x0, y0 = left if left < x0 else x0, bottom if bottom < y0 else y0
            x1, y1 = right if right > x1 else x1, top if top > y1 else y1
        words.append((word, x0, y0, x1, y1, first, new_line))
        new_line = word[-1] in "\x02\ufffe"
    return words


def _split_by_direction(textpage: pdfium.PdfTextPage, words: list[Word]) -> tuple[list[Word], list[Word], int]:
    """Returns the words in the main direction, the others, and the degrees (clockwise) that bring the main direction
    upright.
    """
    tall = {
        index
        for index, (text, x0, y0, x1, y1, _, _) in enumerate(words)
        if len(text) > 2 and (y1 - y0) > 1.5 * (x1 - x0)
    }
    if not tall:
        first = next((word[5] for word in words if len(word[0]) > 2), None)
        upside_down = first is not None and _quarter(textpage, first) == 2
        return words, [], 180 if upside_down else 0
    turned = {index: quarter for index in tall if (quarter := _quarter(textpage, words[index][5])) in (1, 3)}
    if not turned:
        return words, [], 0
    if len(turned) * 2 < sum(len(word[0]) > 2 for word in words):
        upright: list[Word] = []
        sideways: list[Word] = []
        aside = False
        for index, word in enumerate(words):
            # A short word beside a sideways one belongs to it.
            aside = index in turned or (aside and len(word[0]) <= 2 and not word[6])
            (sideways if aside else upright).append(word)
        return upright, sideways, 0
    quarters = list(turned.values())
    return words, [], 360 - 90 * max(set(quarters), key=quarters.count)


def _quarter(textpage: pdfium.PdfTextPage, index: int) -> int:
    """Returns the quarter turns, clockwise, by which the character stands off the horizontal."""
    angle = pdfium_c.FPDFText_GetCharAngle(textpage, index)
    return round(angle * 2 / math.pi) % 4 if angle >= 0 else 0


class _Fonts:
    """Size and weight of the font at a character; what a font's name says is kept."""

    def __init__(self, textpage: pdfium.PdfTextPage) -> None:
        self._raw = textpage.raw
        self._buffer = ctypes.create_string_buffer(_FONT_NAME_BYTES)
        self._flags = ctypes.c_int()
        self._matrix = pdfium_c.FS_MATRIX()
        self._known: dict[bytes, bool] = {}

    def bold(self, index: int) -> bool:
        length = pdfium_c.FPDFText_GetFontInfo(
            self._raw, index, self._buffer, _FONT_NAME_BYTES, ctypes.byref(self._flags)
        )
        name = self._buffer.value if 0 < length <= _FONT_NAME_BYTES else b""
        bold = self._known.get(name)
        if bold is None:
            lowered = name.lower()
            bold = any(sign in lowered for sign in _BOLD_NAMES) or bool(self._flags.value & _FORCE_BOLD)
            self._known[name] = bold
        return bold

    def size(self, index: int, height: float) -> float:
        """Returns the size in points on the page; ``height`` is that of the character's box, for fonts that lie about
        themselves.
        """
        size = float(pdfium_c.FPDFText_GetFontSize(self._raw, index))
        if pdfium_c.FPDFText_GetMatrix(self._raw, index, ctypes.byref(self._matrix)):
            size *= math.hypot(self._matrix.c, self._matrix.d)
        return size if 0.4 * height < size < 2.5 * height else max(height, 1.0)


def _fragments(words: Sequence[Word], place: Placement, fonts: _Fonts) -> list[Fragment]:
    lines: list[list[Word]] = []
    x1 = y0 = y1 = limit = 0.0
    turned = place.rotation or place.mirrored
    for word in words:
        text, left, bottom, right, top, _, new_line = word
        if turned:
            left, bottom, right, top = place.place(left, bottom, right, top)
        height = top - bottom
        # Between words whose letters stand apart, spaces are as much wider.
        if len(text) > 2 or new_line:
            pitch = (right - left) / len(text)
            limit = 2.5 * pitch if pitch > _SPACED * height and len(text) > 2 else 0.0
        gap, off = left - x1, abs((bottom + top) - (y0 + y1))
        if (
            lines
            and not new_line
            and -height < gap
            and (gap < GAP * height or gap < limit)
            and (off < height or off < y1 - y0)
            and not (text[0] in _CURRENCY and begins_value(lines[-1][-1][0], text, gap, height))
        ):
            lines[-1].append(word)
        else:
            lines.append([word])
        x1, y0, y1 = right, bottom, top
    fragments = (_fragment(line, place, fonts, order) for order, line in enumerate(lines))
    return [fragment for fragment in fragments if fragment.text]


def begins_value(before: str, text: str, gap: float, height: float) -> bool:
    """Whether a sign of currency stands so far behind a value that it belongs to the next cell."""
    return text[0] in _CURRENCY and gap > _APART * height and before[-1] in _ENDS_VALUE


def _fragment(words: list[Word], place: Placement, fonts: _Fonts, order: int) -> Fragment:
    longest = words[0]
    _, left, bottom, right, top, _, _ = longest
    if len(words) > 1:
        texts, lefts, bottoms, rights, tops, _, _ = zip(*words, strict=True)
        left, bottom, right, top = min(lefts), min(bottoms), max(rights), max(tops)
        longest = words[texts.index(max(texts, key=len))]
    x0, y0, x1, y1 = place.place(left, bottom, right, top)
    size = fonts.size(longest[5], longest[4] - longest[2] if place.rotation in (0, 180) else longest[3] - longest[1])
    bold = fonts.bold(words[0][5]) and (len(words) == 1 or fonts.bold(words[-1][5]))
    text = joined_words(words, upright=not place.rotation)
    return Fragment(text, x0, y0, x1, y1, size, bold, order, words=words)


def joined_words(words: Sequence[Word], *, upright: bool) -> str:
    """The text of words on one line."""
    line = ""
    before: Word | None = None
    for word in words:
        if upright and before is not None and word[2] > before[2] and _is_raised(word, before):
            line += superscript(line, word[0])
            continue
        apart = line and not (word[0] == ")" and line[-1].isdigit())  # a bracket set apart in a table
        line = f"{line} {word[0]}" if apart else line + word[0]
        before = word
    if not line:
        return ""
    if line[-1] in LINE_HYPHENS:
        line = line[:-1] + "\u2010"
    return " ".join(clean(line).split()) if not line.isascii() or not line.isprintable() else line


def _is_raised(word: Word, before: Word) -> bool:
    """Tells whether a word is the footnote's mark or the exponent of the one before it."""
    height = before[4] - before[2]
    return (
        len(word[0]) <= _MARK_CHARACTERS
        and word[4] - word[2] < 0.82 * height
        and word[2] > before[2] + 0.2 * height
        and word[1] - before[3] < 0.5 * height
    )


def _lines_of(words: Sequence[Word]) -> list[str]:
    lines: list[list[Word]] = []
    for word in words:
        if word[6] or not lines:
            lines.append([])
        lines[-1].append(word)
    return [line for words in lines if (line := joined_words(words, upright=False))]
