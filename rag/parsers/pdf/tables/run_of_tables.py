"""Adds the tables of a document in order, and finds where one goes on below lines of text or on the next page."""

from collections.abc import Callable
from dataclasses import replace

from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.pdf.page.placed_table import PlacedTable
from rag.parsers.tables.table import Grid

_LINES_BETWEEN = 4
_SAME_BORDER = 3.0
"""Points by which borders of a table on two pages may differ."""


class RunOfTables:
    """One without names of columns that stands below another, at most a few lines or a page's end between, goes on
    under that one's names; so does one on the next page whose drawn borders are the same.

    ``joined`` makes one text of the lines of a cell.
    """

    def __init__(self, joined: Callable[[str], str]) -> None:
        self._joined = joined
        self._last: tuple[PlacedTable, Grid, int] | None = None
        self._between = 0

    def pass_by(self, lines: int) -> None:
        """Counts lines that stand between two tables."""
        self._between += lines

    def add(self, builder: DocumentBuilder, found: PlacedTable, page: int) -> None:
        table = found.table
        cells = tuple(
            replace(cell, text=one_line(self._joined(cell.text))) if "\n" in cell.text else cell for cell in table.cells
        )
        table = replace(table, cells=cells, caption=one_line(self._joined(table.caption)) if table.caption else "")
        grid = Grid.of(table)
        if self._last is not None and self._between <= _LINES_BETWEEN:
            above, named, its_page = self._last
            if page == its_page + 1 and _same_borders(found, above):
                grid = _under(named, Grid.of(replace(table, header_rows=0)))
            elif not grid.header_rows and found.goes_on_from(above):
                grid = replace(named.more(grid.rows), sections=grid.sections)
        builder.grid(grid, page=page)
        self._last = (found, grid, page) if any(grid.columns) else None
        self._between = 0


def _same_borders(one: PlacedTable, other: PlacedTable) -> bool:
    return (
        one.ruled
        and other.ruled
        and len(one.columns) == len(other.columns)
        and all(
            abs(left.left - right.left) < _SAME_BORDER and abs(left.right - right.right) < _SAME_BORDER
            for left, right in zip(one.columns, other.columns, strict=True)
        )
    )


def _under(named: Grid, rows: Grid) -> Grid:
    """The rows under the names of another grid; where they begin with its header again, that is one here as well."""
    names = [tuple(filter(None, row)) for row in named.rows[named.lead : named.lead + named.header_rows]]
    repeated = [tuple(filter(None, row)) for row in rows.rows[: len(names)]]
    if names and names == repeated:
        return replace(rows, header_rows=len(names), columns=named.columns, name_columns=named.name_columns)
    return named.more(rows.rows)
