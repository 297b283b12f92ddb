"""Puts lines of right-to-left scripts and of vertical writing into the order in which they are read.

PDFium tells such lines partly as they are drawn and partly as they are read, so they are made anew from where each
character stands. Each stretch of a line without a wide gap comes as one word, spaces included.
The caller holds ``rag.parsers.pdf.page.open_pdf.LOCK``.
"""

import ctypes
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.placement import Word

_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LINE = re.compile(r"[^\r\n]+")
_BRACKETS = {
    left: right for one, other in ("()", "[]", "{}", "<>", "«»", "‹›") for left, right in ((one, other), (other, one))
}
_SEPARATORS = frozenset(".,:/\u066b\u066c")
_BESIDE_NUMBERS = frozenset("%$€£₪°+\u2212\u066a")
_WORD_GAP = 0.16
_CELL_GAP = 0.95
"""Gaps between words and between cells, in heights of a line."""
_COLUMN_WIDTH = 1.5
"""Width that a vertical line is given, in heights of a character: such lines stand further apart than others."""
_VERTICAL_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class _Character:
    """A character with the marks above and below it, the first of its indices, and its box, y upwards."""

    text: str
    index: int
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2


def is_right_to_left(text: str) -> bool:
    """Tells whether most letters of a page are of a right-to-left script."""
    count = len(_RTL.findall(text))
    return count > 0 and 2 * count > sum(map(str.isalpha, text))


def holds_right_to_left(text: str) -> bool:
    return _RTL.search(text) is not None


def is_vertical(textpage: pdfium.PdfTextPage, text: str) -> bool:
    """Tells whether most of a page's Chinese or Japanese characters stand one below the other."""
    found = [match.start() for match in _CJK.finditer(text)]
    if len(found) < 8 or 3 * len(found) < sum(map(str.isalpha, text)):
        return False
    pairs = [(one, other) for one, other in pairwise(found[:400]) if other == one + 1]
    x, y = ctypes.c_double(), ctypes.c_double()
    below = 0
    for one, other in pairs:
        pdfium_c.FPDFText_GetCharOrigin(textpage, one, ctypes.byref(x), ctypes.byref(y))
        left, base = x.value, y.value
        pdfium_c.FPDFText_GetCharOrigin(textpage, other, ctypes.byref(x), ctypes.byref(y))
        below += base - y.value > 2 * abs(x.value - left)
    return below > _VERTICAL_SHARE * len(pairs)


def right_to_left_words(
    textpage: pdfium.PdfTextPage, text: str, words: Sequence[Word], hidden: Sequence[range], *, whole_page: bool
) -> list[Word]:
    """Returns the words of a page with its right-to-left lines made anew, all of its lines where ``whole_page``."""
    made: list[Word] = []
    position = 0
    for line in _LINE.finditer(text):
        before = position
        while position < len(words) and words[position][5] < line.end():
            position += 1
        if not whole_page and not holds_right_to_left(line.group()):
            made.extend(words[before:position])
            continue
        characters = _characters(textpage, text, range(line.start(), line.end()), hidden)
        for stretch in _stretches(characters):
            spoken = " ".join(_in_reading_order(stretch, whole_page).split())
            if spoken:
                made.append(_word(spoken, stretch))
    return made


def vertical_words(textpage: pdfium.PdfTextPage, text: str, hidden: Sequence[range]) -> list[Word]:
    """Returns one word for each stretch of a vertical line, wide enough that the lines of a paragraph hang together."""
    made: list[Word] = []
    for line in _LINE.finditer(text):
        column: list[_Character] = []
        for character in _characters(textpage, text, range(line.start(), line.end()), hidden):
            if column and not _is_below(column[-1], character):
                made.append(_column(column))
                column = []
            column.append(character)
        if column:
            made.append(_column(column))
    return [word for word in made if word[0].strip()]


def _is_below(one: _Character, other: _Character) -> bool:
    height = max(one.y1 - one.y0, other.y1 - other.y0)
    return abs(one.x0 - other.x0) < height and -0.5 * height < one.y0 - other.y1 < height


def _column(characters: Sequence[_Character]) -> Word:
    text, x0, y0, x1, y1, first, _ = _word("".join(c.text for c in characters), characters)
    height = max(c.y1 - c.y0 for c in characters)
    # A font without vertical metrics tells boxes that are too narrow; a line is as wide as its characters are high.
    middle = x0 + max(x1 - x0, height) / 2 if x1 - x0 < height else (x0 + x1) / 2
    half = _COLUMN_WIDTH * height / 2
    return text, middle - half, y0, middle + half, y1, first, True


def _word(text: str, characters: Sequence[_Character]) -> Word:
    return (
        text,
        min(c.x0 for c in characters),
        min(c.y0 for c in characters),
        max(c.x1 for c in characters),
        max(c.y1 for c in characters),
        min(c.index for c in characters),
        True,
    )


def _characters(
    textpage: pdfium.PdfTextPage, text: str, indices: range, hidden: Sequence[range]
) -> Iterator[_Character]:
    box = pdfium_c.FS_RECTF()
    for index in indices:
        character = text[index]
        if any(index in unseen for unseen in hidden) or (ord(character) < 32 and character not in "\t\x02"):
            continue
        if pdfium_c.FPDFText_GetLooseCharBox(textpage, index, ctypes.byref(box)):
            yield _Character(character, index, box.left, box.bottom, box.right, box.top)


