"""Adds the rows of a sheet: what empty rows part are tables of their own, each row a record under the names above."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice

from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Cell, Grid, Table, expanded_rows

MAX_ROWS = 1_048_576  # of a workbook: what one sheet can hold
MAX_COLUMNS = 256
BEYOND = f"column (behind the first {MAX_COLUMNS})"
"""How a sheet's wider part is said to be left out."""

_SAMPLE_ROWS = 100  # in which the header of a table is looked for
_EMPTY_ROWS = 5_000
"""A sheet ends after this many empty rows, wherever its dimensions claim to end."""
_REPEATED = 200  # characters; longer text of a cell merged over rows is said once
_ROW_OF_REMARK = 120  # characters of a row that are said with a comment on one of its cells

Row = list[Cell]
"""The cells of one row that have text, from left to right; their ``row`` does not count."""


def add_rows(builder: DocumentBuilder, rows: Iterable[Row], page: int, limit: int) -> int:
    """Adds at most ``limit`` rows, each with all that it shows (``spread``), and returns how many. A table without
    names of its own goes on under those of the one above."""
    header: Grid | None = None
    count = 0
    for has_text, region in groupby(islice(_to_the_end(rows), limit), key=bool):
        if not has_text:
            continue
        head = list(islice(region, _SAMPLE_ROWS))
        count += len(head)
        if len(head) == 1 and len(head[0]) == 1:
            builder.paragraph(head[0][0].text, page=page)
            continue
        grid = Grid.of(Table(_below_each_other(head), records=True))
        if not grid.header_rows and header is not None and header.suits(grid):
            grid = header.more(grid.rows)
        elif grid.header_rows:
            header = grid
        builder.grid(grid, page=page)
        while batch := list(islice(region, _SAMPLE_ROWS)):
            count += len(batch)
            builder.grid(grid.more(expanded_rows(_below_each_other(batch))), page=page, goes_on=True)
    return count


def remark_on(row: Row, place: str, text: str, author: str = "") -> str:
    """How a comment on the cell at ``place`` ("B12") of a row is said."""
    said = " | ".join(cell.text for cell in row)
    said = said if len(said) <= _ROW_OF_REMARK else f"{said[:_ROW_OF_REMARK]} …"
    about = f"{place} ({said})" if said else place
    return f"Comment{f' by {author}' if author else ''} on {about}: {text}"


def not_calculated(formulas: int) -> str:
    """What to say of formulas without a value; "" where there are none."""
    if not formulas:
        return ""
    said = "1 formula was" if formulas == 1 else f"{formulas:,} formulas were"
    return f"{said} never calculated: open the workbook in its program and save it."


def column_name(column: int) -> str:
    """The letters of a column that counts from 1."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def spread(rows: Iterable[Row]) -> Iterator[Row]:
    """The same rows, one for one, where a cell that covers several stands in each of them."""
    below: list[Cell] = []  # what goes on in the next row; ``rows`` counts those left
    for row in rows:
        if not below and all(cell.rows == 1 for cell in row):
            yield row
            continue
        covered = {column for cell in below for column in range(cell.column, cell.column + cell.columns)}
        whole = [*below, *(cell for cell in row if cell.column not in covered)]
        yield sorted(whole, key=lambda cell: cell.column)
        below = [
            Cell(cell.text, 0, cell.column, cell.rows - 1, cell.columns)
            for cell in whole
            if cell.rows > 1 and len(cell.text) <= _REPEATED
        ]


def _to_the_end(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows up to the last one with text; several without text as one."""
    empty = 0
    for row in rows:
        if row:
            yield from [[]] * min(empty, 1)
            empty = 0
            yield row
        else:
            empty += 1
            if empty > _EMPTY_ROWS:
                return


def _below_each_other(rows: list[Row]) -> tuple[Cell, ...]:
    return tuple(Cell(cell.text, at, cell.column, 1, cell.columns) for at, row in enumerate(rows) for cell in row)
