"""Adds up an amount over the rows that a question picks out: "how much do the unpaid invoices add up to?".

The rows are picked by what stands in a column, or by a bound (``choosing``); the amount stands in the column that the
question names, or in the only one that holds prices.
"""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.choosing import Picked, is_total, pick
from rag.answer.operators.tables.degrees import price_among
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import asked_columns
from rag.answer.operators.tables.values import Value, total
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.protocols import Embedder
from rag.types import Query

_SUM = re.compile(
    r"\badds? up\b|\b(?:together|altogether|in total|in all|combined)\b"
    r"|\b(?:sum|total)(?: amount| value| price| cost)? of\b"
    r"|\bhow much\b.*\b(?:owes?|owed|outstanding)\b",
    re.IGNORECASE,
)
MOST = 40  # rows that are added up


def add_up_picked(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The sum with its parts; None for other questions, and where rows or column are in doubt."""
    if _SUM.search(query.text) is None:
        return None
    picked = pick(query, grids, embedder)
    if picked is None or (picked.column is None and not picked.is_bounded):
        return None
    lines = [line for line in picked.lines if not is_total(picked.grid, line)]
    column = _amounts(query, picked)
    if column is None or not 1 < len(lines) <= MOST:
        return None
    values = [cell.value for line in lines if (cell := line.cells.get(column)) is not None and cell.value is not None]
    if len(values) < len(lines) or len({(value.before, value.after) for value in values}) > 1:
        return None
    return Worked((added_up(picked.grid, column, lines, values),), picked.covered)


def added_up(grid: Grid, column: int, lines: Sequence[Line], values: Sequence[Value]) -> Statement:
    """The sum of a column's values in some lines, with its parts."""
    whole = total(list(values))
    parts = " + ".join(f"{grid.called(line)} {grid.written(value)}" for line, value in zip(lines, values, strict=True))
    text = f"{grid.written(whole)} ({grid.column_name(column)}): {parts} = {grid.written(whole)}."
    return Statement(text, tuple(row_source(grid, line) for line in lines))


def _amounts(query: Query, picked: Picked) -> int | None:
    """The column to add up."""
    columns = [column for column in picked.grid.value_columns if column != picked.column]
    asked = asked_columns(query, picked.grid, picked.said, columns)
    if len(asked) == 1:
        return asked[0]
    return columns[0] if len(columns) == 1 else price_among(picked.grid, columns)