def _stretches(characters: Iterator[_Character]) -> list[list[_Character]]:
    """Divides the characters of a line, in visual order from left to right, at wide gaps; spaces stand for the smaller
    ones.
    """
    # Spaces without a width are PDFium's own, put in where a line is not told as it runs.
    found = [c for c in characters if not c.text.isspace() or c.x1 > c.x0]
    drawn = sorted(_with_marks(found), key=lambda character: character.middle)
    height = max((c.y1 - c.y0 for c in drawn), default=0.0)
    stretches: list[list[_Character]] = []
    for character in drawn:
        if stretches:
            before = stretches[-1][-1]
            gap = character.x0 - max(c.x1 for c in stretches[-1][-3:])
            if gap < _CELL_GAP * height:
                if gap > _WORD_GAP * height:
                    stretches[-1].append(_Character(" ", before.index, before.x1, before.y0, character.x0, before.y1))
                stretches[-1].append(character)
                continue
        stretches.append([character])
    return stretches


def _with_marks(characters: list[_Character]) -> list[_Character]:
    """Joins vowel points and other marks to the character that they stand at, pieces of a ligature to one another."""
    bases = [c for c in characters if not unicodedata.combining(c.text)]
    marks = [c for c in characters if unicodedata.combining(c.text)]
    joined: list[_Character] = []
    for base in bases:
        if joined and (joined[-1].x0, joined[-1].x1) == (base.x0, base.x1) and base.x1 > base.x0:
            pieces = joined.pop()
            # Of lam and alef, the one ligature of all fonts, lam comes first.
            text = base.text + pieces.text if base.text == "\u0644" else pieces.text + base.text
            joined.append(_Character(text, pieces.index, base.x0, base.y0, base.x1, base.y1))
        else:
            joined.append(base)
    for mark in marks:
        at = min(range(len(joined)), key=lambda n: abs(joined[n].middle - mark.middle), default=None)
        if at is not None:
            base = joined[at]
            joined[at] = _Character(base.text + mark.text, base.index, base.x0, base.y0, base.x1, base.y1)
    return joined


def _in_reading_order(drawn: Sequence[_Character], page_is_rtl: bool) -> str:
    """Turns the visual order, from left to right, into the order of reading: the Unicode bidirectional algorithm (UAX
    9) backwards, for lines without embeddings.
    """
    units = [character.text for character in drawn]
    kinds = _kinds(units)
    strong = kinds.count("R") - kinds.count("L")
    rtl = strong > 0 or (strong == 0 and page_is_rtl)
    kinds = _resolved(kinds, rtl=rtl)
    runs = [
        (kind, [unit for _, unit in group])
        for kind, group in groupby(zip(kinds, units, strict=True), key=lambda item: item[0])
    ]
    parts = [_mirrored("".join(reversed(run))) if kind == "R" else "".join(run) for kind, run in runs]
    return "".join(reversed(parts)) if rtl else "".join(parts)


def _kinds(units: Sequence[str]) -> list[str]:
    """Returns R for a letter of a right-to-left script, L for another, N for a part of a number, "" for all else."""
    kinds = [
        "R" if _RTL.match(u) and u[0].isalpha() else "L" if u[0].isalpha() else "N" if u[0].isdecimal() else ""
        for u in units
    ]
    for index, unit in enumerate(units):
        before, behind = kinds[index - 1 : index], kinds[index + 1 : index + 2]
        between = before == behind == ["N"] and unit in _SEPARATORS
        if not kinds[index] and (between or (unit in _BESIDE_NUMBERS and "N" in before + behind)):
            kinds[index] = "N"
    return kinds


def _resolved(kinds: list[str], *, rtl: bool) -> list[str]:
    """Gives every character R or L. What lies between two runs of the same direction goes with them."""
    stretches = [(kind, len(list(group))) for kind, group in groupby(kinds)]
    resolved: list[str] = []
    for index, (kind, length) in enumerate(stretches):
        before = next((k for k, _ in reversed(stretches[:index]) if k), "")
        behind = next((k for k, _ in stretches[index + 1 :] if k), "")
        if kind in ("R", "L"):
            direction = kind
        elif kind == "N":
            direction = "N"
        elif rtl:
            direction = "L" if {before, behind} in ({"L"}, {"L", "N"}) else "R"
        else:
            direction = "R" if before == behind == "R" or ({before, behind} == {"R", "N"}) else "L"
        resolved += [direction] * length
    # A number reads from left to right, and within right-to-left text it is a run of its own.
    return ["L" if kind == "N" else kind for kind in resolved]


def _mirrored(text: str) -> str:
    """Turns brackets round, unless they open and close as they should already."""
    if not any(character in _BRACKETS for character in text):
        return text
    turned = "".join(_BRACKETS.get(character, character) for character in text)
    return text if _faults(text) < _faults(turned) else turned


def _faults(text: str) -> int:
    """Counts the brackets that close before they open."""
    depth = faults = 0
    for character in text:
        if character in "([{«‹":
            depth += 1
        elif character in ")]}»›":
            faults, depth = (faults + 1, 0) if not depth else (faults, depth - 1)
    return faults
