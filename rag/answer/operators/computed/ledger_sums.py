"""Adds up entries of a list: "How much did I spend at Lidl in May?" of an account's rows."""

import re
from collections.abc import Sequence

from rag.answer.asked.superlatives import superlative_in
from rag.answer.operators.computed.ledger import Entry, Ledger
from rag.answer.operators.tables.grid import Grid
from rag.answer.operators.tables.matching import share
from rag.answer.operators.tables.values import total
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.words import stems
from rag.types import Query

_VERBS = (
    r"spend|spent|pay|paid|cost|expenses?|spending|expenditures?|earn|earned|receive|received|income|get|got|donated?"
)
_ASKS = re.compile(rf"\b(?:how much|what)\b.*\b(?:{_VERBS})\b|\b(?:total|sum)\b.*\b(?:{_VERBS})\b", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"\b(?:average|mean|per|each|every|more|less|fewer|than|not|except|without|besides|but|or|difference|left|since|"
    r"before|after|until|between|from|most|last|first|next|this|usually|will|would|should|if)\b",
    re.IGNORECASE,
)
_BY_FORM = frozenset(
    stems(
        "spend spent pay paid cost expense spending expenditure earn receive income get got donate total sum "
        "altogether all money entire whole overall combined together month year day"
    )
)
_MOST_SHOWN = 20


def asks_for_sum(question: str) -> bool:
    """Whether a question asks what was spent, paid or earned in all."""
    if _OTHERWISE.search(question) or superlative_in(question) is not None:
        return False
    return _ASKS.search(question) is not None


def add_up_entries(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """The sum of the entries that the question means, with its parts; None for other questions."""
    if not asks_for_sum(query.text):
        return None
    found = [worked for grid in grids if (worked := _in_grid(query, grid)) is not None]
    return found[0] if len(found) == 1 else None  # two lists: neither holds all


def _in_grid(query: Query, grid: Grid) -> Worked | None:
    ledger = Ledger.of(query, grid)
    meant = ledger.meant(query, _BY_FORM) if ledger is not None else None
    if ledger is None or meant is None:
        return None
    entries, said = meant
    return Worked((_said(ledger, entries),), share(query, said) + 0.25)


def _said(ledger: Ledger, entries: Sequence[Entry]) -> Statement:
    """ "123.10 (Amount): 2024-05-04 64.20 + 2024-05-21 58.90 = 123.10."."""
    grid = ledger.grid
    whole = grid.written(total([entry.amount for entry in entries]))
    about = f" ({name})" if (name := grid.column_name(ledger.amount)) else ""
    shown = entries[:_MOST_SHOWN]
    parts = " + ".join(f"{ledger.date_of(entry)} {grid.written(entry.amount)}" for entry in shown)
    if len(entries) == 1:
        text = f"{whole}{about}: {ledger.date_of(entries[0])}."
    elif len(entries) > _MOST_SHOWN:
        text = f"{whole}{about}, the sum of {len(entries)} rows, of which the first are {parts}."
    else:
        text = f"{whole}{about}: {parts} = {whole}."
    return Statement(text, tuple(row_source(grid, entry.line) for entry in shown))
