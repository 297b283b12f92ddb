"""Where the cells of a table stand in the canonical text of a document.

Parsers make ``TableSpans`` together with the text (``rag.parsers.builder``), the library stores them, and whoever needs
a row, a cell or the name of a column looks here: nobody reads them back out of the text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class CellSpan:
    """The value of a cell, ``text[start:end]``, in a column counted from 0."""

    start: int
    end: int
    column: int


@dataclass(frozen=True, slots=True)
class TableRow:
    """``text[start:end]`` is one row. ``places`` holds three numbers for each cell that has text: start (counted from
    the row's), length and column. ``section`` is the heading within the table under which the row stands."""

    start: int
    end: int
    places: tuple[int, ...]
    is_header: bool = False
    section: str = ""

    @property
    def cells(self) -> Iterator[CellSpan]:
        """The cells that have text, in order."""
        for at in range(0, len(self.places), 3):
            offset, length, column = self.places[at : at + 3]
            yield CellSpan(self.start + offset, self.start + offset + length, column)


@dataclass(frozen=True, slots=True)
class TableSpans:
    """A table, or as many of its rows as stand in one block.

    ``columns`` holds the name of each column, empty where it has none. Cells in the first ``name_columns`` columns say
    what their row is about. ``records``: the text of a row
    holds these names. ``caption`` stands in front of the table.
    """

    columns: tuple[str, ...]
    name_columns: int
    rows: tuple[TableRow, ...]
    records: bool = False
    caption: str = ""

    @property
    def start(self) -> int:
        return self.rows[0].start

    @property
    def end(self) -> int:
        return self.rows[-1].end

    def moved(self, offset: int) -> "TableSpans":
        """The same table further on in a text."""
        rows = (replace(row, start=row.start + offset, end=row.end + offset) for row in self.rows)
        return replace(self, rows=tuple(rows))

    def name_of(self, column: int) -> str:
        """The name of a column; empty where it has none."""
        return self.columns[column] if column < len(self.columns) else ""

    def row_at(self, position: int) -> TableRow | None:
        """The row that holds a position of the text."""
        return next((row for row in self.rows if row.start <= position < row.end), None)

    def to_json(self) -> list[Any]:
        """The same as plain lists, strings and numbers."""
        rows = [[row.start, row.end, int(row.is_header), *row.places] for row in self.rows]
        sections = [row.section for row in self.rows] if any(row.section for row in self.rows) else []
        return [self.columns, self.name_columns, self.records, self.caption, rows, sections]

    @classmethod
    def from_json(cls, fields: Sequence[Any], cleaned: Callable[[str], str] = str) -> Self:
        """The table that ``to_json`` gave away, its names ``cleaned``."""
        columns, name_columns, records, caption, rows, *further = fields  # libraries of old have no sections
        sections = further[0] if further and further[0] else [""] * len(rows)
        made = (
            TableRow(start, end, tuple(places), bool(header), cleaned(section))
            for (start, end, header, *places), section in zip(rows, sections, strict=True)
        )
        return cls(tuple(map(cleaned, columns)), name_columns, tuple(made), records, cleaned(caption))
