"""Adds up the dated entries of a list: "How much did I spend at Lidl in May?" of an account's rows.

An entry counts where the question says what stands in one of its columns ("groceries", "Lidl") and names its day, month
or year. Everything that the question says must be accounted for, so that no other sum is given than the one asked for.
"""

import re
from collections.abc import Sequence

from rag.answer.operators.extremes import superlative_in
from rag.answer.operators.grid import Grid, Line, meaning
from rag.answer.operators.matching import around, is_money, said_in_column, share, shared
from rag.answer.operators.values import Value, total
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.dates import date_terms, month_of, months_named
from rag.text.stop_words import ENGLISH
from rag.text.words import match, prefixes_of, stems
from rag.types import Query

_OUT = r"spend|spent|pay|paid|cost|expenses?|spending|expenditures?"
_IN = r"earn|earned|receive|received|income|get|got"
_ASKS = re.compile(
    rf"\b(?:how much|what)\b.*\b(?P<verb>{_OUT}|{_IN})\b|\b(?:total|sum)\b.*\b(?P<noun>{_OUT}|{_IN})\b", re.IGNORECASE
)
_INCOME = re.compile(rf"(?:{_IN})\Z", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"\b(?:average|mean|per|each|every|more|less|fewer|than|not|except|without|besides|but|or|difference|left|since|"
    r"before|after|until|between|from|most|last|next|this|usually|will|would|should|if)\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"\b(?:amount|cost|price|total|sum|paid|value|debit|eur|usd|gbp|chf|euros?|dollars?|pounds?)\b", re.IGNORECASE
)
_SAID_BY_FORM = frozenset(
    stems(
        "spend spent pay paid cost expense spending expenditure earn receive income get got total sum altogether all "
        "money entire whole overall combined together month year day"
    )
)
_YEAR = re.compile(r"(?<![\w.,-])(?:19|20)\d\d(?![\w.,-]*\d)")
_DATED = 0.8  # share of the rows that must have a date
_LEAST_ROWS = 3
_LONGEST_KEY = 4  # words of a cell that say which entries are meant
_MOST_SHOWN = 20


