"""Writes a grid as text: a line a row, and where each cell stands in it.

    Port | 2030 | 2031              the names of the columns
    Oslo | 120 | 84                 a row of a table in prose
    Port: Oslo | 2030: 120          a row of records, which stands by itself

Empty cells in front of others keep their place, or are left out where every value has its name beside it.
"""

from collections.abc import Iterator, Sequence

from rag.parsers.table import Grid
from rag.text.table_spans import TableRow, TableSpans

CELL_SEPARATOR = " | "
LINE_SEPARATOR = "\n"
_ROWS_A_SECTION = 50


def sections(grid: Grid, start: int) -> Iterator[tuple[str, TableSpans]]:
    """Yields the text of at most _ROWS_A_SECTION rows below the lead at a time and what stands where in it.

    ``start`` is where the first text will begin in the document, with LINE_SEPARATOR between one and the next.
    """
    header_end = grid.lead + grid.header_rows
    left = min((column for row in grid.rows for column, text in enumerate(row) if text), default=0)
    for first in range(grid.lead, len(grid.rows), _ROWS_A_SECTION):
        lines: list[str] = []
        rows: list[TableRow] = []
        position = start
        for at in range(first, min(first + _ROWS_A_SECTION, len(grid.rows))):
            line, places = _row(grid, at, left)
            rows.append(TableRow(position, position + len(line), tuple(places), at < header_end))
            lines.append(line)
            position += len(line) + len(LINE_SEPARATOR)
        spans = TableSpans(grid.columns, grid.name_columns, tuple(rows), grid.records, grid.caption)
        yield LINE_SEPARATOR.join(lines), spans
        start = position


def _row(grid: Grid, at: int, left: int) -> tuple[str, list[int]]:
    """The line of a row, and start, length and column of each of its cells that has text. Columns before ``left`` are
    empty in all rows."""
    row = grid.rows[at]
    filled = [column for column, text in enumerate(row) if text]
    if grid.records and at >= grid.lead + grid.header_rows and any(grid.columns):
        return _joined([(_prefix(grid, column), row[column], column) for column in filled])
    first = filled[0] if at in grid.across else left
    return _joined([("", row[column], column) for column in range(first, filled[-1] + 1)])


def _prefix(grid: Grid, column: int) -> str:
    name = grid.columns[column] if column < len(grid.columns) else ""
    return f"{name.rstrip(':')}: " if name else ""


def _joined(cells: Sequence[tuple[str, str, int]]) -> tuple[str, list[int]]:
    """Cells given as (name, text, column) in one line without white space at its ends."""
    line = ""
    places: list[int] = []
    for index, (name, text, column) in enumerate(cells):
        if index:
            line = f"{line}{CELL_SEPARATOR}" if line else CELL_SEPARATOR.lstrip()
        if text:
            places += [len(line) + len(name), len(text), column]
        line += name + text
    return line, places
