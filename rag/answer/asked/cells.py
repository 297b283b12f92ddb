"""Keeps to rows that hold something in the column that a question asks for.

An empty cell is no answer, and neither is what stands in the other cells of its row: "When was the ladder returned?" is
not told by the day on which it was lent.
"""

from collections.abc import Sequence

from rag.answer.evidence import Candidate
from rag.answer.roles import is_of_another_person
from rag.answer.rows import Row, asked_columns, same_table
from rag.text.words import stems
from rag.types import Query


def with_asked_cell(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences without the rows of a table whose best one has nothing in the column asked for; none where
    the question calls that row by its name."""
    best = next(iter(ranked), None)
    if best is None or best.row is None or not lacks_asked_cell(query, best.row):
        return list(ranked)
    if best.features["named"] > 0:
        return []
    table = best.row
    return [one for one in ranked if one.row is None or not same_table(one.row, table)]


def lacks_asked_cell(query: Query, row: Row) -> bool:
    """Whether the row has nothing but a name, or the question names columns and the whole row has nothing in any of
    them, or the cell belongs to another person than the one who is asked about."""
    if len(row.filled) < 2 <= len(row.table.columns):
        return True
    asked = asked_columns(query, row)
    if not asked:
        return False
    cells = {cell.column: cell.text for cell in row.cells}
    spoken = frozenset(stems(query.text))
    return all(
        column not in row.filled or is_of_another_person(row.table.columns, column, cells, spoken) for column in asked
    )
