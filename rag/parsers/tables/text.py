"""Writes a grid as text: a line a row, and where each cell stands in it.

    Port | 2030 | 2031              the names of the columns
    Oslo | 120 | 84                 a row of a table in prose
    Port: Oslo | 2030: 120          a row of records, which stands by itself

Empty cells in front of others keep their place, or are left out where every value has its name beside it.
"""

from collections.abc import Iterator, Sequence

from rag.parsers.tables.table import Grid
from rag.text.table_spans import TableRow, TableSpans

CELL_SEPARATOR = " | "
LINE_SEPARATOR = "\n"
_ROWS_A_SECTION = 50
_MANY_NAMES = 2_000  # characters of names; more are not kept again for rows that are empty there
_NUMBERS = tuple(range(4096))


def sections(grid: Grid, start: int) -> Iterator[tuple[str, TableSpans]]:
    """Yields the text of at most _ROWS_A_SECTION rows below the lead at a time and what stands where in it.

    ``start`` is where the first text will begin in the document, with LINE_SEPARATOR between one and the next.
    """
    header_end = grid.lead + grid.header_rows
    are_many = sum(map(len, grid.columns)) > _MANY_NAMES
    left = min((column for row in grid.rows for column, text in enumerate(row) if text), default=0)
    for first in range(grid.lead, len(grid.rows), _ROWS_A_SECTION):
        lines: list[str] = []
        rows: list[TableRow] = []
        position = start
        for at in range(first, min(first + _ROWS_A_SECTION, len(grid.rows))):
            line, places = _row(grid, at, left)
            section = grid.sections[at] if grid.sections else ""
            rows.append(TableRow(position, position + len(line), tuple(places), at < header_end, section))
            lines.append(line)
            position += len(line) + len(LINE_SEPARATOR)
        columns = _used(grid.columns, rows) if are_many else grid.columns
        spans = TableSpans(columns, min(grid.name_columns, len(columns)), tuple(rows), grid.records, grid.caption)
        yield LINE_SEPARATOR.join(lines), spans
        start = position


def _used(columns: Sequence[str], rows: Sequence[TableRow]) -> tuple[str, ...]:
    """The names up to the last column with text in these rows."""
    return tuple(columns[: 1 + max((place for row in rows for place in row.places[2::3]), default=0)])


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
    pieces: list[str] = []
    length = 0
    places: list[int] = []
    for index, (name, text, column) in enumerate(cells):
        if index:
            pieces.append(CELL_SEPARATOR if length else CELL_SEPARATOR.lstrip())
            length += len(pieces[-1])
        if text:
            places += (_shared(length + len(name)), _shared(len(text)), _shared(column))
        pieces += (name, text)
        length += len(name) + len(text)
    return "".join(pieces), places


def _shared(number: int) -> int:
    """The same number as one object for all places; a large table holds some millions."""
    return _NUMBERS[number] if number < len(_NUMBERS) else number
