"""Finds where rows of numbers have names of columns above them, and where new names begin a table within the rows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.parsers.tables.table import kind_of

Placed = list[tuple[str, int, int]]
"""The cells of a row, each with its first and last column."""

_NOTHING = re.compile(r"[—–-]+|n/?[am]|nm|\*+", re.IGNORECASE)
"""What stands in the place of a number."""
_CURRENCY = re.compile(r"^(?:US|C|A|HK|NT)?[$€£¥₩₹]\s*")
_MOST_HEADER_ROWS = 8
_YEAR = re.compile(r"(?:19|20|21)\d\d")
_UNITS = re.compile(r"\(.{2,120}\)")


@dataclass(slots=True)
class PlacedRow:
    """The cells of a row in their columns, and where on the page the row begins; ``size`` is its font's."""

    cells: Placed
    left: float
    top: float
    size: float

    @property
    def is_label(self) -> bool:
        """Whether the row has a name and no values."""
        return len(self.cells) == 1 and self.cells[0][1] == 0


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table; ``header_rows`` None where nothing tells how many name its columns."""

    rows: list[PlacedRow]
    header_rows: int | None
    caption: str


def divided(rows: Sequence[PlacedRow], columns: int) -> Iterator[Part]:
    """Yields the tables that stand one below the other in the same columns."""
    numbers = _columns_of_numbers(rows, columns)
    if not numbers:
        yield Part(list(rows), None, "")
        return
    starts = [0, *_later_headers(rows, numbers)]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        yield _part(rows[start:end], numbers)


@lru_cache(maxsize=2048)
def is_value(text: str) -> bool:
    """Whether a cell holds a number, or what stands in the place of one."""
    return kind_of(text) == "number" or _NOTHING.fullmatch(_CURRENCY.sub("", text)) is not None


def _columns_of_numbers(rows: Sequence[PlacedRow], columns: int) -> set[int]:
    values = [0] * columns
    filled = [0] * columns
    for row in rows:
        if any(first > 0 and is_value(text) for text, first, _ in row.cells):
            for text, first, last in row.cells:
                if first == last:
                    filled[first] += 1
                    values[first] += is_value(text)
    return {column for column in range(1, columns) if values[column] * 2 > filled[column]}


def _names(row: PlacedRow) -> bool:
    """Whether a row may hold names of columns: no number, and more than a name of its own."""
    return not row.is_label and not any(first > 0 and is_value(text) for text, first, _ in row.cells)


def _begins_with_name(row: PlacedRow) -> bool:
    text, first, _ = row.cells[0]
    return first == 0 and not _UNITS.fullmatch(text)


def _later_headers(rows: Sequence[PlacedRow], numbers: set[int]) -> list[int]:
    """Where names of columns stand below rows of values, with the lines above them that belong to them."""
    starts: list[int] = []
    seen_values = False
    at = 0
    while at < len(rows):
        if not _names(rows[at]):
            seen_values = seen_values or not rows[at].is_label
            at += 1
            continue
        end = at
        named: set[int] = set()
        while end < len(rows) and end - at < _MOST_HEADER_ROWS and _names(rows[end]):
            for _, first, last in rows[end].cells:
                named.update(range(max(1, first), last + 1))
            end += 1
        follows = end < len(rows) and not all(row.is_label for row in rows[end:])
        texts = [text for row in rows[at:end] for text, first, _ in row.cells if first > 0]
        if seen_values and follows and len(named & numbers) * 2 > len(numbers) and texts:
            start = at
            while start > 0 and rows[start - 1].is_label and at - start < 2:
                start -= 1
            if start > (starts[-1] if starts else 0):
                starts.append(start)
                seen_values = False
        at = end
    return starts


def _part(rows: Sequence[PlacedRow], numbers: set[int]) -> Part:
    lead = 0
    while lead < len(rows) and rows[lead].is_label:
        lead += 1
    end, named_first = lead, False
    while end < len(rows) and end - lead < _MOST_HEADER_ROWS and _names(rows[end]):
        if named_first and rows[end].cells[0][1] == 0:
            break
        named_first = named_first or _begins_with_name(rows[end])
        end += 1
    named = {
        column for row in rows[lead:end] for _, first, last in row.cells for column in range(max(1, first), last + 1)
    }
    if end == lead or end == len(rows) or len(named & numbers) * 2 <= len(numbers):
        units = rows[0].is_label and _UNITS.fullmatch(rows[0].cells[0][0]) is not None
        return Part(list(rows[units:]), None, rows[0].cells[0][0] if units else "")
    _spread(rows[lead:end], numbers)
    _spread_over_years(rows[lead:end])
    caption = " ".join(row.cells[0][0] for row in rows[:lead])
    return Part(list(rows[lead:]), end - lead, caption)


def _spread(header: Sequence[PlacedRow], numbers: set[int]) -> None:
    """Lets a name that stands over the last column of each of several groups alike ("2031" below "Gross | Net | Gross |
    Net") span its group."""
    columns = range(1, max(numbers) + 1)
    above: list[tuple[str, ...]] = [()] * len(columns)
    for row in header:
        cells = [cell for cell in row.cells if cell[1] > 0]
        share, rest = divmod(len(columns), max(1, len(cells)))
        groups = [above[n : n + share] for n in range(0, len(columns), share)] if share else []
        ends = [1 + share * (n + 1) - 1 for n in range(len(cells))]
        alike = all(group == groups[0] and all(group) for group in groups)
        if (
            len(cells) > 1
            and share > 1
            and not rest
            and alike
            and [cell[1] for cell in cells] == ends == [cell[2] for cell in cells]
        ):
            row.cells = [cell for cell in row.cells if cell[1] == 0] + [
                (text, last - share + 1, last) for text, _, last in cells
            ]
            continue
        for text, first, last in row.cells:
            for column in range(max(1, first), min(last, len(columns)) + 1):
                above[column - 1] = (*above[column - 1], text)


def _spread_over_years(header: Sequence[PlacedRow]) -> None:
    """Lets a name that stands over the last year of a group of years alike span the group: "Six Months Ended" over the
    second of "2031 | 2030", where another pair of the same years stands beside it."""
    *above, last = header
    years = {first: text for text, first, end in last.cells if first == end and _YEAR.fullmatch(text)}
    groups: list[list[int]] = []
    for column in sorted(years):
        if groups and groups[-1][-1] == column - 1 and years[groups[-1][0]] != years[column]:
            groups[-1].append(column)
        else:
            groups.append([column])
    if len(groups) < 2 or len({tuple(years[column] for column in group) for group in groups}) > 1 or len(groups[0]) < 2:
        return
    for row in above:
        taken = {column for _, first, end in row.cells for column in range(first, end + 1)}
        for group in groups:
            if not taken & set(group[:-1]):
                row.cells = [
                    (text, group[0], end) if first == end == group[-1] else (text, first, end)
                    for text, first, end in row.cells
                ]
