"""Lists of dated entries with an amount (an account, a cash book), and which of their entries a question means.

An entry is meant where the question says what stands in one of its columns ("groceries", "Lidl") and names its day,
month or year.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from rag.answer.operators.grid import Grid, Line, meaning
from rag.answer.operators.matching import around, is_money, said_in_column, shared
from rag.answer.operators.values import Value
from rag.text.dates import date_terms, month_of, months_named
from rag.text.stop_words import ENGLISH
from rag.text.words import match, prefixes_of, stems
from rag.types import Query

_AMOUNT = re.compile(
    r"\b(?:amount|cost|price|total|sum|paid|value|debit|eur|usd|gbp|chf|euros?|dollars?|pounds?)\b", re.IGNORECASE
)
_INCOME = re.compile(r"\b(?:earn|earned|receive|received|income|get|got|paid in)\b", re.IGNORECASE)
_YEAR = re.compile(r"(?<![\w.,-])(?:19|20)\d\d(?![\w.,-]*\d)")
_DATED = 0.8  # share of the rows that must have a date
_LEAST_ROWS = 3
_LONGEST_KEY = 4  # words of a cell that say which entries are meant


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with a date and an amount; ``days`` are terms of ``rag.text.dates``, the first as "month203405"."""

    line: Line
    days: tuple[str, ...]
    amount: Value

    @property
    def month(self) -> str:
        return month_of(self.days[0]) if self.days[0].startswith("day") else self.days[0]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A table whose rows are entries: ``dated`` and ``amount`` are columns."""

    grid: Grid
    dated: int
    amount: int

    @classmethod
    def of(cls, grid: Grid) -> "Ledger | None":
        """None for a table without dates, or without one column of money alone."""
        dated = next((column for column in range(len(grid.columns)) if _holds_dates(grid, column)), None)
        amounts = [column for column in grid.value_columns if column and _is_money(grid, column)]
        return cls(grid, dated, amounts[0]) if dated is not None and len(amounts) == 1 else None

    def entries(self) -> list[Entry]:
        """In the order of the rows; sums, which have no date, are none."""
        found = []
        for line in self.grid.lines:
            cell = line.cells.get(self.amount)
            days = tuple(date_terms(_text(line, self.dated)))
            if cell is not None and cell.value is not None and days:
                found.append(Entry(line, days, cell.value))
        return found

    def meant(self, query: Query, by_form: Set[str]) -> tuple[list[Entry], frozenset[str]] | None:
        """The entries that the question means, and its stems that say so; None where something that it says is
        accounted for neither by these nor by ``by_form``, the stems of how it asks."""
        entries = self.entries()
        said = shared(query, around(self.grid)) | said_in_column(query, self.grid.column_name(self.amount))
        for column in range(len(self.grid.columns)):
            if column not in (self.dated, self.amount):
                kept, words = _said_in(query, entries, column)
                entries, said = kept or entries, said | words
        period = _in_period(query, entries)
        if period is None:
            return None
        entries, when = period
        said |= when | (by_form & query.rarity.keys())
        if query.rarity.keys() - said - ENGLISH or query.names - said:
            return None
        entries = _of_one_sign(entries, comes_in=_INCOME.search(query.text) is not None)
        return (entries, said) if entries and _alike(entries) else None


def _text(line: Line, column: int) -> str:
    cell = line.cells.get(column)
    return line.name if column == 0 else cell.text if cell is not None else ""


def _holds_dates(grid: Grid, column: int) -> bool:
    dated = sum(bool(date_terms(_text(line, column))) for line in grid.lines)
    return dated >= max(_LEAST_ROWS, _DATED * len(grid.lines))


def _is_money(grid: Grid, column: int) -> bool:
    return _AMOUNT.search(grid.column_name(column)) is not None or is_money(grid, column)


def _said_in(query: Query, entries: Sequence[Entry], column: int) -> tuple[list[Entry], frozenset[str]]:
    """The entries whose cell in a column the question says, and the stems that say it."""
    asked = frozenset(query.rarity)
    prefixes = prefixes_of(asked)
    kept: list[Entry] = []
    said = frozenset[str]()
    for entry in entries:
        wanted = meaning(_text(entry.line, column))
        if 0 < len(wanted) <= _LONGEST_KEY and all(match(term, asked, prefixes) > 0 for term in wanted):
            kept.append(entry)
            said |= shared(query, frozenset(wanted))
    return kept, said


def _in_period(query: Query, entries: list[Entry]) -> tuple[list[Entry], frozenset[str]] | None:
    """The entries of the day, month or year that the question names, and the stems that name it; None where a month
    without a year lies in several."""
    named = _stems_of_dates(query.text) & query.rarity.keys()
    if wanted := frozenset(date_terms(query.text)):
        return [entry for entry in entries if wanted & {*entry.days, entry.month}], named
    if months := months_named(query.text):
        kept = [entry for entry in entries if int(entry.month[9:]) in months]
        return (kept, named) if len({entry.month[5:9] for entry in kept}) <= 1 else None
    if years := frozenset(_YEAR.findall(query.text)):
        return [entry for entry in entries if entry.month[5:9] in years], named
    return entries, frozenset()


def _stems_of_dates(text: str) -> frozenset[str]:
    months = frozenset(stem for name in months_named(text).values() for stem in stems(name))
    return months | frozenset(stem for stem in stems(text) if stem[:1].isdigit())


def _of_one_sign(entries: list[Entry], *, comes_in: bool) -> list[Entry]:
    """Where an account has amounts above and below zero, those that come in or those that go out."""
    if len({entry.amount.number > 0 for entry in entries}) < 2:
        return entries
    return [entry for entry in entries if (entry.amount.number > 0) is comes_in]


def _alike(entries: Sequence[Entry]) -> bool:
    """Whether the amounts have one currency; only some of them may carry its sign."""
    signs = {entry.amount.before for entry in entries if entry.amount.before}
    return len(signs) <= 1 and len({entry.amount.after for entry in entries}) == 1
