"""Whole tables as grids: rows with what they are about, columns with their names, and the scale that holds for all.

A row is about what its name cells say, below the line that heads its group ("Europe:" over "Net sales"). Positions are
those of the table's own passage, from which cells are cited.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rag.answer.operators.tables.beginning import BEGINNING, names_at_beginning
from rag.answer.operators.tables.numbered_rows import named_by_text
from rag.answer.operators.tables.periods import fiscal_years
from rag.answer.operators.tables.values import Value, read_value
from rag.answer.rows import Row, rows_of
from rag.text.table_spans import TableSpans
from rag.text.words import content_stems, stems
from rag.types import Passage

_BEFORE = 300  # characters in front of a table that may say its scale and what it shows
_MOST_ROWS = 400  # of one table; larger ones are not read as a whole
_BETWEEN = 1  # characters between the parts in which a long table is stored
_SCALE = re.compile(r"\b(?:in|of) (?:[$€£] ?)?(thousands|millions|billions)\b", re.IGNORECASE)
_NOTE = re.compile(r"\s*(?:\(\w{1,2}\)|[®™¹²³*†‡])+\s*$|(?<=\w)[®™]")

_QUARTER = re.compile(r"(?:Q[1-4]|[HS][12]|FY|(?:KW|CW) ?\d)[ -/]*(?:\d{1,4})?", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}")
_DAY_AND_YEAR = re.compile(r"\d{1,2}\.? [^\W\d_]{3,}\.? \d{4}|[^\W\d_]{3,}\.? \d{1,2},? \d{4}")


class Texts(Protocol):
    """The part of ``rag.store.library.Library`` that whole tables are read from."""

    def document_text(self, document_id: int) -> str: ...
    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """``passage.text[start:end]`` of the grid's passage. ``value`` is None where it is no number."""

    start: int
    end: int
    text: str
    value: Value | None


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A row that has something beside its name. ``cells`` by column. Two rows may say the same and are two."""

    name: str
    group: str
    cells: dict[int, Cell]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Grid:
    """``scale`` is "millions" and so on, empty without. ``around`` is what stands in front of the table and above it,
    ``found_in`` the passage that brought it, ``names`` the stems of the names at its document's beginning,
    ``fiscal_years`` those that its document speaks of. ``is_whole`` is false for a part of a table that has too many
    rows to be read as a whole: what holds for all rows cannot be told from it."""

    passage: Passage
    columns: tuple[str, ...]
    name_columns: int
    lines: tuple[Line, ...]
    scale: str
    around: str
    found_in: str
    names: frozenset[str] = frozenset()
    fiscal_years: frozenset[str] = frozenset()
    is_whole: bool = True

    @property
    def value_columns(self) -> list[int]:
        """The columns that hold numbers in most of their cells."""
        found = []
        for column in range(self.name_columns, len(self.columns)):
            cells = [line.cells[column] for line in self.lines if column in line.cells]
            if cells and sum(cell.value is not None for cell in cells) * 2 > len(cells):
                found.append(column)
        return found

    def column_name(self, column: int) -> str:
        return self.columns[column] if column < len(self.columns) else ""

    def text(self, line: Line, column: int) -> str:
        """What stands in a column of a row; empty where nothing does."""
        if column == 0:
            return line.name
        return line.cells[column].text if column in line.cells else ""

    def called(self, line: Line, besides: int | None = None) -> str:
        """What a row is about; where others have the same name, with its group or the first cell that tells it from
        them: "July, 2024". A row that only a day or a number is the name of is called by its first words, too: "W-20,
        Plate compactor". ``besides`` is a column that is shown anyway."""
        alike = [other for other in self.lines if other.name == line.name]
        if _says_little(line.name) and (text := _first_words(line, besides)) is not None:
            return f"{line.name}, {text}"
        if len(alike) == 1:
            return line.name
        if line.group and len({other.group for other in alike}) == len(alike):
            return f"{line.group}: {line.name}"
        for column in range(1, len(self.columns)):
            texts = {other.cells[column].text for other in alike if column in other.cells}
            if column in line.cells and len(texts) == len(alike):
                return f"{line.name}, {line.cells[column].text}"
        return f"{line.group}: {line.name}" if line.group else line.name

    @property
    def kind_of_rows(self) -> str:
        """The name of the column that says what the rows are: the second where the first only numbers or dates them."""
        columns = [self.column_name(0)]
        if self.lines and all(_says_little(line.name) for line in self.lines):
            columns.append(self.column_name(1))
        return " ".join(columns)

    def written(self, value: Value) -> str:
        """A number in this table with its scale."""
        return f"{value.written} {self.scale[:-1]}" if self.scale and value.after != "%" else value.written

    def said(self, line: Line, column: int) -> str:
        """A cell with all that it needs: "Europe: Net sales, 2022: $27,681 million"."""
        name = self.column_name(column)
        cell = line.cells[column]
        shown = self.written(cell.value) if cell.value is not None and self.scale else cell.text
        return f"{self.called(line, column)}{f', {name}' if name else ''}: {shown}"


def _says_little(name: str) -> bool:
    """Whether a name is a day or a number of an inventory: no word, or no more than a month's between numbers. A bare
    number is the name of a plot or a room, and "Q3" that of a quarter."""
    return (
        any(map(str.isdigit, name))
        and not name.isdigit()
        and _QUARTER.fullmatch(name) is None
        and (_WORD.search(name) is None or _DAY_AND_YEAR.fullmatch(name) is not None)
    )


