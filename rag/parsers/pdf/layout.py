"""Puts the fragments of one page into rows in reading order: column by column, and in a column row by row.

A row holds its cells from left to right. Columns of prose are told from columns of a table by three signs: lines
of letters on both sides of a gutter, how often the content stream changes sides (a table is written row by row),
and whether lines fill their column.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag.parsers.pdf.page.characters import BULLETS
from rag.parsers.pdf.page.placed_table import PlacedTable
from rag.parsers.pdf.words.fragments import Fragment, begins_value

GAP = 0.95
"""A gap wider than this many times the size of the font is a cell's border."""

_MIN_COLUMN_LINES = 3
_FEW_LINES = 4
"""Columns of fewer lines count only where their lines run on from one to the next."""
_GOES_ON = 4.0
"""Heights of a line below a short last column in which the column beside it may go on."""
_MAX_DEPTH = 4
_PROSE_LETTERS = 18
_LONG_LINE = 30
_CURRENCY = frozenset("$€£¥₩₹") | {"US$", "C$", "A$", "HK$", "CHF", "EUR", "USD", "GBP", "RMB", "NT$"}
_BULLETS = frozenset(BULLETS)
_NUMBERING = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,5})(?:\.\d{1,3})*[.)]?")
_TRAILING = frozenset({")", "%", ")%", "%)", "pts", "pt"})


@dataclass(slots=True)
class Row:
    """One line of a column: its cells from left to right, each with its left and right edge.

    ``answer``: some of it was entered into a form, each cell is a field with its label. ``table``: it is not a line but
    a table with lines around its cells. ``fragments`` are what the row was made of.
    """

    cells: list[str]
    edges: list[tuple[float, float]]
    y0: float
    y1: float
    size: float
    bold: bool
    column: int
    answer: bool = False
    table: PlacedTable | None = None
    fragments: Sequence[Fragment] = ()

    @property
    def x0(self) -> float:
        return self.edges[0][0]

    @property
    def x1(self) -> float:
        return self.edges[-1][1]

    @property
    def text(self) -> str:
        return " ".join(self.cells)


def rows_in_reading_order(fragments: Sequence[Fragment]) -> list[Row]:
    """Returns every fragment, once, in rows. ``Row.column`` counts the stretches that hang together, from 0."""
    rows: list[Row] = []
    for region in _regions(list(fragments), 0):
        column = rows[-1].column + 1 if rows else 0
        rows.extend(_rows(region, column))
    return rows


def _regions(fragments: list[Fragment], depth: int) -> list[list[Fragment]]:
    """Splits the fragments into stretches that are each read row by row."""
    gutter = _gutter(fragments) if depth < _MAX_DEPTH and len(fragments) >= 2 * _MIN_COLUMN_LINES else None
    if gutter is None:
        return [fragments] if fragments else []
    regions: list[list[Fragment]] = []
    across: list[Fragment] = []
    beside: list[Fragment] = []
    for fragment in sorted(fragments, key=lambda item: item.y0 + item.y1):
        if fragment.x0 < gutter - 1 and fragment.x1 > gutter + 1:
            regions.extend(_columns(beside, gutter, depth))
            beside = []
            across.append(fragment)
        else:
            if across:
                regions.append(across)
                across = []
            beside.append(fragment)
    if across:
        regions.append(across)
    regions.extend(_columns(beside, gutter, depth))
    return regions


def _columns(fragments: list[Fragment], gutter: float, depth: int) -> list[list[Fragment]]:
    left = [fragment for fragment in fragments if fragment.x0 < gutter - 1]
    right = [fragment for fragment in fragments if fragment.x0 >= gutter - 1]
    if not left or not right:
        return _regions(fragments, depth + 1)
    if not (_some_prose(left) or _some_prose(right)):
        return [fragments]
    return _regions(left, depth + 1) + _regions(right, depth + 1)


def _some_prose(fragments: list[Fragment]) -> bool:
    return any(_is_prose(fragment) for fragment in fragments)


def _is_prose(fragment: Fragment) -> bool:
    text = fragment.text
    return fragment.table is None and len(text) >= _PROSE_LETTERS and sum(map(str.isalpha, text)) * 10 >= 6 * len(text)


def _gutter(fragments: list[Fragment]) -> float | None:
    """Returns the x at which a second column of prose begins, or None."""
    prose = [fragment for fragment in fragments if _is_prose(fragment)]
    if len(prose) < 2 * _MIN_COLUMN_LINES:
        return None
    starts = sorted(prose, key=lambda fragment: fragment.x0)
    leftmost = starts[0].x0
    best, best_score = None, 0
    index = 0
    while index < len(starts):
        start = starts[index].x0
        end = index
        while end < len(starts) and starts[end].x0 <= start + 3:
            end += 1
        cluster = starts[index:end]
        index = end
        if len(cluster) >= _MIN_COLUMN_LINES and start > leftmost + 30:
            # Midway between the columns, so that a quotation mark may hang out of either.
            ends = [fragment.x1 for fragment in prose if fragment.x1 <= start + 1]
            gutter = start - 1 - min(12.0, max(0.0, start - max(ends, default=start)) / 2)
            score = _separation(fragments, prose, cluster, gutter)
            if score > best_score:
                best, best_score = gutter, score
    return best


