"""Rows of a table by the month that one of its dates lies in: "which invoices were issued in May?"."""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import said_in_column
from rag.text.dates import date_terms, months_named
from rag.text.words import stems
from rag.types import Query

_IN = re.compile(r"\b(?:in|during|of|for|throughout)\s+\Z", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_DATED = 0.8  # share of the rows that must have a date in a column


def asked_month(question: str) -> tuple[int, frozenset[str]] | None:
    """The month that a question names, and the stems of it and of its year; None where it names none or several."""
    months = {month: at for month, at in months_named(question).items() if _IN.search(question[:at])}
    if len(months) != 1:
        return None
    ((month, at),) = months.items()
    return month, frozenset(stems(question[at:])[:1]) | frozenset(_YEAR.findall(question))


def rows_in_month(query: Query, grid: Grid, month: int) -> tuple[int, list[Line]] | None:
    """The column of dates that is meant, and the rows of that month; None where it is not clear which column is."""
    dated = [column for column in range(len(grid.columns)) if _holds_dates(grid, column)]
    said = [column for column in dated if said_in_column(query, grid.column_name(column))]
    columns = said or dated
    if len(columns) != 1:
        return None
    years = frozenset(_YEAR.findall(query.text))
    lines = [line for line in grid.lines if _lies_in(date_terms(_text(line, columns[0])), month, years)]
    return columns[0], lines


def _lies_in(days: Sequence[str], month: int, years: frozenset[str]) -> bool:
    """Whether all readings of a date ("05/06/2034") lie in the month."""
    numbers = {day.removeprefix("day").removeprefix("month")[:6] for day in days}
    return bool(numbers) and all(int(each[4:]) == month and (not years or each[:4] in years) for each in numbers)


def _holds_dates(grid: Grid, column: int) -> bool:
    dated = sum(bool(date_terms(_text(line, column))) for line in grid.lines)
    return dated > 0 and dated >= _DATED * len(grid.lines)


def _text(line: Line, column: int) -> str:
    return line.name if column == 0 else line.cells[column].text if column in line.cells else ""
