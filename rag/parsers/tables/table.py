"""A table as a grid: spans expanded, headers found, columns named.

A parser says which cells stand where and what its format says of headers (``Table``); ``Grid.of`` does all the rest,
for every format alike. ``rag.parsers.tables.text`` writes a grid into the canonical text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from rag.parsers.tables.sections import sections_of

MAX_COLUMNS = 4_096
_LONGEST_NAME = 200  # characters of a column's name
_MOST_HEADER_ROWS = 3
_MOST_LINES = 4  # of a header whose names run over several lines
_HEADER_WITHIN = 6  # rows: a header begins in one of them
_COMPARED = 100  # rows that are compared with what may be a header
_YEAR = re.compile(r"(?:19|20|21)\d\d(?:[-/–](?:19|20|21)?\d\d)?[EPF*]?")
_PERIOD = re.compile(
    r"(?:[QH][1-4]|(?:FY|CY)) ?'?(?:\d{4}|\d\d)?|(?:19|20|21)\d\d[-/ ]?(?:[QH][1-4]|0?[1-9]|1[0-2])", re.IGNORECASE
)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?: \d{1,2}:\d\d(?::\d\d)?)?")
_UNIT = (
    r"%|‰|[$€£¥]|(?:EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|JPY)\b|x|pp|bps|ppm|pcs|h|hrs?|min|s|sec|ms|d|km/h|mph|kn|"
    r"km|cm|mm|µm|nm|m|ft|in|mi|km²|m²|m³|ha|sqm|kg|mg|g|t|lbs?|oz|ml|cl|dl|l|°\s?[CF]?|[kM]?Wh|[kM]?W|kJ|kcal|kV|mV|V|"
    r"mAh|mA|A|[kMG]?Hz|[kMGT]B|dB|lm|px|dpi|rpm|bar|h?Pa"
)
_NUMBER = re.compile(
    rf"[-+−±~≈<>(]?\s?[$€£¥]?\s?[-+−(]?\s?\d[\d.,\s'’]*\)?\s?(?:{_UNIT})?\)?(?:\s\d[\d.,]*\s?(?:{_UNIT})){{0,2}}"
)

_NOTHING = frozenset(
    ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "n/a", "N/A", "-", "–", "—", "..", "…"]
)
"""What stands in a cell in place of a value."""

Kind = Literal["", "text", "number", "year", "date"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that covers ``rows`` rows and ``columns`` columns from (``row``, ``column``), both counted from 0."""

    text: str
    row: int
    column: int
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """A table as its format holds it.

    ``header_rows`` and ``header_columns`` are what the format says of names; None where it says nothing, then they are
    found out. ``caption`` stands over the table. ``records``: each row is written with the names of its columns, as
    suits data; otherwise they stand above the rows alone. ``indents``: how far to the right the name of each row
    begins, None for a row without one; empty where the format does not say.
    """

    cells: Sequence[Cell]
    header_rows: int | None = None
    header_columns: int | None = None
    caption: str = ""
    records: bool = False
    indents: Sequence[float | None] = ()

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[str]], *, header_rows: int | None = None, records: bool = False) -> Self:
        """A table without spans."""
        cells = [Cell(text, at, column) for at, row in enumerate(rows) for column, text in enumerate(row) if text]
        return cls(tuple(cells), header_rows=header_rows, records=records)


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of equal length; a cell that spans several rows or columns stands in each of them.

    ``rows`` without any text are left out. The first ``lead`` rows stand above the table (a title), the next
    ``header_rows`` name its columns: ``columns`` joins the levels. ``across`` are the rows whose only cell spans the
    table: a heading or note within it. ``sections`` says for each row under which row with a name and no values it
    stands ("Cost of sales"); it is empty where no row has one.
    """

    rows: tuple[tuple[str, ...], ...]
    lead: int
    header_rows: int
    name_columns: int
    columns: tuple[str, ...]
    across: frozenset[int] = field(default_factory=frozenset)
    caption: str = ""
    records: bool = False
    sections: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Table) -> Self:
        """Expands the spans of a table, finds its header and names its columns."""
        expanded = _expanded(table.cells)
        rows, across = expanded.rows, expanded.across
        if table.header_rows is None:
            lead, header_rows = _header(expanded, anywhere=table.records)
        else:
            lead, header_rows = 0, sum(at < table.header_rows for at in expanded.origins)
            header_rows = header_rows if header_rows < len(rows) else 0
        levels = [at for at in range(lead, lead + header_rows) if at not in across]
        names = [
            _name(expanded, levels, column, of_lines=bool(table.indents))
            for column in range(len(rows[0]) if rows else 0)
        ]
        columns = tuple(_told_apart(names))
        body = [row for at, row in enumerate(rows) if at >= lead + header_rows and at not in across]
        name_columns = _name_columns(body, columns) if table.header_columns is None else table.header_columns
        indents = [table.indents[at] for at in expanded.origins] if table.indents else []
        return cls(
            tuple(rows),
            lead,
            header_rows,
            min(name_columns, len(columns)),
            columns,
            frozenset(across),
            table.caption,
            table.records,
            sections_of(rows, across, lead + header_rows, indents),
        )

    def suits(self, other: "Grid") -> bool:
        """Whether rows of another grid go on with these: nowhere do they hold text where this one has no name."""
        used = {column for row in other.rows for column, text in enumerate(row) if text}
        return len(used) > 1 and all(column < len(self.columns) and self.columns[column] for column in used)

    def more(self, rows: Iterable[Sequence[str]]) -> "Grid":
        """Further rows below these, under the same names."""
        made = tuple(tuple(row) for row in rows if any(row))
        return replace(self, rows=made, lead=0, header_rows=0, across=frozenset(), sections=())


def kind_of(text: str) -> Kind:
    """What a cell looks like: nothing, words, a number (or the formula of one), a year or quarter, a date."""
    if not text or text in _NOTHING:
        return ""
    if _YEAR.fullmatch(text) or _PERIOD.fullmatch(text):
        return "year"
    if _DATE.fullmatch(text):
        return "date"
    return "number" if text.startswith("=") or _NUMBER.fullmatch(text) else "text"


@dataclass(frozen=True, slots=True)
class _Expanded:
    """Rows that hold text, and for each where it stood before empty ones were left out (``origins``). ``across`` are
    those that are one cell over all columns, ``wide`` the columns of a row that share a cell with another."""

    rows: list[tuple[str, ...]]
    origins: list[int]
    across: set[int]
    wide: list[set[int]]


def _expanded(cells: Sequence[Cell]) -> _Expanded:
    """Puts each cell into all its places. Of two cells at one place the first stays; long text is said once."""
    cells = [cell for cell in cells if cell.column < MAX_COLUMNS]
    height = max((cell.row + 1 for cell in cells), default=0)
    width = min(MAX_COLUMNS, max((cell.column + cell.columns for cell in cells), default=0))
    grid: list[list[str | None]] = [[None] * width for _ in range(height)]
    across: set[int] = set()
    wide: list[set[int]] = [set() for _ in range(height)]
    for cell in cells:
        covered = range(cell.column, min(cell.column + cell.columns, width))
        if cell.columns >= width > 1 and cell.text:
            across.add(cell.row)
        elif cell.columns > 1:
            wide[cell.row].update(covered)
        once = cell.columns >= width or len(cell.text) > _LONGEST_NAME
        for row in range(cell.row, min(cell.row + cell.rows, height)):
            for column in covered:
                if grid[row][column] is None:
                    grid[row][column] = "" if once and (row, column) != (cell.row, cell.column) else cell.text
    kept = [at for at, row in enumerate(grid) if any(row)]
    return _Expanded(
        [tuple(text or "" for text in grid[at]) for at in kept],
        kept,
        {new for new, at in enumerate(kept) if at in across},
        [wide[at] for at in kept],
    )


def expanded_rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """The rows of cells that hold text, each cell in all its places."""
    return _expanded(cells).rows


# -- headers -----------------------------------------------------------------------------------------------------------


def _header(expanded: _Expanded, *, anywhere: bool) -> tuple[int, int]:
    """How many rows stand above the header, and how many the header has; 0 and 0 where no row names the columns.

    Above it stand rows of one cell, and with ``anywhere`` a few others.
    """
    rows, across = expanded.rows, expanded.across
    for lead, row in enumerate(rows[:_HEADER_WITHIN]):
        if lead in across or not any(row[1:]):
            continue
        body = [other for at, other in enumerate(rows[: lead + _COMPARED], 0) if at > lead and at not in across]
        if _names_columns(row, body):
            if row[0] and not expanded.wide[lead] and _is_fuller(body, row):
                continue
            end = lead + 1
            while end - lead < _MOST_HEADER_ROWS and end not in across and _goes_on(expanded, lead, end):
                end += 1
            return lead, end - lead if row[0] else max(end - lead, _stacked(expanded, lead))
        stacked = _stacked(expanded, lead)
        if stacked:
            return lead, stacked
        filled = sum(map(bool, row))
        if len(set(row) - {""}) > 1 and (
            not anywhere or filled >= max(sum(map(bool, other)) for other in body or rows)
        ):
            break
    return 0, 0


def _is_fuller(below: Sequence[Sequence[str]], row: Sequence[str]) -> bool:
    """Whether the row below names more columns than one that might: then that one says something of the table. A row of
    words that is nearly as full names columns of which one has no name."""
    filled, fuller = sum(map(bool, row)), sum(map(bool, below[0]))
    named = 2 * filled > fuller and all(kind_of(text) in ("", "text") for text in row)
    return fuller > filled and not named and _names_columns(below[0], below[1:])


def _stacked(expanded: _Expanded, first: int) -> int:
    """How many rows from ``first`` on are the lines of a header that stand one below the other: rows without numbers
    that together fill most of the columns of numbers below, only the last with a name in front; 0 where they do not."""
    end = first
    while end < len(expanded.rows) and end - first <= _MOST_LINES and any(expanded.rows[end][1:]):
        if end in expanded.across or "number" in map(kind_of, expanded.rows[end]):
            break
        end += 1
        if expanded.rows[end - 1][0]:
            break
    body = expanded.rows[end : end + _COMPARED]
    if end - first < 2 or end - first > _MOST_LINES or not body:
        return 0
    below = [Counter(kind_of(row[column]) for row in body if row[column]) for column in range(len(body[0]))]
    numbers = {column for column, kinds in enumerate(below) if _mostly(kinds, "number")}
    filled = {column for row in expanded.rows[first:end] for column, text in enumerate(row) if text}
    return end - first if len(numbers) > 1 and len(numbers & filled) * 2 > len(numbers) else 0


def _names_columns(row: Sequence[str], body: Sequence[Sequence[str]], *, from_first: bool = True) -> bool:
    """Whether a row names the columns of those below: a line of names, years or dates, not of values. ``from_first``:
    the rows begin with the first column of the table."""
    kinds = [kind_of(text) for text in row]
    named = [text for text in row if text]
    if not body or not any(row[1:]) or (len(named) < 2 and len(row) > 2):
        return False
    if any(len(text) > _LONGEST_NAME for text in named) or any(_same(row, other) for other in body):
        return False
    below = [Counter(kind_of(other[column]) for other in body if other[column]) for column in range(len(row))]
    for column, kind in enumerate(kinds):
        if kind == "number":
            return False
        if kind in ("year", "date") and (
            _mostly(below[column], kind) or (from_first and column == 0 and not below[0]["text"])
        ):
            return False
    filled = sum(map(bool, below))
    if len(named) * 2 <= filled:
        return False
    if "year" in kinds or "date" in kinds:
        return any(kind in ("", "text") for kind in kinds) or not any(count["text"] for count in below)
    if len(row) == 2:  # labels with values of all kinds beside them are no names and columns
        return len(below[1]) == 1 and not any(other[0].endswith(":") for other in (row, *body))
    return kinds.count("text") * 2 > filled


def _same(one: Sequence[str], other: Sequence[str]) -> bool:
    return list(one) == list(other)


def _mostly(kinds: Counter[Kind], kind: Kind) -> bool:
    return kinds[kind] * 2 > kinds.total()


def _goes_on(expanded: _Expanded, first: int, end: int) -> bool:
    """Whether the row behind a header of the rows ``first`` to ``end`` is its next level: it tells apart what a wide
    cell above, or the same words, name alike."""
    header, row, body = expanded.rows[first:end], expanded.rows[end], expanded.rows[end + 1 :][:_COMPARED]
    if _is_beneath(row, body):
        return True
    filled = {column for column, text in enumerate(row) if text and column}
    if body and filled and filled <= expanded.wide[end] and all(kind_of(row[column]) != "number" for column in filled):
        return True
    above = [tuple(level[column] for level in header) for column in range(len(row))]
    times = Counter(above)
    alike = [column for column, names in enumerate(above) if any(names) and times[names] > 1]
    if not body or len({row[column] for column in alike}) < 2 or not all(row[column] for column in alike):
        return False
    others = [column for column in range(len(row)) if row[column] not in ("", above[column][-1])]
    if not set(alike) <= expanded.wide[end - 1] and set(others) - set(alike):
        return False
    columns = sorted({*alike, *others})
    return _names_columns(
        [row[column] for column in columns],
        [[other[column] for column in columns] for other in body],
        from_first=columns[0] == 0,
    )


def _is_beneath(row: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a row without a name of its own holds words, years or dates over most columns of numbers."""
    filled = [column for column, text in enumerate(row) if text]
    if not body or row[0] or any(kind_of(row[column]) == "number" for column in filled):
        return False
    below = [Counter(kind_of(other[column]) for other in body if other[column]) for column in range(len(row))]
    numbers = [column for column, kinds in enumerate(below) if _mostly(kinds, "number")]
    return set(filled) <= set(numbers) and len(filled) * 2 > len(numbers)


