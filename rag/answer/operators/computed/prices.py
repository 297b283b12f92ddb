"""Computes what several things cost that a document prices one by one.

"Adults: 14 crowns" and "Children from 6 to 15: 6 crowns" answer what two adults and a ten-year-old pay; a row with a
"Price per night" what four nights cost. All prices come from one passage and are of one currency.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from rag.answer.operators.computed.amounts import prices_in
from rag.answer.operators.tables.grid import Grid
from rag.answer.operators.tables.matching import meant_lines
from rag.answer.operators.tables.values import Value, total
from rag.answer.operators.worked import Source, Statement, Worked, row_source
from rag.answer.rows import units_of
from rag.text.stop_words import STOP_WORDS
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Passage, Query

_ASKS = re.compile(r"\bhow much\b|\bwhat\b|\bprice\b|\bcost\b", re.IGNORECASE)
_PAYS = re.compile(r"\b(?:pay|pays|cost|costs|price|fare|owe|come to|charged?|spend)\b", re.IGNORECASE)
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_COUNTS = {found[0]: count for count, found in enumerate(re.finditer(r"\w+", _NUMBERS), start=1)}
_AGE = rf"(?:\d{{1,2}}|{'|'.join(_COUNTS)})\b"
_AGED = re.compile(rf"\b(?:(?P<count>\w+) )?(?P<age>{_AGE})[ -]years?[ -]olds?\b", re.IGNORECASE)
_AGES = re.compile(rf"[\s,(]*\baged? (?P<ages>{_AGE}(?:(?:,| and|, and) {_AGE})*)", re.IGNORECASE)
_RANGE = re.compile(r"\b(?P<low>\d{1,2})\s*(?:to|-|–|until)\s*(?P<high>\d{1,2})\b")
_UNDER = re.compile(r"\b(?:under|below|up to)\s+(?P<high>\d{1,2})\b", re.IGNORECASE)
_EACH = re.compile(r"\b(?:per|each|an?)\b", re.IGNORECASE)
_NAMED_WITHIN = 4  # words at the beginning of a line that say what is priced
_MOST = 99
_STRENGTH = 0.75


@dataclass(frozen=True, slots=True)
class _Wanted:
    """``count`` things of a name, or people of an age."""

    count: int
    name: str
    ages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Price:
    name: str
    value: Value
    source: Source


def price_several(query: Query, passages: Sequence[Passage], grids: Sequence[Grid]) -> Worked | None:
    """The sum of all prices, with the sum shown; None for other questions, and where one of them is not there."""
    if _ASKS.search(query.text) is None or _PAYS.search(query.text) is None:
        return None
    wanted = list(_wanted(query))
    if sum(each.count for each in wanted) < 2 and not any(each.ages for each in wanted):
        return None
    for passage in passages:
        lines = list(_priced_lines(passage))
        found = [_line_for(each, lines) for each in wanted]
        if all(found):
            return _worked(wanted, [price for price in found if price is not None])
    for grid in grids:
        cells = [_cell_for(query, each, grid) for each in wanted]
        if all(cells):
            return _worked(wanted, [price for price in cells if price is not None])
    return None


def _wanted(query: Query) -> Iterator[_Wanted]:
    """What the question counts: "two adults", "one 8-year-old", "2 children aged 8 and 12"."""
    text = query.text
    aged, ages = list(_AGED.finditer(text)), list(_AGES.finditer(text))
    for found in aged:
        yield _Wanted(_count(found["count"] or "") or 1, "", (_age(found["age"]),))
    taken = [found.span() for found in (*aged, *ages)]
    spoken = [each for each in words(text) if not any(start <= each[1] < end for start, end in taken)]
    for (number, _, _), (noun, _, end) in pairwise(spoken):
        count = _count(number)
        if count is not None and noun not in STOP_WORDS and noun.isalpha():
            behind = [found["ages"] for found in ages if found.start() == end]
            told = [age for said in behind for age in re.findall(_AGE, said, re.IGNORECASE)]
            yield _Wanted(count, stem(noun), tuple(map(_age, told)))


def _count(word: str) -> int | None:
    count = int(word) if word.isdigit() and len(word) <= 2 else _COUNTS.get(word.casefold())
    return count if count is not None and 0 < count <= _MOST else None


def _age(word: str) -> int:
    return int(word) if word.isdigit() else _COUNTS[word.casefold()]


def _priced_lines(passage: Passage) -> Iterator[_Price]:
    """The sentences and list items with one price, and what stands in front of it."""
    for unit in units_of(passage, len(passage.text)):
        text = passage.text[unit.first : unit.end]
        if unit.is_table_row:
            continue
        prices = list(prices_in(text))
        if len(prices) == 1:
            start, _, value = prices[0]
            yield _Price(text[:start], value, Source(passage, unit.first, unit.end))


def _line_for(wanted: _Wanted, lines: Sequence[_Price]) -> _Price | None:
    fitting = [line for line in lines if _is_priced(wanted, line.name)]
    return fitting[0] if len(fitting) == 1 else None


def _is_priced(wanted: _Wanted, name: str) -> bool:
    if wanted.name:
        first = frozenset(stems(name)[:_NAMED_WITHIN])
        if match(wanted.name, first, prefixes_of(first)) < 1:
            return False
    elif not (_RANGE.search(name) or _UNDER.search(name)):
        return False
    return all(_covers(name, age) for age in wanted.ages)


def _covers(name: str, age: int) -> bool:
    if (found := _RANGE.search(name)) is not None:
        return int(found["low"]) <= age <= int(found["high"])
    found = _UNDER.search(name)
    return found is None or age < int(found["high"])


def _cell_for(query: Query, wanted: _Wanted, grid: Grid) -> _Price | None:
    """The price of one in the row that the question names: the column says what it is the price of."""
    if not wanted.name:
        return None
    columns = [
        column
        for column in grid.value_columns
        if _EACH.search(grid.column_name(column)) and wanted.name in stems(grid.column_name(column))
    ]
    meant = [each for each in meant_lines(query, grid) if each.strength >= _STRENGTH]
    if len(columns) != 1 or len(meant) != 1 or columns[0] not in meant[0].line.cells:
        return None
    line = meant[0].line
    value = line.cells[columns[0]].value
    return None if value is None else _Price(grid.called(line), value, row_source(grid, line))


def _worked(wanted: Sequence[_Wanted], prices: Sequence[_Price]) -> Worked | None:
    if len({(price.value.before, price.value.after) for price in prices}) != 1:
        return None
    parts = [
        price.value.with_number(price.value.number * Decimal(each.count))
        for each, price in zip(wanted, prices, strict=True)
    ]
    shown = " + ".join(
        f"{each.count} × {price.value.written} ({_shown(price.name)})"
        for each, price in zip(wanted, prices, strict=True)
    )
    result = total(parts)
    sources = tuple(dict.fromkeys(price.source for price in prices))
    return Worked((Statement(f"{result.written}: {shown}.", sources),), 1.0)


def _shown(name: str) -> str:
    return " ".join(name.split()).strip(" -–•*:")
