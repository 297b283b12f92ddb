"""Lists of dated entries with an amount (an account, a cash book), and which of their entries a question means.

An entry is meant where the question says what stands in one of its columns ("groceries", "Lidl") and names its day,
month or year.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from rag.answer.operators.computed.in_and_out import columns_in_and_out
from rag.answer.operators.tables.grid import Grid, Line, meaning
from rag.answer.operators.tables.matching import around, is_money, said_in_column, shared
from rag.answer.operators.tables.values import Value
from rag.text.dates import date_terms, dates, months_named
from rag.text.stop_words import ENGLISH
from rag.text.words import match, prefixes_of, stems
from rag.types import Query

_AMOUNT = re.compile(
    r"\b(?:amount|cost|price|total|sum|paid|value|debit|eur|usd|gbp|chf|euros?|dollars?|pounds?)\b", re.IGNORECASE
)
_FACTOR = re.compile(r"\b(?:quantity|qty|units?|pieces|number|count|hours|rate)\b", re.IGNORECASE)
_NO_ENTRY = re.compile(
    r"(?:(?:opening|closing|starting|previous|new|old|final)\b.*)?\bbalance\b|(?:grand |sub)?totals?\b|"
    r"(?:brought|carried) (?:forward|over)\b",
    re.IGNORECASE,
)
_INCOME = re.compile(r"\b(?:earn|earned|receive|received|income|get|got)\b", re.IGNORECASE)
_OF_INCOME = re.compile(r"\b(?:income|earnings|earned|received|receipts|revenues?|salary|wages|donations)\b", re.I)
_CURRENCY = re.compile(r"[A-Z]{3}|[$€£¥₹]")
_YEAR = re.compile(r"(?<![\w.,-])(?:19|20)\d\d(?![\w.,-]*\d)")
_IN = re.compile(r"\b(?:in|during|of|throughout)\s+\Z", re.IGNORECASE)  # what stands before a month that is meant
_NUMBERS = re.compile(r"(\d{1,2})[-/](\d{1,2})[-/]\d{4}")
_DATED = 0.8  # share of the rows that must have a date
_LEAST_ROWS = 3
_LONGEST_KEY = 4  # words of a cell that say which entries are meant
_LAST_MONTH = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with a date and an amount. ``day`` is a term of ``rag.text.dates``; "" where day and month may stand in
    either order."""

    line: Line
    day: str
    amount: Value

    @property
    def month(self) -> str:
        """ "203405"."""
        return self.day.removeprefix("day").removeprefix("month")[:6]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A table whose rows are entries: ``dated`` and ``amount`` are columns. ``is_one_side``: another column holds the
    amounts that go the other way."""

    grid: Grid
    dated: int
    amount: int
    entries: tuple[Entry, ...]
    is_one_side: bool = False

    @classmethod
    def of(cls, query: Query, grid: Grid) -> "Ledger | None":
        """With the amounts that come in or go out, as asked, where these have columns of their own. None for
        a table of which only a part is here, without dates, without one column of money alone, or with rows of which
        it is not clear whether and how they count."""
        dated = next((column for column in range(len(grid.columns)) if _holds_dates(grid, column)), None)
        sides = columns_in_and_out(grid)
        amounts = [column for column in grid.value_columns if column and _is_money(grid, column)]
        if sides is not None and not set(amounts) - set(sides):
            amounts = [sides[0] if _INCOME.search(query.text) else sides[1]]
        if not grid.is_whole or dated is None or len(amounts) != 1 or _is_mixed(grid):
            return None
        entries = _entries(grid, dated, amounts[0])
        return cls(grid, dated, amounts[0], tuple(entries), sides is not None) if entries else None

    def meant(self, query: Query, by_form: Set[str]) -> tuple[list[Entry], frozenset[str]] | None:
        """The entries that the question means, and its stems that say so; None where something that it says is
        accounted for neither by these nor by ``by_form``, the stems of how it asks."""
        entries = self._of_one_sign(comes_in=_INCOME.search(query.text) is not None)
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
        return (entries, said) if entries and _alike(entries) else None

    def date_of(self, entry: Entry) -> str:
        """As it is written."""
        return _text(entry.line, self.dated)

    def _of_one_sign(self, *, comes_in: bool) -> list[Entry]:
        """Where an account has amounts above and below zero, those that come in or those that go out. A list of one
        sign holds what was spent, unless it says otherwise."""
        if len({entry.amount.number > 0 for entry in self.entries}) == 2:
            return [entry for entry in self.entries if (entry.amount.number > 0) is comes_in]
        if self.is_one_side:
            return list(self.entries)
        grid = self.grid
        told = " ".join([*grid.columns, *grid.passage.heading_path, grid.passage.document.title])
        return list(self.entries) if (_OF_INCOME.search(told) is not None) is comes_in else []


def _entries(grid: Grid, dated: int, amount: int) -> list[Entry]:
    """In the order of the rows, without sums and balances; none where a row has no date or no amount that is read."""
    order = _order(grid, dated)
    found = []
    for line in grid.lines:
        texts = [_text(line, column) for column in range(len(grid.columns)) if column not in (dated, amount)]
        if any(_NO_ENTRY.match(text) for text in (line.name, *texts)):
            continue
        cell = line.cells.get(amount)
        days = list(dict.fromkeys(date_terms(_text(line, dated))))
        if cell is None or not cell.text.strip():
            continue
        if cell.value is None or not days:
            return []
        day = days[0] if len(days) == 1 else "" if order is None else days[order]
        found.append(Entry(line, day, cell.value))
    return found


def _order(grid: Grid, column: int) -> int | None:
    """Which of two readings of 05/06/2034 the column's other dates prove: 0 for the day in front, 1 for the month."""
    proven = set()
    for line in grid.lines:
        for first, second in _NUMBERS.findall(_text(line, column)):
            if int(first) > _LAST_MONTH:
                proven.add(0)
            elif int(second) > _LAST_MONTH:
                proven.add(1)
    return proven.pop() if len(proven) == 1 else None


