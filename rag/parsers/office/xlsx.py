"""Parses workbooks (.xlsx, .xlsm, .xltx): each row of a sheet as "column: value" pairs, so that a row stands by itself.

``page`` is the sheet's number and its name a label. Cells are read as they are shown: values under their number
formats, merged cells for all rows that they cover, comments as notes. Hidden sheets, rows and columns are left out.
Formulas are read as the value that was saved with them; one without a value says so.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.left_out import LeftOut
from rag.parsers.office.number_format import shown
from rag.parsers.office.ooxml import Package, transitional
from rag.parsers.office.xlsx_layout import Merged, SheetLayout, column_name, layout_of, sheet_parts
from rag.parsers.table import Cell, Grid, Table, expanded_rows
from rag.parsers.zip_limits import open_zip
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MAX_ROWS = 100_000
MAX_COLUMNS = 256
_SAMPLE_ROWS = 100  # in which the header of a table is looked for
_EMPTY_ROWS = 5_000
"""A sheet ends after this many empty rows, wherever its dimensions claim to end."""
_REPEATED = 200  # characters; longer text of a cell merged over rows is said once
_ROW_OF_REMARK = 120  # characters of a row that are said with a comment on one of its cells
_TEXT = "{http://schemas.openxmlformats.org/drawingml/2006/main}"

Row = list[Cell]


def parse(path: Path) -> ParsedDocument:
    """Parses the file. Raises ReadError for a broken container."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    try:
        # It warns of every extension that it does not keep; nothing is kept here.
        with warnings.catch_warnings(), open_zip(path) as archive, path.open("rb") as file:
            warnings.simplefilter("ignore")
            usual = transitional(archive)
            source = file if usual is None else usual
            workbook = openpyxl.load_workbook(source, read_only=True, data_only=True, keep_links=False)
            try:
                _Walker(builder, workbook, Package(archive)).add_sheets()
            finally:
                workbook.close()
    except (
        InvalidFileException, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, SyntaxError
    ) as error:  # fmt: skip
        raise ReadError(
            "The workbook is damaged: its sheets cannot be read.", "Open it in Excel or LibreOffice and save it again."
        ) from error
    return builder.build()


class _Walker:
    """Walks the visible sheets of a workbook in order."""

    def __init__(self, builder: DocumentBuilder, workbook: Any, package: Package) -> None:
        self._builder = builder
        self._workbook = workbook
        self._package = package
        self._left_out = LeftOut()
        self._hidden = LeftOut()
        self._formulas = 0

    def add_sheets(self) -> None:
        parts = sheet_parts(self._package)
        left = MAX_ROWS
        for number, sheet in enumerate(self._workbook.worksheets, 1):
            if sheet.sheet_state != "visible":
                self._hidden.add(f"hidden sheet ({sheet.title})")
                continue
            sheet.reset_dimensions()
            self._builder.label(sheet.title, 1, page=number)
            part = parts.get(sheet.title)
            layout = layout_of(self._package, part, MAX_COLUMNS) if part else SheetLayout()
            left -= self._add_sheet(_Sheet(sheet, layout, self._hidden), number, left)
            self._formulas += len(layout.formulas)
            if part:
                self._add_drawn(part, number)
            if left <= 0:
                self._builder.warn(f"Only the first {MAX_ROWS:,} rows of the workbook were read.")
                break
        self._describe()

    def _add_sheet(self, sheet: "_Sheet", page: int, limit: int) -> int:
        """Adds at most ``limit`` rows and returns how many: what empty rows part are tables of their own, under the
        header of the one above where they have none."""
        header: Grid | None = None
        count = 0
        for has_text, region in groupby(islice(sheet.rows(), limit), key=bool):
            if not has_text:
                continue
            head = list(islice(region, _SAMPLE_ROWS))
            count += len(head)
            if len(head) == 1 and len(head[0]) == 1:
                self._builder.paragraph(head[0][0].text, page=page)
                continue
            grid = Grid.of(Table(_below_each_other(head), records=True))
            if not grid.header_rows and header is not None and header.suits(grid):
                grid = header.more(grid.rows)
            elif grid.header_rows:
                header = grid
            self._builder.grid(grid, page=page)
            while batch := list(islice(region, _SAMPLE_ROWS)):
                count += len(batch)
                self._builder.grid(grid.more(expanded_rows(_below_each_other(batch))), page=page, goes_on=True)
        for remark in sheet.remarks():
            self._builder.add("note", remark, page=page)
        return count

    def _add_drawn(self, part: str, page: int) -> None:
        """Adds the text boxes of a sheet and counts its charts and pictures."""
        drawing = self._package.related(part, "drawing")
        root = self._package.optional(drawing) if drawing else None
        if drawing is None or root is None:
            return
        for one in self._package.relationships(drawing).values():
            if one.kind in ("chart", "chartEx"):
                self._left_out.add("chart")
            elif one.kind == "image":
                self._left_out.add("picture")
        for shape in root.iter("{*}txBody"):
            lines = ("".join(piece.text or "" for piece in line.iter(f"{_TEXT}t")) for line in shape.iter(f"{_TEXT}p"))
            self._builder.paragraph("\n".join(filter(None, lines)), page=page)

    def _describe(self) -> None:
        properties = self._workbook.properties
        self._builder.title = (properties.title or "").strip()
        if properties.creator and properties.creator != "openpyxl":
            self._builder.metadata["author"] = str(properties.creator)
        self._left_out.add("chart", len(self._workbook.chartsheets))
        for message in (self._hidden.warning(), self._left_out.warning()):
            if message:
                self._builder.warn(message)
        if self._formulas:
            cells = "1 formula was" if self._formulas == 1 else f"{self._formulas:,} formulas were"
            self._builder.warn(f"{cells} never calculated: open the workbook in its program and save it.")


