"""Adds up how many there are of things that stand in several rows: "how many life vests are there in all?".

The table has a column that says how many ("count", "in stock"), and the rows are those whose names hold the thing.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from rag.answer.operators.computed.picked_sums import MOST, added_up
from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.values import Value
from rag.answer.operators.worked import Worked
from rag.protocols import Embedder
from rag.text.words import content_stems, stems
from rag.types import Query

_HOW_MANY = re.compile(
    r"^\W*how many (?P<things>[\w' -]+?) "
    r"(?:are (?:there|left|in stock|available)|do (?:we|i|they) (?:have|own)|have (?:we|i) got)\b"
    r"(?P<more>(?: left| in stock| in all| in total| altogether| overall| now| together)*)\W*$",
    re.IGNORECASE,
)
_SAYS_HOW_MANY = frozenset(stems("count quantity qty stock pieces pcs units hand"))


def add_up_stock(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The sum with its parts; None for other questions, and where fewer than two rows are of the thing."""
    asked = _HOW_MANY.match(query.text)
    things = frozenset(content_stems(asked["things"])) if asked else frozenset()
    if not things:
        return None
    for grid in grids:
        column = _how_many(grid)
        lines = [line for line in grid.lines if things <= frozenset(stems(line.name)) and not is_total(grid, line)]
        values = [] if column is None else _whole_numbers(lines, column)
        if column is None or not 1 < len(lines) <= MOST or len(values) < len(lines):
            continue
        return Worked((added_up(grid, column, lines, values),), 1.0)
    return None


def _how_many(grid: Grid) -> int | None:
    """The only column whose name says that it counts the things of a row."""
    found = [column for column in grid.value_columns if _SAYS_HOW_MANY & frozenset(stems(grid.columns[column]))]
    return found[0] if len(found) == 1 else None


def _whole_numbers(lines: Sequence[Line], column: int) -> list[Value]:
    """Of the lines that have one, without a currency; nothing where their units differ."""
    cells = [line.cells[column].value for line in lines if column in line.cells]
    values = [value for value in cells if value is not None and not value.before and value.number % 1 == 0]
    return values if all(a.is_like(b) for a, b in pairwise(values)) else []
