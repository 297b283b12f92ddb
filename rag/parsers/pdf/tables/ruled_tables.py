"""Takes the text that stands in the cells of drawn tables out of a page, and makes tables of it.

A table whose rows have no lines between them is divided into rows by its lines of text, where these are no wrapped
text. What a frame or a diagram holds stays where it is.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from rag.parsers.pdf.page.placed_table import Column, PlacedTable
from rag.parsers.pdf.page.placement import Placement
from rag.parsers.pdf.page.rulings import Rulings
from rag.parsers.pdf.tables.ruled_grid import RuledGrid, ruled_grids
from rag.parsers.pdf.words.fragments import Fragment, joined_words
from rag.parsers.tables.table import Cell, Table, kind_of

_CROSSES = 2.0
"""Points by which a word reaches over a border before it counts as lying across it."""
_MOST_ACROSS = 0.1
"""Share of the words that may lie across borders; in a diagram more do."""
_MOST_LINES = 40
"""Of a cell; a longer one is a column of a page, not a cell."""
_FEW_BANDS = 4
"""Rows between lines up to which each may hold several rows of text."""
_MOST_HEADER_ROWS = 3
_LONG_NAME = 40
_FEW_WORDS = 12
_WIDE = 0.45
"""Share of a line's height between two words."""


@dataclass(slots=True)
class _Line:
    """A line of text in a cell."""

    text: str
    x0: float
    x1: float
    middle: float
    height: float


def may_hold_table(fragments: Sequence[Fragment]) -> bool:
    """Whether some fragments stand side by side, or have words further apart than in a line of text."""
    beside = wide = 0
    before: Fragment | None = None
    for fragment in sorted(fragments, key=lambda fragment: fragment.y0 + fragment.y1):
        if before is not None and abs(fragment.y0 + fragment.y1 - before.y0 - before.y1) < fragment.size:
            beside += not (_is_mark(fragment) or _is_mark(before))
        words = fragment.words
        wide += 1 < len(words) < _FEW_WORDS and any(
            other[1] - one[3] > _WIDE * (one[4] - one[2]) for one, other in pairwise(words)
        )
        if beside or wide > 1:
            return True
        before = fragment
    return False


def _is_mark(fragment: Fragment) -> bool:
    """Whether a fragment is a bullet or number in front of an item, or a sign."""
    return len(fragment.text) < 4 and not fragment.text.isdigit()


def take_ruled_tables(
    fragments: Sequence[Fragment], rulings: Rulings, place: Placement
) -> tuple[list[Fragment], list[Fragment]]:
    """Returns the tables, each as one fragment that holds it, and the fragments that stand in none."""
    tables: list[Fragment] = []
    rest = list(fragments)
    for grid in ruled_grids(rulings):
        found = _table(grid, rest, place)
        if found is not None:
            tables.append(found[0])
            rest = found[1]
    return tables, rest


def _table(grid: RuledGrid, fragments: list[Fragment], place: Placement) -> tuple[Fragment, list[Fragment]] | None:
    regions = {
        (region.row + row, region.column + column): n
        for n, region in enumerate(grid.regions)
        for row in range(region.rows)
        for column in range(region.columns)
    }
    inside: dict[int, list[Fragment]] = {}
    outside: list[Fragment] = []
    words = across = 0
    for fragment in fragments:
        if fragment.y1 < grid.ys[0] or fragment.y0 > grid.ys[-1] or fragment.table is not None:
            outside.append(fragment)
            continue
        for piece, at, crossing in _pieces(fragment, grid, regions, place):
            if at is None:
                outside.append(piece)
            else:
                inside.setdefault(at, []).append(piece)
                words += 1
                across += crossing
    rows = {grid.regions[n].row for n in inside}
    columns = {grid.regions[n].column for n in inside}
    if len(rows) < 2 or len(columns) < 2 or across > max(1, _MOST_ACROSS * words):
        return None
    lines = {n: _lines(pieces) for n, pieces in inside.items()}
    if max(map(len, lines.values())) > _MOST_LINES:
        return None
    table = _made(grid, lines, inside)
    members = [piece for pieces in inside.values() for piece in pieces]
    text = " ".join(line.text for n in sorted(lines) for line in lines[n])
    first = min(members, key=lambda piece: piece.order)
    box = (grid.xs[0], grid.ys[0], grid.xs[-1], grid.ys[-1])
    size = median(piece.size for piece in members)
    return Fragment(text, *box, size, False, first.order, table=table), outside


def _pieces(
    fragment: Fragment, grid: RuledGrid, regions: dict[tuple[int, int], int], place: Placement
) -> Iterator[tuple[Fragment, int | None, bool]]:
    """Yields the parts of a fragment that stand in one cell each, the cell, and whether it lies across a border."""
    y = (fragment.y0 + fragment.y1) / 2

    def cell_at(x: float) -> int | None:
        at = grid.place_of(x, y)
        return None if at is None else regions[at]

    ends = cell_at(fragment.x0 + _CROSSES), cell_at(fragment.x1 - _CROSSES)
    if ends[0] == ends[1] or len(fragment.words) < 2:
        middle = cell_at((fragment.x0 + fragment.x1) / 2)
        yield fragment, middle, ends[0] != ends[1]
        return
    run: list[int] = []
    placed = [place.place(*word[1:5]) for word in fragment.words]
    at = [cell_at((box[0] + box[2]) / 2) for box in placed]
    for n in range(len(at) + 1):
        if run and (n == len(at) or at[n] != at[run[0]]):
            boxes = [placed[m] for m in run]
            x0, x1 = min(box[0] for box in boxes), max(box[2] for box in boxes)
            y0, y1 = min(box[1] for box in boxes), max(box[3] for box in boxes)
            text = joined_words([fragment.words[m] for m in run], upright=not place.rotation)
            crossing = cell_at(x0 + _CROSSES) != cell_at(x1 - _CROSSES)
            if text:
                words = tuple(fragment.words[m] for m in run)
                piece = replace(fragment, text=text, x0=x0, y0=y0, x1=x1, y1=y1, words=words)
                yield piece, at[run[0]], crossing
            run = []
        run.append(n)


