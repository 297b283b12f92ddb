"""Computes averages and shares from tables, with the sum shown.

share    a row against the total of its table: "what share of the energy came from gas in 2024?"
average  a row over the columns that the question names ("in 2023 and 2024"), or a column over all rows that are no
         totals ("the average price of an order")
"""

from collections.abc import Sequence, Set

from rag.answer.asked.proportions import asks_for_proportion, asks_for_share
from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import (
    asked_columns,
    in_front,
    is_money,
    is_narrowed,
    meant_lines,
    said_in_column,
    share,
    shared,
)
from rag.answer.operators.tables.values import Value, average
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.stop_words import ENGLISH
from rag.text.words import stem, stems, words
from rag.types import Query

_BY_FORM = frozenset(
    stems(
        "average mean share proportion fraction part percentage percent come came use used make made have had go went"
    )
)
_STRENGTH = 1.0  # share of a row's name that the question must say
_COVERED = 0.75  # share of the question that rows, columns and what stands around the table must account for
_LEAST_ROWS = 3


def find_proportion(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """The average or share; None for other questions, and where no table accounts for the question."""
    if not asks_for_proportion(query.text):
        return None
    of_grid = _share if asks_for_share(query.text) else _average
    found = [worked for grid in grids if (worked := of_grid(query, grid)) is not None]
    return max(found, key=lambda worked: worked.strength, default=None)


def _share(query: Query, grid: Grid) -> Worked | None:
    totals = [line for line in grid.lines if is_total(grid, line)]
    line = _meant(query, grid)
    if len(totals) != 1 or line is None or line is totals[0]:
        return None
    said = frozenset(stems(line.name)) & query.rarity.keys()
    columns = [column for column in grid.value_columns if _value(line, column) and _value(totals[0], column)]
    asked = asked_columns(query, grid, said, columns) or (columns if len(columns) == 1 else [])
    if len(asked) != 1:
        return None
    column = asked[0]
    part, whole = _value(line, column), _value(totals[0], column)
    covered = _covered(query, grid, line, [column])
    if part is None or whole is None or not whole.number or covered is None:
        return None
    name = ", ".join(filter(None, (grid.called(line), grid.column_name(column))))
    text = (
        f"{round(part.number / whole.number * 100, 1)} % ({name}): "
        f"{grid.written(part)} of {grid.written(whole)} ({totals[0].name})."
    )
    return Worked((Statement(text, (row_source(grid, line), row_source(grid, totals[0]))),), covered)


def _average(query: Query, grid: Grid) -> Worked | None:
    line = _meant(query, grid)
    if line is not None:
        columns = [column for column in grid.value_columns if _value(line, column)]
        asked = [column for column in columns if said_in_column(query, grid.column_name(column)) & query.names]
        named = asked if query.names & _years(grid) else columns
        values = [(grid.column_name(column), line, _value(line, column)) for column in named]
        covered = _covered(query, grid, line, named)
        of = grid.called(line)
    else:
        column = _column(query, grid)
        lines = [each for each in grid.lines if not is_total(grid, each)]
        if column is None or len(lines) < _LEAST_ROWS:
            return None
        values = [(grid.called(each), each, _value(each, column)) for each in lines]
        covered = _covered(query, grid, None, [column])
        of = grid.column_name(column)
    amounts = [value for _, _, value in values if value is not None]
    alike = {(value.before, value.after) for value in amounts}
    if covered is None or len(amounts) < 2 or len(amounts) < len(values) or len(alike) != 1:
        return None
    mean = grid.written(average(amounts))
    shown = " + ".join(grid.written(value) for value in amounts)
    text = f"{mean} on average ({of}): ({shown}) / {len(amounts)}."
    sources = tuple(row_source(grid, each) for each in dict.fromkeys(each for _, each, _ in values))
    return Worked((Statement(text, sources),), covered)


def _meant(query: Query, grid: Grid) -> Line | None:
    """The one row whose whole name the question says."""
    meant = [each for each in meant_lines(query, grid) if each.by_name and each.strength >= _STRENGTH]
    meant = [each for each in meant if not is_total(grid, each.line)]
    return meant[0].line if len(meant) == 1 else None


def _column(query: Query, grid: Grid) -> int | None:
    """The column of numbers that the question names; the only one of money where it names none."""
    asked = asked_columns(query, grid, frozenset(stems(grid.column_name(0))), grid.value_columns)
    money = [column for column in grid.value_columns if is_money(grid, column)]
    columns = asked or (money if len(money) == 1 else grid.value_columns)
    return columns[0] if len(columns) == 1 else None


def _covered(query: Query, grid: Grid, line: Line | None, columns: Sequence[int]) -> float | None:
    """The share of the question that is accounted for; None where that is too little, or a name is not."""
    of_columns = frozenset[str]().union(*(said_in_column(query, grid.column_name(column)) for column in columns))
    own = frozenset(stems(line.name)) if line is not None else frozenset(stems(grid.column_name(0)))
    said: Set[str] = shared(query, in_front(grid) | own) | of_columns | (_BY_FORM & query.rarity.keys())
    if line is not None and is_narrowed(query, grid, line, shared(query, own)):
        return None
    covered = share(query, said)
    return covered if covered >= _COVERED and not query.names - said else None


def _years(grid: Grid) -> frozenset[str]:
    return frozenset(stem(word) for name in grid.columns for word, _, _ in words(name) if word[0].isdigit()) - ENGLISH


def _value(line: Line, column: int) -> Value | None:
    return line.cells[column].value if column in line.cells else None
