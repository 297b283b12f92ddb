"""Tells what one or more columns hold for every row: "the lunch for each day", "price and stock of all the lamps".

The rows are all that are of the kind that "each", "every" or "all" names, or of the group that it names by a value of
one column.
"""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.choosing import KINDS_OF_FILES, is_total, row_names
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.marks import is_of_marks
from rag.answer.operators.tables.matching import around, said_in_column, share, shared
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.stop_words import ENGLISH
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Query

_ALL = re.compile(r"\b(?:each|every|all)(?: of)?(?: the| our| my)? (?P<kind>[^\W\d_][\w-]*)", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|can|has|have|how many|how often|who|why|when)\b"
    r"|\b(?:total|sum|together|altogether|average|more|less|most|least|difference|except|without|not|no)\b",
    re.IGNORECASE,
)
_PLEASE = KINDS_OF_FILES | frozenset(stems("please table give show tell list each every all"))
_COVERED = 0.6  # share of the question that columns, rows and the table must account for
_MOST, _FEWEST = 25, 2  # rows


def tell_column(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """The cells with the names of their rows; None for other questions."""
    asked = _ALL.search(query.text)
    if asked is None or _OTHERWISE.search(query.text):
        return None
    front = frozenset(stems(query.text[: asked.start()])) & query.rarity.keys()
    kind = stem(asked["kind"].casefold())
    found = [worked for grid in grids if (worked := _in_grid(query, grid, kind, front)) is not None]
    return max(found, key=lambda worked: worked.strength, default=None)


def _in_grid(query: Query, grid: Grid, kind: str, front: frozenset[str]) -> Worked | None:
    if not grid.is_whole:
        return None
    lines, of_rows = _rows(query, grid, kind)
    columns = [
        column
        for column in range(1, len(grid.columns))
        if _is_said(front, grid, column) and not is_of_marks(grid, column)
    ]
    if not columns or not _FEWEST <= len(lines) <= _MOST:
        return None
    of_columns = frozenset().union(*(said_in_column(query, grid.column_name(column)) for column in columns))
    said = of_rows | of_columns | shared(query, around(grid)) | (_PLEASE & query.rarity.keys())
    covered = share(query, said)
    if query.names - said or covered < _COVERED:
        return None
    return Worked(tuple(_statement(grid, line, columns) for line in lines), covered)


def _rows(query: Query, grid: Grid, kind: str) -> tuple[list[Line], frozenset[str]]:
    """The rows of the kind that the question names, and its stems that say so."""
    lines = [line for line in grid.lines if not is_total(grid, line)]
    for column in range(1, len(grid.columns)):
        of_kind = [line for line in lines if column in line.cells and kind in stems(line.cells[column].text)]
        alike = {line.cells[column].text.casefold() for line in of_kind}
        if len(alike) == 1 and len(of_kind) >= _FEWEST:
            return of_kind, frozenset([kind]) | said_in_column(query, grid.column_name(column))
    names = row_names(grid)
    return (lines, frozenset([kind])) if match(kind, names, prefixes_of(names)) > 0 else ([], frozenset())


def _is_said(front: frozenset[str], grid: Grid, column: int) -> bool:
    """Whether what stands in front of "each" says the name of a column, all words but units in brackets: what stands
    behind it says which rows are meant."""
    name = grid.column_name(column).partition("(")[0]
    wanted = [stem(word) for word, _, _ in words(name) if stem(word) not in ENGLISH]
    return bool(wanted) and all(match(term, front, prefixes_of(front)) > 0 for term in wanted)


def _statement(grid: Grid, line: Line, columns: Sequence[int]) -> Statement:
    cells = "; ".join(
        f"{grid.column_name(column)}: {line.cells[column].text}" for column in columns if column in line.cells
    )
    return Statement(f"{grid.called(line)}: {cells or '–'}.", (row_source(grid, line),))