def _lines(pieces: list[Fragment]) -> list[_Line]:
    """The lines of a cell from top to bottom."""
    lines: list[list[Fragment]] = []
    for piece in sorted(pieces, key=lambda piece: piece.y0 + piece.y1):
        before = lines[-1][0] if lines else None
        if before is not None and abs(piece.y0 + piece.y1 - before.y0 - before.y1) < max(
            piece.y1 - piece.y0, before.y1 - before.y0
        ):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return [
        _Line(
            " ".join(piece.text for piece in sorted(line, key=lambda piece: piece.x0)),
            min(piece.x0 for piece in line),
            max(piece.x1 for piece in line),
            (line[0].y0 + line[0].y1) / 2,
            line[0].y1 - line[0].y0,
        )
        for line in lines
    ]


def _made(grid: RuledGrid, lines: dict[int, list[_Line]], inside: dict[int, list[Fragment]]) -> PlacedTable:
    columns = len(grid.xs) - 1
    bands = len(grid.ys) - 1
    starts = [_rows_within(grid, row, lines) if bands <= _FEW_BANDS else [] for row in range(bands)]
    first = [0]
    for edges in starts:
        first.append(first[-1] + max(1, len(edges)))
    cells: list[Cell] = []
    for n, region in enumerate(grid.regions):
        found = lines.get(n, [])
        edges = starts[region.row] if region.rows == 1 else []
        if len(edges) > 1:
            for at, (top, bottom) in enumerate(zip(edges, [*edges[1:], float("inf")], strict=True)):
                text = "\n".join(line.text for line in found if top <= line.middle < bottom)
                if text:
                    cells.append(Cell(text, first[region.row] + at, region.column, 1, region.columns))
        elif found:
            height = first[region.row + region.rows] - first[region.row]
            text = "\n".join(line.text for line in found)
            cells.append(Cell(text, first[region.row], region.column, height, region.columns))
    cells.sort(key=lambda cell: (cell.row, cell.column))
    used = sorted({cell.column for cell in cells})
    header_rows = _bold_rows(grid, inside, columns) if not any(starts) else None
    if header_rows is None and _reads_on(cells):
        header_rows = 0
    table = Table(tuple(_within(cell, used) for cell in cells), header_rows=header_rows)
    return PlacedTable(table, tuple(Column(grid.xs[n], grid.xs[n + 1]) for n in used), ruled=True)


def _within(cell: Cell, used: Sequence[int]) -> Cell:
    """The cell among the columns that begin some cell with text."""
    first, last = bisect_left(used, cell.column), bisect_left(used, cell.column + cell.columns)
    return replace(cell, column=first, columns=last - first)


def _reads_on(cells: Sequence[Cell]) -> bool:
    """Whether the first row holds sentences like those below it rather than names."""
    first = next((cell.row for cell, other in pairwise(cells) if cell.row == other.row), 0)
    for cell in cells:
        below = [len(other.text) for other in cells if other.column == cell.column and other.row > cell.row]
        if cell.row == first and len(cell.text) > _LONG_NAME and below and 2 * len(cell.text) > median(below):
            return True
    return False


def _bold_rows(grid: RuledGrid, inside: dict[int, list[Fragment]], columns: int) -> int | None:
    """How many rows from the first one on are set in bold, where all names of columns are and most else is not; None
    where type says nothing."""
    rows = len(grid.ys) - 1
    bold = [True] * rows
    filled = [0] * rows
    for n, pieces in inside.items():
        region = grid.regions[n]
        for row in range(region.row, region.row + region.rows):
            bold[row] = bold[row] and all(piece.bold for piece in pieces)
            filled[row] += region.columns
    count = next((row for row in range(rows) if not (bold[row] and filled[row])), rows)
    if not 0 < count <= _MOST_HEADER_ROWS or count == rows or filled[0] < columns - 1:
        return None
    lone = any(region.row == 0 and region.columns == columns for region in grid.regions)  # a title
    return None if lone else count


def _rows_within(grid: RuledGrid, row: int, lines: dict[int, list[_Line]]) -> list[float]:
    """Where the rows of a band between two lines begin; empty where the band is one row."""
    cells = [
        (grid.xs[region.column + region.columns], lines[n])
        for n, region in enumerate(grid.regions)
        if region.row == row and region.rows == 1 and n in lines
    ]
    if sum(len(found) > 1 for _, found in cells) < 2:
        return []
    breaks = stacked = 0
    for right, found in cells:
        for one, other in pairwise(found):
            word = other.text.split()[0]
            width = (other.x1 - other.x0) * len(word) / max(1, len(other.text))
            breaks += one.x1 + width + 0.4 * one.height < right - 2
            stacked += "number" == kind_of(one.text) == kind_of(other.text)
    possible = sum(len(found) - 1 for _, found in cells)
    if stacked < 2 and (breaks < 0.7 * possible or possible < 4):
        return []
    every = sorted((line.middle, line.height) for _, found in cells for line in found)
    middles: list[list[float]] = []
    for middle, height in every:
        if middles and middle - middles[-1][0] < 0.5 * height:
            middles[-1].append(middle)
        else:
            middles.append([middle])
    height = median(height for _, height in every)
    starts = [level[0] - 0.5 * height for n, level in enumerate(middles) if n == 0 or len(level) > 1]
    return starts if len(starts) > 1 else []