def _text(line: Line, column: int) -> str:
    cell = line.cells.get(column)
    return line.name if column == 0 else cell.text if cell is not None else ""


def _holds_dates(grid: Grid, column: int) -> bool:
    dated = sum(bool(date_terms(_text(line, column))) for line in grid.lines)
    return dated >= max(_LEAST_ROWS, _DATED * len(grid.lines))


def _is_money(grid: Grid, column: int) -> bool:
    return _AMOUNT.search(grid.column_name(column)) is not None or is_money(grid, column)


def _is_mixed(grid: Grid) -> bool:
    """Whether rows have currencies of their own, or amounts that are to be multiplied first."""
    for column in range(1, len(grid.columns)):
        texts = {_text(line, column) for line in grid.lines} - {""}
        if len(texts) > 1 and all(_CURRENCY.fullmatch(text) for text in texts):
            return True
    return any(_FACTOR.search(grid.column_name(column)) for column in grid.value_columns)


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
    """The entries of the one day, month or year that the question names, and the stems that name it; None where it
    names several, or a month without a year that lies in several, or the entries' days are open."""
    text = query.text
    dated = list(dates(text))
    spans = {(date.start, date.end) for date in dated}
    rest = "".join(" " if any(a <= at < b for a, b in spans) else sign for at, sign in enumerate(text))
    months = {month: at for month, at in months_named(rest).items() if _IN.search(rest[:at])}
    years = frozenset(_YEAR.findall(rest))
    if not spans and not months and not years:
        return entries, frozenset()
    if len(dated) + len(months) > 1 or len(years) > 1 or (dated and years) or not all(entry.day for entry in entries):
        return None
    if dated:
        ((start, end),) = spans
        kept = [entry for entry in entries if dated[0].term in (entry.day, f"month{entry.month}")]
        return kept, frozenset(stems(text[start:end])) & query.rarity.keys()
    if months:
        ((month, at),) = months.items()
        kept = [entry for entry in entries if int(entry.month[4:]) == month and (not years or entry.month[:4] in years)]
        said = frozenset(stems(rest[at:])[:1]) | years
        return (kept, said & query.rarity.keys()) if len({entry.month for entry in kept}) <= 1 else None
    return [entry for entry in entries if entry.month[:4] in years], years & query.rarity.keys()


def _alike(entries: Sequence[Entry]) -> bool:
    """Whether the amounts have one currency; only some of them may carry its sign."""
    signs = {entry.amount.before for entry in entries if entry.amount.before}
    return len(signs) <= 1 and len({entry.amount.after for entry in entries}) == 1
