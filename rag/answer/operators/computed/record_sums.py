"""Counts and adds up the records of a log: "how often was Respirin given in March?", "total grams that Bramble had".

A record is meant where it says, in some column each, all that the question names, and lies in the month that it names.
What is added up is the column whose unit the question says, in its name or in the column of units beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answer.expected import is_date
from rag.answer.operators.computed.picked_sums import MOST, added_up
from rag.answer.operators.tables.choosing import HOW_OFTEN, is_total
from rag.answer.operators.tables.grid import Grid, Line, meaning
from rag.answer.operators.tables.in_month import asked_month, rows_in_month
from rag.answer.operators.tables.matching import around, said_in_column, share, shared
from rag.answer.operators.tables.with_amount import units_alike
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.stop_words import ENGLISH
from rag.text.words import match, prefixes_of, stems, words
from rag.types import Query

_SUM = re.compile(
    r"\b(?:total|sum|altogether|in all|in total|overall)\b|^\W*(?:and )?how (?:much|many (?!times\b))\b", re.IGNORECASE
)
_OTHERWISE = re.compile(
    r"\b(?:average|mean|per|more|less|fewer|than|not|except|without|or|difference|left|since|before|after|until|"
    r"between|most|least|last|first|next|without|no)\b",
    re.IGNORECASE,
)
_UNITS = re.compile(r"(?:units?|einheit(?:en)?|uom|unité|unidad)", re.IGNORECASE)
_BY_FORM = frozenset(
    stems(
        "total sum altogether overall many much often times time given give gave get got had have take took taken "
        "receive received use used done make made"
    )
)
_LONGEST_KEY = 4  # words of a cell that may say which records are meant
_COVERED = 0.9  # share of the question that records, table and form must account for
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Meant:
    lines: list[Line]
    said: frozenset[str]
    by_cells: bool


def tell_of_records(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """The count or the sum; None for other questions, and where a word of the question is not accounted for."""
    how_often = HOW_OFTEN.match(query.text) is not None
    if _OTHERWISE.search(query.text) or not (how_often or _SUM.search(query.text)):
        return None
    found = [worked for grid in grids if (worked := _in_grid(query, grid, how_often=how_often)) is not None]
    return found[0] if len(found) == 1 else None


def _in_grid(query: Query, grid: Grid, *, how_often: bool) -> Worked | None:
    if not grid.is_whole or not _is_log(grid):
        return None
    meant = _meant(query, grid)
    if meant is None or not meant.by_cells or not meant.lines:
        return None
    said = meant.said | shared(query, around(grid)) | (_BY_FORM & query.rarity.keys())
    if how_often:
        said |= frozenset().union(*(said_in_column(query, name) for name in grid.columns))
        if query.names - said or share(query, said) < _COVERED:
            return None
        called = "; ".join(grid.called(line) for line in meant.lines[:_MOST_SHOWN])
        more = f" and {len(meant.lines) - _MOST_SHOWN} more" if len(meant.lines) > _MOST_SHOWN else ""
        sources = tuple(row_source(grid, line) for line in meant.lines[:_MOST_SHOWN])
        return Worked((Statement(f"{len(meant.lines)}: {called}{more}.", sources),), share(query, said))
    measured = _measured(query, grid, meant.lines)
    if measured is None or not 1 < len(meant.lines) <= MOST:
        return None
    column, unit = measured
    said |= unit | said_in_column(query, grid.column_name(column))
    values = [cell.value for line in meant.lines if (cell := line.cells.get(column)) and cell.value is not None]
    if query.names - said or share(query, said) < _COVERED or len(values) < len(meant.lines):
        return None
    if len({(value.before, value.after) for value in values}) > 1:
        return None
    return Worked((added_up(grid, column, meant.lines, values),), share(query, said))


def _is_log(grid: Grid) -> bool:
    """Whether every row is dated by its name, so that each is something that happened."""
    return len(grid.lines) > 1 and all(is_date(line.name) for line in grid.lines)


def _meant(query: Query, grid: Grid) -> _Meant | None:
    """The records that say all that the question names in some column, of the month that it names."""
    lines = [line for line in grid.lines if not is_total(grid, line)]
    said: frozenset[str] = frozenset()
    month = asked_month(query.text)
    if month is not None:
        in_month = rows_in_month(query, grid, month[0])
        if in_month is None:
            return None
        lines = [line for line in lines if line in in_month[1]]
        said |= month[1] & query.rarity.keys()
    asked = frozenset(query.rarity)
    prefixes = prefixes_of(asked)
    by_cells = False
    for column in range(1, len(grid.columns)):
        kept: list[Line] = []
        of_column: frozenset[str] = frozenset()
        for line in lines:
            wanted = meaning(grid.text(line, column)) if column in line.cells else []
            is_text = column in line.cells and line.cells[column].value is None
            if is_text and 0 < len(wanted) <= _LONGEST_KEY and all(match(one, asked, prefixes) > 0 for one in wanted):
                kept.append(line)
                of_column |= shared(query, frozenset(wanted))
        if kept and not of_column <= said:
            lines, said, by_cells = kept, said | of_column, True
    return _Meant(lines, said, by_cells)


def _measured(query: Query, grid: Grid, lines: Sequence[Line]) -> tuple[int, frozenset[str]] | None:
    """The column of numbers that the question says by its name or its unit, and the stems of the question that say
    it; None where there is not one."""
    spoken = {word: units_alike(word) for word, _, _ in words(query.text)}
    named = [column for column in grid.value_columns if said_in_column(query, grid.column_name(column)) - ENGLISH]
    if len(named) == 1:
        return named[0], frozenset()
    for units in range(2, len(grid.columns)):
        if not _UNITS.fullmatch(grid.column_name(units)) or units - 1 not in grid.value_columns:
            continue
        there = {grid.text(line, units).casefold() for line in lines}
        said = [word for word, alike in spoken.items() if len(there) == 1 and there <= alike]
        if said:
            return units - 1, frozenset(stems(" ".join(said))) & query.rarity.keys()
    return None
