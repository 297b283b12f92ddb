"""Tells what a timetable has for a day: "what is planned for Wednesday on the trip?" of a row "Wednesday".

The days are the names of the rows or of the columns. Of several timetables the one counts whose document says most of
what else the question names.
"""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.grid import Grid
from rag.answer.operators.tables.matching import in_front, share, shared
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.stop_words import ENGLISH
from rag.text.words import stem, stems, words
from rag.types import Query

_ASKS = re.compile(
    r"^\W*(?:and |so )?(?:what(?:['’]s| is| are| do(?:es)?| will| happens)?\b.*\b(?:planned|plan|on|happen(?:s|ing)?|"
    r"scheduled|programmed?|programme|offered|do(?:ing)?|timetable)\b|(?:the )?(?:programme|plan|timetable|schedule) )",
    re.IGNORECASE,
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = re.compile(rf"\b(?P<day>{'|'.join(_DAYS)})s?\b", re.IGNORECASE)
_BY_FORM = frozenset(
    stems("planned plan happen happens happening scheduled program programme offered do doing timetable day week trip")
)
_LEAST_DAYS = 3
_COVERED = 0.6  # share of the question that the day, the table and its document must account for


def tell_day(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """All that stands there for the day; None for other questions, and where two timetables fit alike."""
    days = {found["day"].casefold() for found in _DAY.finditer(query.text)}
    if _ASKS.search(query.text) is None or len(days) != 1:
        return None
    day = days.pop()
    found = [worked for grid in grids if grid.is_whole and (worked := _in_grid(query, grid, day)) is not None]
    best = max((worked.strength for worked in found), default=0.0)
    fitting = [worked for worked in found if worked.strength == best]
    return fitting[0] if len(fitting) == 1 else None


def _in_grid(query: Query, grid: Grid, day: str) -> Worked | None:
    told = _of_row(grid, day) or _of_column(grid, day)
    if told is None:
        return None
    there = in_front(grid) | frozenset(stems(grid.found_in)) | _BY_FORM | {stem(day)}
    said = shared(query, there)
    covered = share(query, said)
    if query.names - said - ENGLISH or covered < _COVERED:
        return None
    return Worked((told,), covered)


def _of_row(grid: Grid, day: str) -> Statement | None:
    lines = [line for line in grid.lines if _days_in(line.name) == {day}]
    if len(lines) != 1 or sum(len(_days_in(line.name)) == 1 for line in grid.lines) < _LEAST_DAYS:
        return None
    line = lines[0]
    cells = "; ".join(
        f"{name}: {cell.text}" if (name := grid.column_name(column)) else cell.text
        for column, cell in sorted(line.cells.items())
    )
    return Statement(f"{line.name}: {cells}.", (row_source(grid, line),))


def _of_column(grid: Grid, day: str) -> Statement | None:
    days = {column: _days_in(grid.column_name(column)) for column in range(1, len(grid.columns))}
    columns = [column for column, named in days.items() if named == {day}]
    if len(columns) != 1 or sum(len(named) == 1 for named in days.values()) < _LEAST_DAYS:
        return None
    column = columns[0]
    lines = [line for line in grid.lines if column in line.cells and line.cells[column].text.strip()]
    cells = "; ".join(f"{line.name}: {line.cells[column].text}" for line in lines)
    return Statement(f"{grid.column_name(column)}: {cells}.", tuple(row_source(grid, line) for line in lines))


def _days_in(name: str) -> set[str]:
    """The days of the week that a name is, alone or with a date: "Wed 6.5", "Wednesday"."""
    spoken = [word for word, _, _ in words(name) if word.isalpha()]
    if len(spoken) > 2:
        return set()
    return {day for day in _DAYS for word in spoken if word == day or (len(word) in (2, 3, 4) and day.startswith(word))}
