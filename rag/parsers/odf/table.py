"""Places the cells of an OpenDocument table: spans, repeated cells and rows, header rows and columns."""

from collections.abc import Callable, Iterator

from rag.parsers.tables.table import Cell, Table
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_CELLS = frozenset({f"{TABLE}table-cell", f"{TABLE}covered-table-cell"})
_MOST_REPEATED = 1_000
"""Of a cell or row that holds text; programs fill a sheet to its end with empty ones."""
MOST_COPIES = 50_000
"""Cells of a table that only repeat those of the row above."""


def table_of(table: Element, text_of: Callable[[Element], str]) -> Table:
    """Makes a table; ``text_of`` is asked once for each cell that is not covered by another."""
    cells: list[Cell] = []
    copies = MOST_COPIES
    header_rows = 0
    at = 0
    for row, is_header in rows_of(table):
        times = min(count(row, "number-rows-repeated"), _MOST_REPEATED)
        placed = list(cells_of(row, at, text_of))
        read = times_read(times, len(placed), copies)
        copies -= (read - 1) * len(placed)
        for again in range(read if placed else 0):
            cells += [Cell(cell.text, at + again, cell.column, cell.rows, cell.columns) for cell in placed]
        at += times
        header_rows = at if is_header and header_rows == at - times else header_rows
    header_columns = table.find(f"{TABLE}table-header-columns")
    named = 0 if header_columns is None else sum(count(column, "number-columns-repeated") for column in header_columns)
    return Table(tuple(cells), header_rows=header_rows or None, header_columns=named or None)


def times_read(times: int, cells: int, copies: int) -> int:
    """How often a row of some cells is read that stands so many times, where so many copies of cells may be made."""
    return min(times, 1 + copies // max(1, cells))


def rows_of(table: Element) -> Iterator[tuple[Element, bool]]:
    """Yields the rows of a table, not those of tables within it, and whether each repeats as a header."""
    for row in table.iter(f"{TABLE}table-row"):
        above = [ancestor.tag for ancestor in _up_to(row, table)]
        if f"{TABLE}table" not in above:
            yield row, f"{TABLE}table-header-rows" in above


def cells_of(row: Element, at: int, text_of: Callable[[Element], str]) -> Iterator[Cell]:
    """Yields the cells of a row that have text; ``at`` is the row's place."""
    column = 0
    for cell in row:
        if cell.tag not in _CELLS:
            continue
        times = count(cell, "number-columns-repeated")
        text = text_of(cell) if cell.tag == f"{TABLE}table-cell" else ""
        if text:
            spans = count(cell, "number-rows-spanned"), count(cell, "number-columns-spanned")
            for again in range(min(times, _MOST_REPEATED)):
                yield Cell(text, at, column + again, *spans)
        column += times


def count(element: Element, name: str) -> int:
    """The value of an attribute that counts, at least 1."""
    value = element.get(f"{TABLE}{name}", "1")
    return max(1, whole_number(value, 1))


def _up_to(element: Element, top: Element) -> Iterator[Element]:
    for ancestor in element.iterancestors():
        if ancestor is top:
            return
        yield ancestor