def _name(expanded: _Expanded, levels: Sequence[int], column: int, *, of_lines: bool) -> str:
    """One name of all levels of a header, without repetitions; a comma parts it from a level with wide cells above.
    ``of_lines``: levels may be lines of one name; then the cell above is wider than the one below it."""
    name = before = ""
    wide = 1
    for at in levels:
        text = expanded.rows[at][column]
        if not text or text == before:
            continue
        over = _width(expanded, at, column) if of_lines else 1
        joint = ", " if wide > over else " "
        name, before = f"{name.rstrip(',') if joint == ', ' else name}{joint}{text}", text
        wide = over if of_lines else 1 + bool(expanded.wide[at])
    name = name.strip(", ")
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def _width(expanded: _Expanded, at: int, column: int) -> int:
    """How many columns the cell of a header takes."""
    row, wide = expanded.rows[at], expanded.wide[at]
    if column not in wide:
        return 1
    first = last = column
    while first - 1 in wide and row[first - 1] == row[column]:
        first -= 1
    while last + 1 in wide and row[last + 1] == row[column]:
        last += 1
    return last - first + 1


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, where one that recurs ("Comment") has that of its own in front of it added: "Comment (Q2)"."""
    made = list(names)
    times = Counter(names)
    before = ""
    for at, name in enumerate(names):
        if name and times[name] > 1 and before:
            made[at] = f"{name} ({before})"
        elif name and times[name] == 1:
            before = name
    return made if len(set(made)) == len(made) else list(names)


def _name_columns(body: Sequence[Sequence[str]], columns: Sequence[str]) -> int:
    """How many of the first columns say what a row is about: those up to the last of words in front of the first of
    values, at least one where there are several columns. A number in front of the words (an index) is one of them."""
    if len(columns) < 2:
        return 0
    words = 0
    for column in range(len(columns)):
        kinds = [kind_of(row[column]) for row in body[:_COMPARED] if row[column]]
        if sum(kind == "text" for kind in kinds) * 2 > len(kinds):
            words = column + 1
        elif words:
            break
    return max(1, words) if words < len(columns) else 1
