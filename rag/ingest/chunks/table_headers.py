"""What stands above a chunk of a table so that its cells keep their names: columns, what a divided row is called."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from rag.text.context import MAX_NEAREST_LABEL, shortened
from rag.text.table_spans import TableRow, TableSpans

_ENOUGH = 2 * MAX_NEAREST_LABEL  # characters without white space; a header shows no more


def header_of(table: TableSpans, section: str) -> str:
    """What stands above rows: the caption, their section, and the names of the columns where values have none beside
    them."""
    columns = "" if table.records else _columns(table, range(len(table.columns)))
    return shortened(": ".join(filter(None, (table.caption, section, columns))), MAX_NEAREST_LABEL)


class PartHeaders:
    """Headers of the parts of one wide row."""

    def __init__(self, text: str, table: TableSpans, row: TableRow) -> None:
        self._text = text
        self._table = table
        self._row = row
        self._cells = list(row.cells)
        self._starts = [cell.start for cell in self._cells]
        self._named = [cell for cell in self._cells if cell.column < table.name_columns]

    def of(self, start: int, end: int) -> str:
        """The header of ``text[start:end]``: the caption, what the row is called, and this part's columns."""
        name = _joined(self._text[cell.start : cell.end] for cell in self._named if not start <= cell.start < end)
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        within = (cell.column for cell in self._cells[first:last])
        columns = "" if self._table.records or self._row.is_header else _columns(self._table, within)
        return shortened(": ".join(filter(None, (self._table.caption, name, columns))), MAX_NEAREST_LABEL)


def cell_stretches(row: TableRow) -> Iterator[tuple[int, int]]:
    """The row from the end of each cell with text to that of the next: a value, with its name if that is written."""
    start = row.start
    cells = list(row.cells)
    for index, cell in enumerate(cells):
        end = row.end if index + 1 == len(cells) else cell.end
        yield start, end
        start = end


def _columns(table: TableSpans, columns: Iterable[int]) -> str:
    names = _joined(map(table.name_of, columns))
    return names if names.strip(" |") else ""


def _joined(names: Iterable[str]) -> str:
    """The names with bars between them, as many as a header can show."""
    taken: list[str] = []
    length = 0
    for name in names:
        taken.append(name)
        length += len("".join(name.split())) + 1
        if length > _ENOUGH:
            break
    return " | ".join(taken)