def _separation(fragments: list[Fragment], prose: list[Fragment], cluster: list[Fragment], gutter: float) -> int:
    """Counts the lines of prose beside one another at ``gutter``, less what lies across; 0 for no gutter."""
    top = min(fragment.y0 for fragment in cluster)
    bottom = max(fragment.y1 for fragment in cluster)
    end = bottom + _GOES_ON * median(fragment.y1 - fragment.y0 for fragment in cluster)
    left = [fragment for fragment in prose if fragment.x1 <= gutter + 1 and fragment.y1 > top and fragment.y0 < end]
    right = [fragment for fragment in prose if fragment.x0 >= gutter - 1 and fragment.y1 > top and fragment.y0 < bottom]
    fewer = min(len(left), len(right))
    if fewer < _MIN_COLUMN_LINES:
        return 0
    across = [fragment for fragment in fragments if fragment.x0 < gutter - 1 and fragment.x1 > gutter + 1]
    if 3 * sum(fragment.y1 > top and fragment.y0 < bottom for fragment in across) > fewer:
        return 0
    sides = sorted([(fragment.order, 0) for fragment in left] + [(fragment.order, 1) for fragment in right])
    changes = sum(one[1] != other[1] for one, other in pairwise(sides))
    within = sum(fragment.y1 > top and fragment.y0 < bottom for fragment in fragments)
    all_prose = 4 * (within - len(left) - len(right)) <= len(left) + len(right)
    runs_on = all_prose and _runs_on(left) and _runs_on(right) and not _start_together(left, right)
    in_turn = changes * 4 <= fewer or (fewer >= 2 * _FEW_LINES and _fills(left) and _fills(right))
    if runs_on or (in_turn and min(fewer, len(cluster)) >= _FEW_LINES):
        return max(1, 3 * fewer - len(across))
    return 0


def _runs_on(lines: list[Fragment]) -> bool:
    """Tells whether most lines go on in the middle of a sentence, as prose does."""
    inside = sum(line.text[0].islower() for line in lines)
    long = _PROSE_LETTERS if len(lines) >= _FEW_LINES else _LONG_LINE
    return 2 * inside >= len(lines) and median(len(line.text) for line in lines) >= long


def _start_together(left: list[Fragment], right: list[Fragment]) -> bool:
    """Tells whether sentences begin at the same heights on both sides, as the cells of a row do."""
    starts = [line.y0 for line in left if not line.text[0].islower()]
    opposite = [line.y0 for line in right if not line.text[0].islower()]
    level = sum(any(abs(y - other) < 3 for other in opposite) for y in starts)
    return level >= 2 and 2 * level >= min(len(starts), len(opposite))


def _fills(lines: list[Fragment]) -> bool:
    """Tells whether most lines run to the right edge of their column, as prose does and cells do not."""
    edge = sorted(line.x1 for line in lines)[len(lines) * 9 // 10]
    width = edge - min(line.x0 for line in lines)
    full = sum(line.x1 > edge - 0.15 * width for line in lines)
    return full * 10 >= 7 * len(lines) and median(len(line.text) for line in lines) >= _LONG_LINE


def _rows(fragments: list[Fragment], column: int) -> list[Row]:
    lines: list[list[Fragment]] = []
    top = bottom = 0.0
    for fragment in sorted(fragments, key=lambda item: item.y0 + item.y1):
        overlap = min(bottom, fragment.y1) - max(top, fragment.y0)
        apart = fragment.table is not None or (lines and lines[-1][0].table is not None)
        if lines and not apart and overlap > 0.5 * min(bottom - top, fragment.y1 - fragment.y0):
            lines[-1].append(fragment)
            # A large initial must not swallow the next line: the band stays that of the smaller fragment.
            if fragment.y1 - fragment.y0 < bottom - top:
                top, bottom = fragment.y0, fragment.y1
        else:
            lines.append([fragment])
            top, bottom = fragment.y0, fragment.y1
    return [_row(line, column) for line in lines]


def _row(fragments: list[Fragment], column: int) -> Row:
    if len(fragments) > 1:
        fragments.sort(key=lambda fragment: fragment.x0)
    widest = max(fragments, key=lambda fragment: len(fragment.text)) if len(fragments) > 1 else fragments[0]
    cells: list[str] = []
    edges: list[tuple[float, float]] = []
    for fragment in fragments:
        gap = fragment.x0 - edges[-1][1] if edges else 0.0
        if edges and not fragment.answer and _belongs(cells, fragment, gap):
            tight = (
                gap < 0.12 * fragment.size and not _are_words(cells[-1], fragment.text)
            ) or fragment.text in _TRAILING
            cells[-1] += fragment.text if tight else " " + fragment.text
            edges[-1] = (edges[-1][0], max(edges[-1][1], fragment.x1))
        else:
            cells.append(fragment.text)
            edges.append((fragment.x0, fragment.x1))
    return Row(
        cells,
        edges,
        min(fragment.y0 for fragment in fragments),
        max(fragment.y1 for fragment in fragments),
        widest.size,
        all(fragment.bold for fragment in fragments),
        column,
        any(fragment.answer for fragment in fragments),
        fragments[0].table,
        fragments,
    )


def _are_words(before: str, text: str) -> bool:
    """Tells whether letters or digits of two words meet; a large initial is no word."""
    return before[-2:].isalnum() and len(before) > 1 and text[0].isalnum()


def _belongs(cells: list[str], fragment: Fragment, gap: float) -> bool:
    """Tells whether ``fragment`` goes on with the last cell: a stretched space, a currency sign, a bullet before its
    item.
    """
    before, size = cells[-1], fragment.size
    if begins_value(before, fragment.text, gap, size):
        return False
    if gap < GAP * size or before in _CURRENCY:
        return True
    if fragment.text in _TRAILING:
        return gap < 2 * size
    if len(cells) == 1 and (before in _BULLETS or (_NUMBERING.fullmatch(before) and fragment.text[:1].isalpha())):
        return gap < 5 * size
    # A wide space in justified prose.
    return gap < 1.6 * size and before[-1].isalpha() | (before[-1] in ".,;:") and fragment.text[0].isalpha()
