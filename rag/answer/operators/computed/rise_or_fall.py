"""Says whether something rose or fell, by a row that has it at two times.

"Did net sales rise in the first quarter?", "did the legal cover get cheaper or dearer?": the row's value of this time
and of the time before.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer.operators.computed.arithmetic import two_periods_of
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.worked import Statement, Worked, cell_source, row_source
from rag.protocols import Embedder
from rag.query.query import make_query
from rag.types import Query

_DEARER = r"(?:get|got|become) (?:dearer|more expensive)"
_CHEAPER = r"(?:get|got|become) (?:cheaper|less expensive)"
_UP = rf"ris(?:e|en)|increased?|grow|grown|go(?:ne)? up|climb(?:ed)?|{_DEARER}"
_DOWN = rf"fall(?:en)?|drop(?:ped)?|declined?|decreased?|shr[iu]nk|go(?:ne)? down|{_CHEAPER}"
_ASKS = re.compile(
    r"^\W*(?:and |so )?(?:did|has|have)\b(?P<what>.+?)(?<!\bthe)(?<!\ba)(?<!\bany)\s"
    rf"(?:(?P<up>{_UP})|(?P<down>{_DOWN}))\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_EITHER = re.compile(rf"^\W*or (?:{_UP}|{_DOWN}|up|down|dearer|cheaper|more expensive|less expensive)\b", re.IGNORECASE)
_NOT = re.compile(r"\bnot\b|n['’]t\b|\bthan\b|\bby how\b|\bor (?:stay|remain|stand)", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_NOW = re.compile(r"\b(?:this|current|new|now|today)\b", re.IGNORECASE)
_BEFORE = re.compile(r"\b(?:last|previous|prior|old|before|earlier)\b", re.IGNORECASE)


def rise_or_fall(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """Which of the two with both values; None for other questions, and where no name says which time came first."""
    asked = _ASKS.match(query.text)
    if asked is None or _NOT.search(query.text):
        return None
    either = _EITHER.match(asked["rest"])
    rest = asked["rest"][either.end() :] if either else asked["rest"]
    plain = replace(make_query(f"What was {asked['what'].strip()} {rest.rstrip('? ')}?"), history=query.history)
    found = [
        (strength, grid, line, ordered)
        for grid in grids
        if (told := two_periods_of(plain, grid)) is not None
        for line, columns, strength in [told]
        if (ordered := in_order(grid, columns)) is not None
    ]
    if not found:
        return None
    strength, grid, line, (before, now) = max(found, key=lambda one: one[0])
    return _told(grid, line, before, now, strength, wants_rise=None if either else asked["up"] is not None)


def _told(grid: Grid, line: Line, before: int, now: int, strength: float, *, wants_rise: bool | None) -> Worked | None:
    old, new = line.cells[before].value, line.cells[now].value
    if old is None or new is None or old.number == new.number or min(old.number, new.number) < 0:
        return None  # accounts write costs and losses in brackets: what rose is for a reader to say
    rose = new.number > old.number
    front = ("It rose" if rose else "It fell") if wants_rise is None else "Yes" if rose == wants_rise else "No"
    text = f"{front}: {grid.said(line, now)}; {grid.column_name(before)}: {grid.written(old)}."
    return Worked((Statement(text, (row_source(grid, line),), cell_source(grid, line.cells[now])),), strength)


def in_order(grid: Grid, columns: tuple[int, int]) -> tuple[int, int] | None:
    """Two columns, the earlier one first; None where their names do not say which that is."""
    names = [grid.column_name(column) for column in columns]
    years = [max(map(int, _YEAR.findall(name)), default=None) for name in names]
    first, second = years
    if first is not None and second is not None and first != second:
        return columns if first < second else (columns[1], columns[0])
    if _BEFORE.search(names[0]) and _NOW.search(names[1]):
        return columns
    return (columns[1], columns[0]) if _NOW.search(names[0]) and _BEFORE.search(names[1]) else None
