"""Puts the cells of a table's rows into columns by where they stand, so that an empty cell keeps its place.

Columns are stretches of the page that cells stand in, one below the other; a cell of the header that reaches over
several of them, or has a line below it that does, spans them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise, takewhile
from statistics import median, median_high

from rag.parsers.pdf.layout import Row
from rag.parsers.pdf.page.placed_table import SLACK, Column, PlacedTable
from rag.parsers.pdf.page.placement import Placement
from rag.parsers.pdf.page.rulings import Line, Rulings
from rag.parsers.pdf.tables.close_names import with_names_parted
from rag.parsers.pdf.tables.stacked_tables import Placed, PlacedRow, divided, is_value
from rag.parsers.tables.table import Cell, Table

_OFF_CENTRE = 0.15  # of their width: where one name stands over several columns
_CENTRAL = 0.03  # of its width: how far off the middle of a table a heading within it stands
_OFF_LABELS = 20.0  # points right of the names of rows
_BELOW = 1.1  # sizes of the font: how far below a name its line is
_TIGHT = 0.8  # of the usual distance of rows: lines of one label


def aligned(rows: Sequence[Row], rulings: Rulings | None = None, place: Placement | None = None) -> list[PlacedTable]:
    """Puts the cells of rows into columns. Rows with names of columns within them begin a table of their own."""
    rows = with_names_parted(rows, _columns, place)
    columns = _columns(rows)
    first_full = _first_full(rows)
    lines = rulings.horizontal if rulings is not None else []
    has_numbers = any(is_value(text) for row in rows for text in row.cells[1:])
    placed: list[PlacedRow] = []
    for at, row in enumerate(rows):
        has_values = any(map(is_value, row.cells[1:])) or is_value(row.cells[0])
        apart = has_numbers and row.x0 > columns[0].left + _OFF_LABELS and not has_values
        below = [] if has_values else _lines_below(rows, at, lines)
        in_columns = _placed(row, columns, below, at < first_full or apart)
        placed.append(PlacedRow(in_columns, row.x0, row.y0, row.size))
    _span_alike(placed, rows)
    tables = []
    for part in divided(_whole_labels(placed), len(columns)):
        cells = tuple(
            Cell(text, at, first, 1, last - first + 1)
            for at, row in enumerate(part.rows)
            for text, first, last in row.cells
        )
        indents = tuple(row.left if row.cells[0][1] == 0 else None for row in part.rows)
        table = Table(cells, header_rows=part.header_rows, caption=part.caption, indents=indents)
        tables.append(PlacedTable(table, tuple(columns)))
    return tables


def _lines_below(rows: Sequence[Row], at: int, lines: Sequence[Line]) -> list[Line]:
    """The lines between a row and the next one."""
    row = rows[at]
    limit = row.y1 + _BELOW * row.size
    if at + 1 < len(rows):
        limit = min(limit, (rows[at + 1].y0 + rows[at + 1].y1) / 2)
    begin = bisect_left(lines, row.y1 - 0.35 * row.size, key=lambda line: line.at)
    return list(takewhile(lambda line: line.at <= limit, lines[begin:]))


def _placed(row: Row, columns: Sequence[Column], lines: Sequence[Line], may_span: bool) -> Placed:
    ruled = [_ruled_span(edges, columns, lines) for edges in row.edges] if may_span or lines else []
    if any(ruled):
        ruled = _shared_out(ruled, row, columns)
    if may_span and _is_central(row, columns):
        return [(row.text, 0, len(columns) - 1)]
    if any(span is not None and span[1] > span[0] for span in ruled):
        may_span = True
    elif may_span and (groups := _even_groups(row, columns)) is not None:
        return groups
    cells: Placed = []
    for at, (text, edges) in enumerate(zip(row.cells, row.edges, strict=True)):
        free = range(cells[-1][2] + 1 if cells else 0, len(columns))
        if not free:
            before, first, last = cells[-1]
            cells[-1] = (f"{before} {text}", first, last)
            continue
        over = [n for n in free if _stands_in(columns, n, edges)]
        span = ruled[at] if ruled else None
        if span is not None and span[0] in free:
            cells.append((text, *span))
        elif may_span and len(over) > 1 and over[0] > 0:
            cells.append((text, over[0], over[-1]))
        else:
            nearest = max(free, key=lambda n: (columns[n].holds(edges), n))
            first = over[0] if over[:1] == [0] else nearest
            cells.append((text, first, first))
    return cells


def _is_central(row: Row, columns: Sequence[Column]) -> bool:
    """Whether a line stands in the middle of the table, over its names and values alike."""
    left, right = columns[0].left, columns[-1].right
    middle = (row.x0 + row.x1) / 2
    return (
        len(row.cells) == 1
        and abs(middle - (left + right) / 2) < _CENTRAL * (right - left)
        and row.x0 > left + 0.2 * (right - left)
        and row.x0 < columns[0].right
    )


def _ruled_span(edges: tuple[float, float], columns: Sequence[Column], lines: Sequence[Line]) -> tuple[int, int] | None:
    """The columns that the line below a name reaches over; None where it tells nothing."""
    middle = (edges[0] + edges[1]) / 2
    for line in lines:
        if line.start - 2 <= middle <= line.end + 2 and line.start - 8 <= edges[0] and edges[1] <= line.end + 8:
            over = [
                n
                for n, column in enumerate(columns)
                if min(column.right, line.end) - max(column.left, line.start) > 0.5 * (column.right - column.left)
            ]
            if over and (over[0] > 0 or len(over) == 1):
                return over[0], over[-1]
    return None


def _shared_out(
    spans: Sequence[tuple[int, int] | None], row: Row, columns: Sequence[Column]
) -> list[tuple[int, int] | None]:
    """The columns of each name, where several names stand over one line and each in its share of it."""
    shared: list[tuple[int, int] | None] = list(spans)
    for span in {span for span in spans if span is not None and spans.count(span) > 1}:
        names = [n for n, other in enumerate(spans) if other == span]
        share, rest = divmod(span[1] - span[0] + 1, len(names))
        for number, n in enumerate(names):
            first, last = span[0] + number * share, span[0] + (number + 1) * share - 1
            middle = (row.edges[n][0] + row.edges[n][1]) / 2
            inside = not rest and columns[first - 1].right < middle < columns[last].right if first else False
            shared[n] = (first, last) if inside else None
    return shared


def _span_alike(placed: Sequence[PlacedRow], rows: Sequence[Row]) -> None:
    """Gives the upper line of a name of two lines the columns of the lower one."""
    for at in range(len(placed) - 2, -1, -1):
        upper, lower = placed[at], placed[at + 1]
        if rows[at + 1].y0 - rows[at].y1 > 0.6 * rows[at].size or len(upper.cells) != len(lower.cells):
            continue
        for n, (text, first, last) in enumerate(upper.cells):
            _, begin, end = lower.cells[n]
            one, other = rows[at].edges[n], rows[at + 1].edges[n]
            inside = begin <= first and last <= end
            if end > begin and inside and abs(one[0] + one[1] - other[0] - other[1]) < 2 * rows[at].size:
                upper.cells[n] = (text, begin, end)


def _even_groups(row: Row, columns: Sequence[Column]) -> Placed | None:
    """The cells of a line of the header that each stand over as many columns; None for any other line."""
    if len(columns) < 3:
        return None
    label = columns[0].holds(row.edges[0]) > SLACK and row.edges[0][0] < columns[1].left - SLACK
    cells = list(zip(row.cells, row.edges, strict=True))[label:]
    share, rest = divmod(len(columns) - 1, len(cells)) if cells else (0, 1)
    if rest or share < 2:
        return None
    placed: Placed = [(row.cells[0], 0, 0)] if label else []
    for number, (text, (left, right)) in enumerate(cells):
        first, last = 1 + number * share, number * share + share
        middle, width = (columns[first].left + columns[last].right) / 2, columns[last].right - columns[first].left
        over = sum(column.holds((left, right)) > SLACK for column in columns[first : last + 1])
        off = _OFF_CENTRE if len(cells) == 1 or over < 2 else 0.5
        if abs((left + right) / 2 - middle) > off * width:
            return None
        placed.append((text, first, last))
    return placed


def _stands_in(columns: Sequence[Column], n: int, edges: tuple[float, float]) -> bool:
    """Whether a cell begins in a column or before it, and reaches into it: long labels widen a column over the next."""
    behind = n + 1 < len(columns) and edges[0] >= columns[n + 1].left - SLACK
    return columns[n].holds(edges) > SLACK and not behind


def _whole_labels(rows: Sequence[PlacedRow]) -> list[PlacedRow]:
    """The rows, where a label that runs over two lines stands in one."""
    pitches = [other.top - one.top for one, other in pairwise(rows)]
    usual = median(pitches) if len(pitches) > 4 else 0.0
    whole: list[PlacedRow] = []
    above = 0.0
    for row in rows:
        before = whole[-1] if whole else None
        text, first, last = row.cells[0]
        lone = before is not None and len(before.cells) == 1 and before.cells[0][1:] == (0, 0) == (first, last)
        if before is not None and lone and not before.cells[0][0].endswith((":", ".")):
            close = row.top - above < _TIGHT * usual and -1 < row.left - before.left < 2.2 * before.size
            if text[:1].islower() or close:
                joined = [(f"{before.cells[0][0]}\n{text}", 0, 0), *row.cells[1:]]
                whole[-1] = replace(row, cells=joined, left=before.left)
                above = row.top
                continue
        whole.append(row)
        above = row.top
    return whole


def _columns(rows: Sequence[Row]) -> list[Column]:
    """The columns from left to right: narrow cells make them, what reaches over several makes none."""
    columns: list[Column] = []
    cells = [(edges, at) for at, row in enumerate(rows) for edges in row.edges]
    for edges, at in sorted(cells, key=lambda cell: cell[0][1] - cell[0][0]):
        over = [column for column in columns if column.holds(edges) > SLACK]
        if any(one.rows & other.rows for one, other in combinations(over, 2)):
            continue
        columns = [column for column in columns if column not in over]
        columns.append(Column(*edges, {at}))
        for column in over:
            columns[-1].take(column)
    return _joined(sorted(columns, key=lambda column: column.left))


def _joined(columns: list[Column]) -> list[Column]:
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
