"""Finds one entry of a list: the one with the largest or smallest amount ("my most expensive grocery purchase"), or the
first or last one ("When did I last pay the rent?")."""

import re
from collections.abc import Sequence

from rag.answer.operators.computed.ledger import Entry, Ledger
from rag.answer.operators.tables.grid import Grid
from rag.answer.operators.tables.matching import share
from rag.answer.operators.worked import Statement, Worked, cell_source, row_source
from rag.text.words import stems
from rag.types import Query

_LARGEST = re.compile(r"\b(?:most expensive|dearest|largest|biggest|highest|greatest)\b", re.IGNORECASE)
_SMALLEST = re.compile(r"\b(?:least expensive|cheapest|smallest|lowest)\b", re.IGNORECASE)
_LAST = re.compile(r"^\W*when\b.*\b(?:last|latest|most recent(?:ly)?)\b", re.IGNORECASE)
_FIRST = re.compile(r"^\W*when\b.*\b(?:first|earliest)\b", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"\b(?:average|per|each|every|than|not|except|without|but|or|second|third|next)\b", re.IGNORECASE
)
_BY_FORM = frozenset(
    stems(
        "most least expensive dear cheap large big high great small low largest biggest highest greatest dearest "
        "cheapest smallest lowest last latest recent recently first early earliest purchase payment expense bill "
        "expenditure entry transaction booking buy bought pay paid spend spent make made cost single amount go went"
    )
)


def asks_for_entry(question: str) -> bool:
    """Whether a question asks for the largest, smallest, first or last of something."""
    return _OTHERWISE.search(question) is None and sum(_asked(question)) == 1


def find_entry(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """The entry, or those with the same amount or day, that the question asks for; None for other questions."""
    if not asks_for_entry(query.text):
        return None
    found = [worked for grid in grids if (worked := _in_grid(query, grid)) is not None]
    return found[0] if len(found) == 1 else None  # two lists: neither holds all


def _asked(question: str) -> tuple[bool, bool, bool, bool]:
    """Whether it asks for the largest, the smallest, the last, the first."""
    largest, smallest, last, first = (pattern.search(question) for pattern in (_LARGEST, _SMALLEST, _LAST, _FIRST))
    return largest is not None, smallest is not None, last is not None, first is not None


def _in_grid(query: Query, grid: Grid) -> Worked | None:
    ledger = Ledger.of(query, grid)
    meant = ledger.meant(query, _BY_FORM) if ledger is not None else None
    if ledger is None or meant is None:
        return None
    entries, said = meant
    largest, smallest, last, _ = _asked(query.text)
    if largest or smallest:
        amounts = [abs(entry.amount.number) for entry in entries]
        wanted = max(amounts) if largest else min(amounts)
        chosen = [entry for entry in entries if abs(entry.amount.number) == wanted]
        column = ledger.amount
    elif all(entry.day.startswith("day") for entry in entries):
        days = [entry.day for entry in entries]
        wanted_day = max(days) if last else min(days)
        chosen = [entry for entry in entries if entry.day == wanted_day]
        column = ledger.dated
    else:
        return None
    cell = chosen[0].line.cells.get(column)
    value = cell_source(grid, cell) if cell is not None else None
    sources = tuple(row_source(grid, entry.line) for entry in chosen)
    text = "; ".join(_said(grid, entry) for entry in chosen)
    return Worked((Statement(f"{text} (of {len(entries)}).", sources, value),), share(query, said) + 0.25)


def _said(grid: Grid, entry: Entry) -> str:
    """ "2034-06-06, Payee: Kolm, Amount: 71.10"."""
    cells = [f"{grid.column_name(column)}: {cell.text}" for column, cell in sorted(entry.line.cells.items())]
    return ", ".join([entry.line.name, *cells])
