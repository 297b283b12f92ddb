"""Rows and cells of tables in passages: how a row is said with the names of its columns, and which cell is asked for.

Where the cells stand comes from the parser (``rag.text.table_spans``); positions here count in ``passage.text``.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from rag.answer.roles import alike_role
from rag.text.sentences import Unit, units
from rag.text.stop_words import STOP_WORDS
from rag.text.table_spans import TableRow, TableSpans
from rag.text.words import match, prefixes_of, stems
from rag.types import Passage, Query

_LONGEST_CELL = 300  # characters; the sentences of a longer one are read by themselves


@dataclass(frozen=True, slots=True)
class NamedCell:
    """A cell of a row: ``passage.text[start:end]``. ``is_name``: it says what the row is about."""

    start: int
    end: int
    text: str
    name: str
    column: int
    is_name: bool

    @property
    def said(self) -> str:
        """The cell as a person reads it, with the name of its column."""
        return f"{self.name.rstrip(':')}: {self.text}" if self.name else self.text


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table as far as a passage holds it. ``filled`` are the columns in which all of it has something."""

    table: TableSpans
    start: int
    end: int
    cells: tuple[NamedCell, ...]
    is_header: bool
    filled: frozenset[int]

    @property
    def said(self) -> str:
        """The whole row as a person reads it."""
        return "; ".join(cell.said for cell in self.cells)

    @property
    def name(self) -> str:
        """What the row is about."""
        return "; ".join(cell.text for cell in self.cells if cell.is_name)

    def within(self, start: int, end: int) -> "Row":
        """The part of the row in a stretch of the passage, in whole cells."""
        return replace(self, cells=tuple(cell for cell in self.cells if start <= cell.start and cell.end <= end))

    def cell_at(self, start: int, end: int) -> NamedCell | None:
        """The cell that holds most of a stretch of the passage; None where none holds any of it."""
        shared = [(min(end, cell.end) - max(start, cell.start), -at) for at, cell in enumerate(self.cells)]
        most, at = max(shared, default=(0, 0))
        return self.cells[-at] if most > 0 else None

    def shown(self, start: int, end: int) -> str:
        """The cells of ``within`` as a person reads them, behind those that say what the row is about."""
        inside = self.within(start, end).cells
        names = [cell for cell in self.cells if cell.is_name and cell not in inside]
        left_out = len(names) + len(inside) < len(self.cells)
        return "; ".join(cell.said for cell in (*names, *inside)) + (" …" if left_out else "")


def rows_of(passage: Passage) -> list[Row]:
    """The rows of all tables of a passage, in order."""
    found = []
    for table in passage.tables:
        for row in table.rows:
            if row.start < passage.end and row.end > passage.start:
                found.append(_row(passage, table, row))
    return found


def row_at(passage: Passage, start: int) -> Row | None:
    """The row that holds a position of the passage."""
    at = passage.start + start
    for table in passage.tables:
        row = table.row_at(at) if table.start <= at < table.end else None
        if row is not None:
            return _row(passage, table, row)
    return None


def _row(passage: Passage, table: TableSpans, row: TableRow) -> Row:
    cells: list[NamedCell] = []
    for cell in row.cells:
        start, end = cell.start - passage.start, cell.end - passage.start
        if start >= 0 and end <= len(passage.text):
            name = "" if row.is_header else table.name_of(cell.column)
            is_name = cell.column < table.name_columns
            if row.section and not cells:
                name = row.section if is_name else f"{row.section}, {name}".rstrip(", ")
            cells.append(NamedCell(start, end, passage.text[start:end], name, cell.column, is_name))
    first, last = max(0, row.start - passage.start), min(len(passage.text), row.end - passage.start)
    return Row(table, first, last, tuple(cells), row.is_header, frozenset(cell.column for cell in row.cells))


@lru_cache(maxsize=1024)
def units_of(passage: Passage, most: int) -> tuple[Unit, ...]:
    """The first ``most`` units of a passage: its sentences, and the rows of its tables. The sentences of a very long
    cell are units of their own."""
    if not passage.tables:
        return tuple(units(passage.text, most))
    found: list[Unit] = []
    position = 0
    for row in rows_of(passage):
        found += _sentences(passage.text, position, row.start)
        found += _units_of_row(passage.text, row)
        position = row.end
    found += _sentences(passage.text, position, len(passage.text))
    return tuple(found[:most])


def _sentences(text: str, first: int, last: int) -> list[Unit]:
    return [unit.moved(first) for unit in units(text[first:last], last - first)] if text[first:last].strip() else []


