"""Tells a row by a number behind the name of its column: "which crew has pager 7012?" asks for the crew of that row."""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import share
from rag.answer.operators.worked import Statement, Worked, cell_source, row_source
from rag.protocols import Embedder
from rag.text.words import stem, stems
from rag.types import Query

_COVERED = 0.6  # share of the question that the two columns and the number must account for
_ASKS_FOR = re.compile(r"^\W*(?:and )?(?:which|what) (?P<column>[^\W\d_]+)\b", re.IGNORECASE)


def find_by_number(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The cell that is asked for by the name of its column, of the only row that has the number; None where that is
    empty."""
    asked = _ASKS_FOR.match(query.text)
    if asked is None:
        return None
    term = stem(asked["column"].casefold())
    for grid in grids:
        column = next((at for at, name in enumerate(grid.columns) if list(stems(name)) == [term]), None)
        if column is None:
            continue
        rows = [(line, told) for line in grid.lines if (told := _told_by(query, grid, line)) is not None]
        if len(rows) != 1 or rows[0][1] == column:
            continue
        line, told = rows[0]
        text = line.cells[column].text if column in line.cells else line.name if column == 0 else ""
        said = {term, *stems(grid.column_name(told)), *stems(line.cells[told].text)}
        if not text or share(query, said) < _COVERED:
            continue
        stands = f"{grid.column_name(column)}: {text}; {grid.column_name(told)}: {line.cells[told].text}."
        cell = cell_source(grid, line.cells[column]) if column in line.cells else None
        return Worked((Statement(stands, (row_source(grid, line),), cell),), share(query, said))
    return None


def _told_by(query: Query, grid: Grid, line: Line) -> int | None:
    """The column of the row whose name and number the question says one behind the other."""
    for column, cell in line.cells.items():
        name = grid.column_name(column)
        if not name or cell.value is None or cell.text not in query.text:
            continue
        number = rf"\b{re.escape(name)}(?: (?:number|no\.))? {re.escape(cell.text)}(?![\w.,]*\d)(?!\w)"
        if re.search(number, query.text, re.IGNORECASE):
            return column
    return None