class _Sheet:
    """The visible rows of one sheet, their cells as a person sees them; rows and columns of a cell count from 0."""

    def __init__(self, sheet: Any, layout: SheetLayout, hidden: LeftOut) -> None:
        self._sheet = sheet
        self._layout = layout
        self._hidden = hidden
        self._anchors = {(one.top, one.left): one for one in layout.merged}
        self._open: list[tuple[Merged, str]] = []  # merged cells that go on in the next row
        self._remarked = {remark.row for remark in layout.remarks}
        self._said: dict[int, str] = {}  # rows that hold comments
        visible = [column for column in range(1, MAX_COLUMNS + 1) if column not in layout.hidden_columns]
        self._places = {column: place for place, column in enumerate(visible)}

    def rows(self) -> Iterator[Row]:
        """Yields all visible rows up to the last one with text; rows without text as one empty list."""
        empty = 0
        hidden_columns: set[int] = set()
        for number, values in enumerate(self._sheet.iter_rows(max_col=MAX_COLUMNS), 1):
            if number in self._layout.hidden_rows:
                if any(value.value is not None for value in values):
                    self._hidden.add("hidden row")
                continue
            row = self._row(number, values, hidden_columns)
            if row:
                yield from [[]] * min(empty, 1)
                empty = 0
                yield row
            else:
                empty += 1
                if empty > _EMPTY_ROWS:
                    break
        self._hidden.add("hidden column", len(hidden_columns))

    def remarks(self) -> Iterator[str]:
        """Yields the comments on visible cells, each with its cell and row; after ``rows``."""
        for remark in self._layout.remarks:
            if remark.row in self._said and remark.column in self._places:
                by = f" by {remark.author}" if remark.author else ""
                at = f"{column_name(remark.column)}{remark.row}"
                yield f"Comment{by} on {at} ({self._said[remark.row]}): {one_line(remark.text)}"

    def _row(self, number: int, values: Any, hidden_columns: set[int]) -> Row:
        self._open = [(merged, text) for merged, text in self._open if merged.bottom >= number]
        covered = {column for merged, _ in self._open for column in range(merged.left, merged.right + 1)}
        row = [cell for merged, text in self._open if (cell := self._cell(text, merged.left, merged)) is not None]
        for column, value in enumerate(values, 1):
            if column in covered:
                continue
            text = self._text(number, column, value)
            if not text:
                continue
            merged = self._anchors.get((number, column))
            if merged is not None:
                covered.update(range(merged.left, merged.right + 1))
                if merged.bottom > number and len(text) <= _REPEATED:
                    self._open.append((merged, text))
            cell = self._cell(text, column, merged)
            if cell is None:
                hidden_columns.add(column)
            else:
                row.append(cell)
        row.sort(key=lambda cell: cell.column)
        if number in self._remarked:
            said = " | ".join(cell.text for cell in row)
            self._said[number] = said if len(said) <= _ROW_OF_REMARK else f"{said[:_ROW_OF_REMARK]} …"
        return row

    def _cell(self, text: str, column: int, merged: Merged | None) -> Cell | None:
        """The cell in its visible columns; None where it has none."""
        columns = range(column, (column if merged is None else merged.right) + 1)
        places = [self._places[one] for one in columns if one in self._places]
        return Cell(text, 0, places[0], 1, len(places)) if places else None

    def _text(self, number: int, column: int, cell: Any) -> str:
        formula = self._layout.formulas.get((number, column))
        if formula is not None:
            return f"{formula} (not calculated)"
        return "" if cell.value is None else one_line(shown(cell.value, str(cell.number_format or "")))


def _below_each_other(rows: list[Row]) -> tuple[Cell, ...]:
    return tuple(
        Cell(cell.text, at, cell.column, cell.rows, cell.columns) for at, row in enumerate(rows) for cell in row
    )
