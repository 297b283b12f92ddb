"""Finds the rows whose value rose or fell from one time to another, and the one that did so most.

"Which birds went down from 2014 to 2024?" -> the rows with less in the later of the two columns, both values shown;
"which region grew fastest?" -> the row with the greatest change, in percent, or in the table's unit for "most".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rag.answer.operators.computed.arithmetic import two_periods
from rag.answer.operators.computed.rise_or_fall import in_order
from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.grid import Cell, Grid, Line
from rag.answer.operators.tables.matching import in_front, said_in_column, share, shared
from rag.answer.operators.tables.periods import PERIOD
from rag.answer.operators.tables.regions import asks_for_region, names_regions
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.protocols import Embedder
from rag.text.words import stems
from rag.types import Query

_UP = r"(?:went|gone|go) up|rose|risen|rise|grew|grown|grow|increased?|climbed"
_DOWN = r"(?:went|gone|go) down|fell|fallen|fall|dropped|drop|declined?|decreased?|shrank|shrunk|shrink"
_MOST = re.compile(r"\b(?:the )?(?:fastest|quickest|most|strongest|hardest)\b", re.IGNORECASE)
_RELATIVE = re.compile(r"\b(?:fastest|quickest|strongest|hardest)\b|\bper ?cent|%", re.IGNORECASE)
_VERB = re.compile(
    rf"^\W*(?:and )?(?:which|what)(?: of)?(?! is\b| are\b| was\b| were\b| did\b) (?P<rows>.+?) (?:have |has )?"
    rf"(?:(?P<up>{_UP})|(?P<down>{_DOWN}))\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_NOUN = re.compile(
    r"^\W*(?:and )?(?:which|what)(?: of)? (?P<rows>.+?) (?:had|has|have|shows?|showed|saw) the "
    r"(?:biggest|largest|greatest|highest|strongest|fastest) "
    r"(?:(?P<up>increase|growth|rise|gain)|(?P<down>decrease|decline|fall|drop|loss))\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_NOT = re.compile(r"\bnot\b|n['’]t\b|\bneither\b|\bthan\b|\b(?:more|less|fewer|over|under) \d", re.IGNORECASE)
_CHANGE = re.compile(r"\b(?:change|growth|increase)\b|%", re.IGNORECASE)
_ASKING = frozenset(stems("number numbers number go went gone up down fastest most much between grew rose fell"))
_COVERED = 0.5  # share of the question that the table must account for
_LEAST_ROWS = 2
_MOST_TOLD = 20  # rows


@dataclass(frozen=True, slots=True)
class _Change:
    line: Line
    before: Decimal
    now: Decimal

    @property
    def share(self) -> Decimal:
        return (self.now - self.before) / self.before if self.before > 0 else Decimal(0)


def find_changed(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The rows with their values; None for other questions, and where two tables account for it alike."""
    asked = _NOUN.match(query.text) or _VERB.match(query.text)
    if asked is None or _NOT.search(query.text):
        return None
    found = [worked for grid in grids if (worked := _in_grid(query, grid, asked)) is not None]
    best = max(found, key=lambda worked: worked.strength, default=None)
    if best is None or any(
        other.strength == best.strength and other.statements[0].text != best.statements[0].text for other in found
    ):
        return None
    return best


def _in_grid(query: Query, grid: Grid, asked: re.Match[str]) -> Worked | None:
    columns = _columns(query, grid)
    lines = [line for line in grid.lines if not is_total(grid, line)]
    if columns is None or len(lines) < _LEAST_ROWS or len({line.name for line in lines}) < len(lines):
        return None
    kind = frozenset(stems(asked["rows"])) & query.rarity.keys()
    there = in_front(grid) | frozenset(stems(f"{grid.passage.document.title} {grid.kind_of_rows}"))
    if asks_for_region(query.text):
        if not names_regions([line.name for line in lines]):
            return None
        there |= kind
    said = shared(query, there).union(*(said_in_column(query, grid.column_name(column)) for column in columns))
    said |= ((PERIOD if _MOST.search(query.text) else frozenset()) | _ASKING | frozenset(stems(_verb(asked)))) & (
        query.rarity.keys()
    )
    covered = share(query, said)
    if not kind & said or query.names - said - PERIOD or covered < _COVERED:
        return None
    changes = _changes(grid, lines, *columns)
    wants_rise = asked["up"] is not None
    is_extreme = asked.re is _NOUN or _MOST.search(asked["rest"]) is not None
    chosen = [one for one in changes if (one.now > one.before) == wants_rise and one.now != one.before]
    if len(changes) < _LEAST_ROWS or not chosen:
        return None
    if is_extreme:
        chosen = [_greatest(chosen, relative=_RELATIVE.search(query.text) is not None)]
    elif len(chosen) > _MOST_TOLD:
        return None
    text = "; ".join(_told(grid, one, columns) for one in chosen)
    text = f"{text} ({'most' if is_extreme else str(len(chosen))} of {len(changes)})."
    return Worked((Statement(text, tuple(row_source(grid, one.line) for one in chosen)),), covered)


def _verb(asked: re.Match[str]) -> str:
    return str(asked["up"] or asked["down"])


def _columns(query: Query, grid: Grid) -> tuple[int, int] | None:
    """The earlier and the later column: those that the question names, or the first two of different times."""
    values = grid.value_columns
    named = [column for column in values if query.names & frozenset(stems(grid.column_name(column)))]
    if len(named) == 2 and in_order(grid, (named[0], named[1])) is not None:
        return in_order(grid, (named[0], named[1]))
    both = two_periods(grid, values) if len(values) != 2 else values
    return in_order(grid, (both[0], both[1])) if len(both) == 2 else None


def _changes(grid: Grid, lines: Sequence[Line], before: int, now: int) -> list[_Change]:
    found = []
    for line in lines:
        old, new = (line.cells[column].value if column in line.cells else None for column in (before, now))
        if old is not None and new is not None:
            found.append(_Change(line, old.number, new.number))
    return found


def _greatest(changes: Sequence[_Change], *, relative: bool) -> _Change:
    return max(changes, key=lambda one: abs(one.share if relative else one.now - one.before))


def _told(grid: Grid, change: _Change, columns: tuple[int, int]) -> str:
    """ "Eider: 66 (2014), 49 (2024)", with what the table says of the change."""
    line = change.line
    values = ", ".join(f"{_value(grid, line.cells[column])} ({grid.column_name(column)})" for column in columns)
    behind = max(columns) + 1
    is_said = behind in line.cells and _CHANGE.search(grid.column_name(behind)) is not None
    told = f", {grid.column_name(behind)}: {line.cells[behind].text}" if is_said else ""
    return f"{grid.called(line)}: {values}{told}"


def _value(grid: Grid, cell: Cell) -> str:
    return grid.written(cell.value) if grid.scale and cell.value is not None else cell.text
