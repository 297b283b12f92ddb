"""Answers whether something holds of a row from a column that says yes or no: "Does the tent have a floor?".

Where the column holds something else and is named by what was done ("Has Ada paid for 2031?", "Paid 2031": 48), the
cell is told without a verdict.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answer.operators.tables.choosing import is_said_most, row_names
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.marks import is_of_marks, says_yes
from rag.answer.operators.tables.matching import around, asked_columns, meant_lines, said_in_column, share, shared
from rag.answer.operators.worked import Statement, Worked, cell_source, row_source, told_by
from rag.protocols import Embedder
from rag.types import Query

_ASKS_WHETHER = re.compile(
    r"^\W*(?:and |but )?(?:is|are|was|were|do|does|did|has|have|had|can|may|will)\b", re.IGNORECASE
)
_UNDECIDED = re.compile(
    r"\b(?:no|not|never|nobody|without|or|than|more|less|only|always|why|how)\b|n[’']t\b", re.IGNORECASE
)
_DONE = re.compile(r"^\W*(?:and )?(?:has|have|was|were|is|are)\b", re.IGNORECASE)
_STRENGTH = 0.75  # of a row's name that the question must say
_COVERED, _COVERED_ALL = 0.7, 0.95  # share of the question that row and column must account for


@dataclass(frozen=True, slots=True)
class _Found:
    grid: Grid
    line: Line
    column: int
    said: frozenset[str]
    covered: float


def tell_whether(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The cell with its verdict; None where no single one accounts for the question."""
    if _ASKS_WHETHER.match(query.text) is None or _UNDECIDED.search(query.text):
        return None
    found = [one for grid in grids for one in _in_grid(query, grid)]
    best = max(found, key=lambda one: one.covered, default=None)
    if best is None or sum(one.covered == best.covered for one in found) > 1:
        return None
    return Worked((_statement(best),), best.covered)


def _in_grid(query: Query, grid: Grid) -> Iterator[_Found]:
    about = shared(query, around(grid) | row_names(grid))
    for meant in meant_lines(query, grid):
        if meant.strength < _STRENGTH or meant.said <= grid.names:
            continue
        others = [column for column in range(1, len(grid.columns)) if is_said_most(query, grid, column)]
        marked = [column for column in others if is_of_marks(grid, column)]
        asked = asked_columns(query, grid, meant.said, marked) or asked_columns(query, grid, meant.said, others)
        if len(asked) != 1 or asked[0] not in meant.line.cells:
            continue
        column = asked[0]
        said = meant.said | about | said_in_column(query, grid.column_name(column))
        marks = is_of_marks(grid, column)
        if query.names - said or not (marks or _is_done(query, grid, column)):
            continue
        covered = share(query, said)
        if covered >= (_COVERED if marks else _COVERED_ALL):
            yield _Found(grid, meant.line, column, meant.said, covered)


def _is_done(query: Query, grid: Grid, column: int) -> bool:
    """Whether a column says what was done, and the question asks whether it was."""
    first = grid.column_name(column).partition(" ")[0].casefold()
    return _DONE.match(query.text) is not None and first in query.words


def _statement(found: _Found) -> Statement:
    grid, line = found.grid, found.line
    cell = line.cells[found.column]
    yes = says_yes(cell.text) if is_of_marks(grid, found.column) else None
    verdict = "" if yes is None else "Yes. " if yes else "No. "
    told = told_by(grid, line, found.said, found.column)
    text = f"{verdict}{told}{grid.said(line, found.column)}."
    return Statement(text, (row_source(grid, line),), cell_source(grid, cell))
