"""What stands above a chunk of a table so that its cells keep their names: columns, what a divided row is called."""

from collections.abc import Iterator

from rag.text.context import MAX_NEAREST_LABEL, shortened
from rag.text.table_spans import TableRow, TableSpans


def header_of(table: TableSpans) -> str:
    """The caption and the names of the columns; the caption alone where each value has its name beside it."""
    columns = "" if table.records else _columns(table, range(len(table.columns)))
    return shortened(": ".join(filter(None, (table.caption, columns))), MAX_NEAREST_LABEL)


def header_of_part(text: str, table: TableSpans, row: TableRow, start: int, end: int) -> str:
    """The same for ``text[start:end]``, a part of a wide row: what the row is called, and this part's columns."""
    named = [cell for cell in row.cells if cell.column < table.name_columns]
    within = [cell.column for cell in row.cells if start <= cell.start < end]
    name = " | ".join(text[cell.start : cell.end] for cell in named if not start <= cell.start < end)
    columns = "" if table.records or row.is_header else _columns(table, within)
    return shortened(": ".join(filter(None, (table.caption, name, columns))), MAX_NEAREST_LABEL)


def cell_stretches(row: TableRow) -> Iterator[tuple[int, int]]:
    """The row from the end of each cell with text to that of the next: a value, with its name if that is written."""
    start = row.start
    cells = list(row.cells)
    for index, cell in enumerate(cells):
        end = row.end if index + 1 == len(cells) else cell.end
        yield start, end
        start = end


def _columns(table: TableSpans, columns: "range | list[int]") -> str:
    names = [table.name_of(column) for column in columns]
    return " | ".join(names) if any(names) else ""