def row_of(passage: Passage, unit: Unit) -> Row | None:
    """The cells of a unit that is a row or a part of one; None for any other."""
    row = row_at(passage, unit.start) if unit.is_table_row else None
    return None if row is None else row.within(unit.start, unit.end)


def _units_of_row(text: str, row: Row) -> list[Unit]:
    long = [cell for cell in row.cells if cell.end - cell.start > _LONGEST_CELL]
    found: list[Unit] = []
    position = row.start
    for start, end in (*((cell.start, cell.end) for cell in long), (row.end, row.end)):
        stretch = text[position:start].strip(" |")
        if stretch and any(position <= cell.start < start for cell in row.cells):
            first = position + len(text[position:start]) - len(text[position:start].lstrip(" |"))
            found.append(Unit(first, first + len(stretch), first, False, False, True, row.is_header, False))
        found += _sentences(text, start, end)
        position = end
    return found


def asked_cell(query: Query, row: Row) -> NamedCell | None:
    """The cell whose column the question names; None where it names none, or several alike.

    Words of the question that stand in other cells say which row is meant; a cell that holds them is not the one asked
    for.
    """
    columns = asked_columns(query, row)
    asked = [cell for cell in row.cells if cell.column in columns]
    return asked[0] if len(columns) == 1 and asked else None


def asked_columns(query: Query, row: Row) -> list[int]:
    """The columns that the question names best, whether or not the row has anything in them; none where it names
    none."""
    taken = frozenset(stem for cell in row.cells if cell.is_name for stem in stems(cell.text))
    given = {cell.column for cell in row.cells if _is_given(query, cell)}
    scored = [
        (_share(query, name, taken), column)
        for column, name in enumerate(row.table.columns)
        if name and column not in given
    ]
    best = max((score for score, _ in scored), default=0.0)
    return [column for score, column in scored if score == best] if best > 0 else []


def is_named(query: Query, row: Row) -> bool:
    """Whether the question holds one of the names of a row."""
    return any(cell.is_name and _is_given(query, cell) for cell in row.cells)


def _is_given(query: Query, cell: NamedCell) -> bool:
    """Whether the question itself holds what stands in the cell: its words in a row, or all that carry meaning unless a
    single letter tells it from others ("A-pier")."""
    said, asked = stems(cell.text), stems(query.text)
    if any(asked[at : at + len(said)] == said for at in range(len(asked))):
        return bool(said)
    content = frozenset(said) - STOP_WORDS
    return bool(content) and content <= frozenset(asked) and all(len(stem) > 1 for stem in said)


def _share(query: Query, name: str, taken: frozenset[str]) -> float:
    """How much of the question the name of a column holds, less for each of its words that the question lacks."""
    there = frozenset(stems(name))
    prefixes = prefixes_of(there)
    asked = {term: weight for term, weight in query.terms.items() if term not in taken}
    found = sum(
        weight * (match(term, there, prefixes) or bool(alike_role(term) & there)) for term, weight in asked.items()
    )
    return found - 0.01 * len(there - query.terms.keys()) if found else 0.0


def meant_row(query: Query, passage: Passage, row: Row) -> Row:
    """The row of the same table that holds most of the question, the given one where none holds more than it: rows are
    alike but for what they are about."""
    rows = [other for other in rows_of(passage) if not other.is_header and same_table(other, row)]
    most = max((_held(query, other) for other in rows), default=0.0)
    return row if most <= _held(query, row) else next(other for other in rows if _held(query, other) == most)


def _held(query: Query, row: Row) -> float:
    there = frozenset(stems(" ".join(cell.text for cell in row.cells)))
    prefixes = prefixes_of(there)
    return sum(weight * match(term, there, prefixes) for term, weight in query.terms.items())


def same_table(one: Row, other: Row) -> bool:
    """Whether two rows stand under the same names."""
    return one.table.columns == other.table.columns and any(one.table.columns)


def cut_row(row: Row, around: int, longest: int) -> tuple[int, int]:
    """The row, or the cells of an over-long one that stand around a position and are shown in ``longest``
    characters."""
    if len(row.said) <= longest or not row.cells:
        return row.start, row.end
    first = last = next((at for at, cell in enumerate(row.cells) if cell.end >= around), len(row.cells) - 1)
    room = longest - len(row.name) - len(row.cells[first].said)
    while last + 1 < len(row.cells) and len(row.cells[last + 1].said) <= room:
        last += 1
        room -= len(row.cells[last].said) + 2
    while first > 0 and len(row.cells[first - 1].said) <= room:
        first -= 1
        room -= len(row.cells[first].said) + 2
    return row.cells[first].start, row.cells[last].end
