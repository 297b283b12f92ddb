"""Puts the cells of a table's rows into columns by where they stand, so that an empty cell keeps its place.

Columns are stretches of the page that cells stand in, one below the other; a cell of the header that reaches over
several of them spans them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median_high

from rag.parsers.builder import DocumentBuilder
from rag.parsers.pdf.layout import Row
from rag.parsers.table import Cell, Grid, Table

_SLACK = 1.0  # points that cells of neighbouring columns may overlap
_LINES_BETWEEN = 4
_OFF_CENTRE = 0.15  # of their width: where one name stands over all columns


@dataclass(slots=True)
class _Column:
    """A stretch of the page, and the rows that have a cell in it."""

    left: float
    right: float
    rows: set[int]

    def take(self, other: "_Column") -> None:
        self.left, self.right = min(self.left, other.left), max(self.right, other.right)
        self.rows |= other.rows

    def holds(self, edges: tuple[float, float]) -> float:
        """How much of a cell stands in the column, in points; 0 or less for one beside it."""
        return min(self.right, edges[1]) - max(self.left, edges[0])


@dataclass(frozen=True, slots=True)
class AlignedTable:
    """A table of rows that line up, and where its columns stand on the page."""

    table: Table
    columns: tuple[_Column, ...]

    def goes_on_from(self, other: "AlignedTable") -> bool:
        """Whether the columns stand below those of another table, one by one."""
        pairs = zip(self.columns, other.columns, strict=False)
        return len(self.columns) == len(other.columns) and all(
            one.holds((above.left, above.right)) > _SLACK for one, above in pairs
        )


def aligned(rows: Sequence[Row]) -> AlignedTable:
    """Puts the cells of rows into columns."""
    columns = _columns(rows)
    first_full = _first_full(rows)
    placed = [_placed(row, columns, at < first_full) for at, row in enumerate(rows)]
    cells = tuple(
        Cell(text, at, first, 1, last - first + 1)
        for at, line in enumerate(_whole_labels(placed))
        for text, first, last in line
    )
    return AlignedTable(Table(cells), tuple(columns))


_Placed = list[tuple[str, int, int]]
"""The cells of a row, each with its first and last column."""


def _placed(row: Row, columns: Sequence[_Column], may_span: bool) -> _Placed:
    groups = _even_groups(row, columns) if may_span else None
    if groups is not None:
        return groups
    cells: _Placed = []
    for text, edges in zip(row.cells, row.edges, strict=True):
        free = range(cells[-1][2] + 1 if cells else 0, len(columns)) or range(len(columns) - 1, len(columns))
        over = [n for n in free if _stands_in(columns, n, edges)]
        if may_span and len(over) > 1 and over[0] > 0:
            cells.append((text, over[0], over[-1]))
        else:
            nearest = max(free, key=lambda n: (columns[n].holds(edges), n))
            first = over[0] if over[:1] == [0] else nearest
            cells.append((text, first, first))
    return cells


def _even_groups(row: Row, columns: Sequence[_Column]) -> _Placed | None:
    """The cells of a line of the header that each stand over as many columns; None for any other line."""
    if len(columns) < 3:
        return None
    label = columns[0].holds(row.edges[0]) > _SLACK and row.edges[0][0] < columns[1].left - _SLACK
    cells = list(zip(row.cells, row.edges, strict=True))[label:]
    share, rest = divmod(len(columns) - 1, len(cells)) if cells else (0, 1)
    if rest or share < 2:
        return None
    placed: _Placed = [(row.cells[0], 0, 0)] if label else []
    for number, (text, (left, right)) in enumerate(cells):
        first, last = 1 + number * share, number * share + share
        middle, width = (columns[first].left + columns[last].right) / 2, columns[last].right - columns[first].left
        off = _OFF_CENTRE if len(cells) == 1 else 0.5
        if abs((left + right) / 2 - middle) > off * width:
            return None
        placed.append((text, first, last))
    return placed


def _stands_in(columns: Sequence[_Column], n: int, edges: tuple[float, float]) -> bool:
    """Whether a cell begins in a column or before it, and reaches into it: long labels widen a column over the next."""
    behind = n + 1 < len(columns) and edges[0] >= columns[n + 1].left - _SLACK
    return columns[n].holds(edges) > _SLACK and not behind


def _whole_labels(rows: Sequence[_Placed]) -> list[_Placed]:
    """The rows, where a label that runs over two lines stands in one."""
    whole: list[_Placed] = []
    for cells in rows:
        before = whole[-1] if whole else []
        text, first, last = cells[0]
        runs_on = len(before) == 1 and before[0][1:] == (0, 0) == (first, last) and text[:1].islower()
        if runs_on and not before[0][0].endswith((":", ".")):
            whole[-1] = [(f"{before[0][0]} {text}", 0, 0), *cells[1:]]
        else:
            whole.append(cells)
    return whole


def _columns(rows: Sequence[Row]) -> list[_Column]:
    """The columns from left to right: narrow cells make them, what reaches over several makes none."""
    columns: list[_Column] = []
    cells = [(edges, at) for at, row in enumerate(rows) for edges in row.edges]
    for edges, at in sorted(cells, key=lambda cell: cell[0][1] - cell[0][0]):
        over = [column for column in columns if column.holds(edges) > _SLACK]
        if any(one.rows & other.rows for one, other in combinations(over, 2)):
            continue
        columns = [column for column in columns if column not in over]
        columns.append(_Column(*edges, {at}))
        for column in over:
            columns[-1].take(column)
    return _joined(sorted(columns, key=lambda column: column.left))


def _joined(columns: list[_Column]) -> list[_Column]:
    """Joins neighbours that no row has cells in both of, the nearest first: a name at the left edge of its column and
    numbers at the right."""
    while True:
        apart = [
            (right.left - left.right, at)
            for at, (left, right) in enumerate(pairwise(columns))
            if not left.rows & right.rows
        ]
        if not apart:
            return columns
        _, at = min(apart)
        columns[at].take(columns.pop(at + 1))


def _first_full(rows: Sequence[Row]) -> int:
    """The first row with as many cells as most have; those above it may span columns."""
    usual = median_high(len(row.cells) for row in rows if len(row.cells) > 1)
    return next(at for at, row in enumerate(rows) if len(row.cells) >= usual)


class RunOfTables:
    """Adds the tables of a document in order. One without names of columns that stands below another, at most a few
    lines or a page's end between, goes on under that one's names."""

    def __init__(self) -> None:
        self._last: tuple[AlignedTable, Grid] | None = None
        self._between = 0

    def pass_by(self, lines: int) -> None:
        """Counts lines that stand between two tables."""
        self._between += lines

    def add(self, builder: DocumentBuilder, rows: Sequence[Row], page: int) -> None:
        found = aligned(rows)
        grid = Grid.of(found.table)
        if not grid.header_rows and self._last is not None and self._between <= _LINES_BETWEEN:
            above, named = self._last
            if found.goes_on_from(above):
                grid = named.more(grid.rows)
        builder.grid(grid, page=page)
        if any(grid.columns):
            self._last = found, grid
        else:
            self._last = None
        self._between = 0
