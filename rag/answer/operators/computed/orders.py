"""Prices an order from a list: "10 benches and 5 of the folding tables for two days" of rows with a price each.

Each number of the question belongs to the row that the words behind it name; the price stands in the one column of
prices. Where that is a price per day or night, the question says how many.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rag.answer.operators.tables.degrees import price_among
from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import meant_lines
from rag.answer.operators.tables.values import Value, total
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.query.query import make_query
from rag.text.words import content_stems, stems
from rag.types import Query

_ASKS = re.compile(
    r"\b(?:costs?|pay|price|charge|owe|total|come(?:s)? to|add(?:s)? up to|be in all|"
    r"(?:was|wie ?viel) kosten)\b|how much",
    re.IGNORECASE,
)
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve"
_COUNTS = {word: count for count, word in enumerate(_NUMBERS.split(), start=1)} | {"a": 1, "an": 1}
_PERIOD = re.compile(r"\bper (?P<period>hour|day|night|week|month|year)\b", re.IGNORECASE)
_COUNT = rf"(?:\d{{1,3}}|{'|'.join(_NUMBERS.split())})"
_PART = re.compile(
    rf"\b(?P<count>{_COUNT})(?: ?[x×])? (?:of (?:the |our |your |those )?)?"
    rf"(?P<name>[^\W\d_][^,;.?!]*?|\d+ ?[a-z]+ [^,;.?!]*?)"
    rf"(?=\s*(?:[,;.?!]|$|\b(?:and|plus|for|without|with|what|how|do|does|would|will|cost|costs|come)\b))",
    re.IGNORECASE,
)
_WITH = re.compile(r"\b(?:with|including|incl\.?|plus)(?: the| a)? (?:deposit|delivery|vat|tax)\b", re.IGNORECASE)
_STRENGTH = 0.75
_LEAST_PARTS = 1


@dataclass(frozen=True, slots=True)
class _Position:
    count: int
    line: Line
    price: Value


def price_order(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """The sum with its parts; None for other questions, and where a row, a price or a period is in doubt."""
    if _ASKS.search(query.text) is None or _WITH.search(query.text) is not None:
        return None
    parts = list(_parts(query.text))
    if sum(count for count, _ in parts) < 2:
        return None
    found = [worked for grid in grids if (worked := _in_grid(query, grid, parts)) is not None]
    return found[0] if len(found) == 1 else None


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """What is counted, with its number: (10, "beer benches")."""
    for part in _PART.finditer(text):
        count = part["count"].casefold()
        yield int(count) if count.isdigit() else _COUNTS[count], part["name"].strip()


def _in_grid(query: Query, grid: Grid, parts: Sequence[tuple[int, str]]) -> Worked | None:
    column = price_among(grid, grid.value_columns)
    if column is None or not grid.is_whole:
        return None
    period = _PERIOD.search(grid.column_name(column))
    times = 1
    positions: list[_Position] = []
    for count, name in parts:
        if period is not None and stems(name)[:1] == stems(period["period"])[:1]:
            times = count
            continue
        line = _line(grid, name)
        price = line.cells[column].value if line is not None and column in line.cells else None
        if line is None or price is None:
            return None
        positions.append(_Position(count, line, price))
    if len(positions) < _LEAST_PARTS or len({position.line.start for position in positions}) < len(positions):
        return None
    if len({(position.price.before, position.price.after) for position in positions}) > 1:
        return None
    if period is not None and times == 1 and _says_another_period(query):
        return None
    amounts = [
        position.price.with_number(position.price.number * Decimal(position.count * times)) for position in positions
    ]
    each = f" × {times} {period['period']}s" if period is not None and times > 1 else ""
    shown = " + ".join(f"{one.count} × {grid.written(one.price)} ({grid.called(one.line)}){each}" for one in positions)
    text = f"{grid.written(total(amounts))} ({grid.column_name(column)}): {shown}."
    return Worked((Statement(text, tuple(row_source(grid, one.line) for one in positions)),), 1.0)


def _line(grid: Grid, name: str) -> Line | None:
    """The one row that a part of the order names, all of whose words its name holds."""
    wanted = frozenset(content_stems(name))
    meant = [one for one in meant_lines(make_query(name), grid) if one.strength >= _STRENGTH and wanted <= one.said]
    best = [one for one in meant if one.strength == meant[0].strength]
    return best[0].line if len(best) == 1 else None


def _says_another_period(query: Query) -> bool:
    """Whether the question names a time that the list does not price: a weekend, a week of days."""
    return re.search(r"\b(?:weekend|week|month|year|days|nights|hours)\b", query.text, re.IGNORECASE) is not None