def add_up_entries(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """The sum of the entries that the question picks out, with its parts; None for other questions."""
    asked = _ASKS.search(query.text)
    if asked is None or _OTHERWISE.search(query.text) or superlative_in(query.text) is not None:
        return None
    comes_in = _INCOME.match(asked["verb"] or asked["noun"]) is not None
    found = [worked for grid in grids if (worked := _in_grid(query, grid, comes_in=comes_in)) is not None]
    return max(found, key=lambda worked: worked.strength, default=None)


def _in_grid(query: Query, grid: Grid, *, comes_in: bool) -> Worked | None:
    dated, amount = _date_column(grid), _amount_column(grid)
    if dated is None or amount is None:
        return None
    lines = [line for line in grid.lines if _value(line, amount) is not None and date_terms(_text(line, dated))]
    said = shared(query, around(grid)) | said_in_column(query, grid.column_name(amount))
    for column in range(len(grid.columns)):
        if column not in (dated, amount):
            kept, words = _said_in(query, lines, column)
            lines, said = kept or lines, said | words
    period = _in_period(query, lines, dated)
    if period is None:
        return None
    lines, when = period
    lines = _of_one_sign(lines, amount, comes_in=comes_in)
    said |= when | (_SAID_BY_FORM & query.rarity.keys())
    values = [value for line in lines if (value := _value(line, amount)) is not None]
    if not values or query.rarity.keys() - said - ENGLISH or query.names - said or not _alike(values):
        return None
    return Worked((_said(grid, amount, lines, values),), share(query, said) + 0.25)


def _said(grid: Grid, amount: int, lines: Sequence[Line], values: list[Value]) -> Statement:
    """ "123.10 (Amount): 2024-05-04 64.20 + 2024-05-21 58.90 = 123.10."."""
    whole = grid.written(total(values))
    about = f" ({name})" if (name := grid.column_name(amount)) else ""
    shown = lines[:_MOST_SHOWN]
    parts = " + ".join(f"{grid.called(line)} {grid.written(value)}" for line, value in zip(shown, values, strict=False))
    if len(values) == 1:
        text = f"{whole}{about}: {grid.called(lines[0])}."
    elif len(values) > _MOST_SHOWN:
        text = f"{whole}{about}, the sum of {len(values)} rows, of which the first are {parts}."
    else:
        text = f"{whole}{about}: {parts} = {whole}."
    return Statement(text, tuple(row_source(grid, line) for line in shown))


def _text(line: Line, column: int) -> str:
    cell = line.cells.get(column)
    return line.name if column == 0 else cell.text if cell is not None else ""


def _value(line: Line, column: int) -> Value | None:
    cell = line.cells.get(column)
    return None if cell is None else cell.value


def _date_column(grid: Grid) -> int | None:
    """The first column that holds dates."""
    for column in range(len(grid.columns)):
        dated = sum(bool(date_terms(_text(line, column))) for line in grid.lines)
        if dated >= max(_LEAST_ROWS, _DATED * len(grid.lines)):
            return column
    return None


def _amount_column(grid: Grid) -> int | None:
    """The column of numbers that is money by its name or its signs; None where there are several."""
    columns = [column for column in grid.value_columns if column and _is_amount(grid, column)]
    return columns[0] if len(columns) == 1 else None


def _is_amount(grid: Grid, column: int) -> bool:
    return _AMOUNT.search(grid.column_name(column)) is not None or is_money(grid, column)


def _said_in(query: Query, lines: Sequence[Line], column: int) -> tuple[list[Line], frozenset[str]]:
    """The entries whose cell in a column the question says, and the stems that say it."""
    asked = frozenset(query.rarity)
    prefixes = prefixes_of(asked)
    kept: list[Line] = []
    said = frozenset[str]()
    for line in lines:
        wanted = meaning(_text(line, column))
        if 0 < len(wanted) <= _LONGEST_KEY and all(match(term, asked, prefixes) > 0 for term in wanted):
            kept.append(line)
            said |= shared(query, frozenset(wanted))
    return kept, said


def _in_period(query: Query, lines: Sequence[Line], column: int) -> tuple[list[Line], frozenset[str]] | None:
    """The entries of the day, month or year that the question names, and the stems that name it; None where a month
    without a year lies in several."""
    terms = {line: frozenset(date_terms(_text(line, column))) for line in lines}
    if wanted := frozenset(date_terms(query.text)):
        kept = [line for line in lines if any(one in wanted or _month(one) in wanted for one in terms[line])]
        return kept, _stems_of_dates(query.text) & query.rarity.keys()
    if months := months_named(query.text):
        kept = [line for line in lines if any(int(_month(one)[9:]) in months for one in terms[line])]
        years = {_month(one)[5:9] for line in kept for one in terms[line]}
        return (kept, _stems_of_dates(query.text) & query.rarity.keys()) if len(years) <= 1 else None
    if years_asked := frozenset(_YEAR.findall(query.text)):
        kept = [line for line in lines if any(_month(one)[5:9] in years_asked for one in terms[line])]
        return kept, years_asked & query.rarity.keys()
    return list(lines), frozenset()


def _month(term: str) -> str:
    """ "month202405" of a term of ``rag.text.dates``."""
    return month_of(term) if term.startswith("day") else term


def _stems_of_dates(text: str) -> frozenset[str]:
    return frozenset(stem_ for word in months_named(text).values() for stem_ in stems(word)) | frozenset(
        each for each in stems(text) if each.isdigit()
    )


def _of_one_sign(lines: list[Line], column: int, *, comes_in: bool) -> list[Line]:
    """Where an account has amounts above and below zero, those that come in or those that go out."""
    signs = {line: value.number > 0 for line in lines if (value := _value(line, column)) is not None}
    if len(set(signs.values())) < 2:
        return lines
    return [line for line in lines if signs[line] is comes_in]


def _alike(values: Sequence[Value]) -> bool:
    """Whether the amounts have one currency; only some of them may carry its sign."""
    return len({value.before for value in values if value.before}) <= 1 and len({value.after for value in values}) == 1
