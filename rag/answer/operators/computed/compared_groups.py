"""Compares two groups of rows by the sum of a column: "who put in more hours, Osric or Delia?" of a list of jobs.

The two sides of "or" are values of one column, and what is compared is a column that the question names.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.grid import Grid, Line, meaning
from rag.answer.operators.tables.matching import around, asked_columns, said_in_column, share, shared
from rag.answer.operators.tables.values import Value, total
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.protocols import Embedder
from rag.text.stop_words import ENGLISH
from rag.text.words import stems
from rag.types import Query

_ASKS = re.compile(r"\b(?P<more>more|most)\b|\b(?P<less>less|fewer|least|fewest)\b", re.IGNORECASE)
_SIDES = re.compile(
    r"(?:[,:]|\b(?:on|by|from|for|with|in|did|does|do|has|have)\b)\s*(?:the )?(?P<one>[^,:?]{2,40}?),? or "
    r"(?:on |by |from |for |with |in )?(?:the )?(?P<other>[^,:?]{2,40}?)\W*$",
    re.IGNORECASE,
)
_COVERED = 0.6  # share of the question that column, groups and table must account for
_MOST_SHOWN = 20  # rows that are cited


def compare_groups(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """Which of the two has more or less in sum; None for other questions, and where each is one row alone."""
    asked, sides = _ASKS.search(query.text), _SIDES.search(query.text)
    if asked is None or sides is None or asked.start() > sides.start("one"):
        return None
    groups = [frozenset(meaning(sides[side])) for side in ("one", "other")]
    found = [
        worked for grid in grids if (worked := _in_grid(query, grid, groups, less=bool(asked["less"]))) is not None
    ]
    return found[0] if len(found) == 1 else None


def _in_grid(query: Query, grid: Grid, groups: Sequence[frozenset[str]], *, less: bool) -> Worked | None:
    for by in range(len(grid.columns)):
        lines = [_of_value(grid, by, group) for group in groups]
        if not all(lines) or max(map(len, lines)) < 2 or not grid.is_whole:
            continue
        taken = groups[0] | groups[1] | said_in_column(query, grid.column_name(by))
        columns = asked_columns(query, grid, taken, [column for column in grid.value_columns if column != by])
        if len(columns) != 1:
            continue
        column = columns[0]
        sums = [_sum(each, column) for each in lines]
        if sums[0] is None or sums[1] is None or sums[0].number == sums[1].number or not sums[0].is_like(sums[1]):
            return None
        said = taken | shared(query, around(grid)) | said_in_column(query, grid.column_name(column))
        names = query.names - said - ENGLISH
        if names or share(query, said) < _COVERED:
            return None
        first = (sums[0].number < sums[1].number) == less
        order = (0, 1) if first else (1, 0)
        told = "; ".join(
            f"{grid.text(lines[at][0], by)} {grid.written(value)}" for at in order if (value := sums[at]) is not None
        )
        text = f"{grid.text(lines[order[0]][0], by)} ({grid.column_name(column)}: {told})."
        rows = sorted((line for each in lines for line in each), key=lambda line: line.start)
        sources = tuple(row_source(grid, line) for line in rows[:_MOST_SHOWN])
        return Worked((Statement(text, sources),), share(query, said))
    return None


def _of_value(grid: Grid, column: int, group: frozenset[str]) -> list[Line]:
    """The rows whose cell in a column says the same as one side, or holds all of it."""
    return [
        line
        for line in grid.lines
        if group and group <= frozenset(stems(grid.text(line, column))) and not is_total(grid, line)
    ]


def _sum(lines: Sequence[Line], column: int) -> Value | None:
    """The sum over all rows that have a number; None where units differ."""
    values = [cell.value for line in lines if (cell := line.cells.get(column)) is not None and cell.value is not None]
    return total(values) if values and all(a.is_like(b) for a, b in pairwise(values)) else None