def _first_words(line: Line, besides: int | None) -> str | None:
    cells = (cell for column, cell in sorted(line.cells.items()) if column > 0 and column != besides)
    return next((cell.text for cell in cells if cell.value is None and _WORD.search(cell.text)), None)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A document's text, and what holds for all its tables: see ``Grid``."""

    text: str
    names: frozenset[str]
    fiscal_years: frozenset[str]


def grids_of(passages: Sequence[Passage], texts: Texts, most_rows: int = _MOST_ROWS) -> list[Grid]:
    """The tables that stand in passages or are cut by them, each once and whole, in the order of the passages; of those
    with more than ``most_rows`` rows the parts that stand there."""
    seen: set[tuple[int, int]] = set()
    wholes: dict[int, _Whole] = {}
    found: list[Grid] = []
    for passage in passages:
        for part in passage.tables:
            document = passage.document.id
            if (document, part.start) in seen:
                continue
            parts = _parts(document, part, texts, most_rows)
            is_whole = sum(len(each.rows) for each in parts) <= most_rows
            table = replace(part, rows=tuple(row for each in parts for row in each.rows)) if is_whole else part
            seen |= {(document, each.start) for each in parts} if is_whole else {(document, part.start)}
            if document not in wholes:
                wholes[document] = _whole(document, texts)
            found.append(replace(_grid(passage, table, wholes[document]), is_whole=is_whole))
    return [grid for grid in found if grid.lines]


def _parts(document: int, part: TableSpans, texts: Texts, most_rows: int) -> list[TableSpans]:
    """The parts in which the table of one of them is stored, in order, until they have more than ``most_rows`` rows."""
    parts = [part]
    for forwards in (True, False):
        while sum(len(each.rows) for each in parts) <= most_rows:
            at = parts[-1].end + _BETWEEN if forwards else parts[0].start - _BETWEEN
            near = texts.tables(document, at - 1, at + 1)
            touching = [other for other in near if (other.start if forwards else other.end) == at]
            following = next((other for other in touching if _continues(other, part)), None)
            if following is None:
                break
            parts = [*parts, following] if forwards else [following, *parts]
    return parts


def _continues(other: TableSpans, part: TableSpans) -> bool:
    return (other.columns, other.name_columns, other.records) == (part.columns, part.name_columns, part.records)


def _whole(document: int, texts: Texts) -> _Whole:
    text = texts.document_text(document)
    outside, end = [], 0
    for table in texts.tables(document, 0, BEGINNING):  # rows are no title
        outside.append(text[end : table.start])
        end = max(end, table.end)
    beginning = "\n".join([*outside, text[end:BEGINNING]])
    return _Whole(text, names_at_beginning(beginning), fiscal_years(text))


def _grid(passage: Passage, table: TableSpans, whole: _Whole) -> Grid:
    document = whole.text
    before = document[max(0, table.start - _BEFORE) : table.start]
    before = "\n".join(line for line in before.splitlines() if " | " not in line)  # rows of the table in front of it
    own = replace(
        passage, start=table.start, end=table.end, text=document[table.start : table.end], hits=(), tables=(table,)
    )
    rows = rows_of(own)
    around = " ".join([*passage.heading_path, table.caption, before])
    scale = _SCALE.search(" ".join([*table.columns, table.caption])) or _last(_SCALE, before)
    columns, rows = named_by_text(_told_apart(table.columns), rows)
    lines = tuple(_lines(rows))
    return Grid(
        own,
        columns,
        table.name_columns,
        lines,
        scale[1].lower() if scale else "",
        around,
        passage.text,
        whole.names,
        whole.fiscal_years,
    )


def _told_apart(columns: Sequence[str]) -> tuple[str, ...]:
    """The names of columns without notes, but for those that are told apart by what looks like one: "Comment (Q2)"."""
    plain = [_without_notes(column) for column in columns]
    return tuple(column if plain.count(name) > 1 else name for column, name in zip(columns, plain, strict=True))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(reversed(list(pattern.finditer(text))), None)


def _lines(rows: Sequence[Row]) -> Iterator[Line]:
    """The rows of a table with what they are about. A row with a name alone heads a group, two of them a group in a
    group; a sum without a name ends the inner one."""
    groups: list[str] = []
    headed = False
    for row in rows:
        if row.is_header:
            continue
        names = [cell.text for cell in row.cells if cell.is_name]
        name = names[0] if names else ""
        others = {cell.column: cell for cell in row.cells if not cell.is_name or (cell.column > 0 and names[1:])}
        if not others:
            groups = [*(groups[-1:] if headed else []), _without_notes(name).rstrip(":")]
            headed = True
            continue
        headed = False
        if not names:
            groups = groups[:-1] if len(groups) > 1 else groups
            continue
        cells = {
            column: Cell(cell.start, cell.end, cell.text, read_value(cell.text)) for column, cell in others.items()
        }
        yield Line(_without_notes(name), ": ".join(groups), cells, row.start, row.end)


def _without_notes(name: str) -> str:
    """A name without its marks of footnotes and trademarks."""
    return _NOTE.sub("", name).strip()


def meaning(text: str) -> list[str]:
    """Stems by which names of rows and columns are compared; all of them where none carries meaning."""
    return content_stems(text) or stems(text)
