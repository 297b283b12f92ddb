"""Parses workbooks (.xlsx, .xlsm, .xltx): each row of a sheet as "column: value" pairs, so that a row stands by itself.

``page`` is the sheet's number and its name a label. Cells are read as they are shown: values under their number
formats, merged cells for all rows that they cover, comments as notes. Hidden sheets, rows and columns are left out.
Formulas are read as the value that was saved with them; one without a value says so.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.left_out import LeftOut
from rag.parsers.office.drawn import CHART, NEWER_CHART, Drawings
from rag.parsers.office.ooxml import Package, transitional
from rag.parsers.raised import Align, compose
from rag.parsers.sheets import sheet_rows
from rag.parsers.sheets.number_format import shown
from rag.parsers.sheets.sheet_rows import BEYOND, MAX_COLUMNS, Row, add_rows, column_name, remark_on, spread
from rag.parsers.sheets.xlsx_layout import Merged, SheetLayout, layout_of, sheet_parts
from rag.parsers.tables.table import Cell
from rag.parsers.zip_limits import open_zip
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_SHARED = "xl/sharedStrings.xml"
_TEXT = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


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
            workbook = openpyxl.load_workbook(
                source, read_only=True, data_only=True, keep_links=False, rich_text=_has_raised(archive)
            )
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


def _has_raised(archive: zipfile.ZipFile) -> bool:
    """Whether letters of some cell are raised or lowered; to keep apart how each is set takes longer."""
    return _SHARED in archive.namelist() and b"vertAlign" in archive.read(_SHARED)


def _of_runs(runs: Sequence[Any]) -> str:
    """The text of a cell whose letters are not all set alike."""
    pieces: list[tuple[Align, str]] = []
    for run in runs:
        set_as = getattr(getattr(run, "font", None), "vertAlign", None)
        align: Align = "super" if set_as == "superscript" else "sub" if set_as == "subscript" else ""
        pieces.append((align, run if isinstance(run, str) else str(run.text)))
    return compose(pieces)


class _SharedStrings(list[Any]):
    """The texts of a workbook that cells name by number; a number that names none stands for an empty cell."""

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(index) if -1 < index < len(self) else ""


class _Walker:
    """Walks the visible sheets of a workbook in order."""

    def __init__(self, builder: DocumentBuilder, workbook: Any, package: Package) -> None:
        self._builder = builder
        self._workbook = workbook
        self._package = package
        self._left_out = LeftOut()
        self._hidden = LeftOut()
        self._drawings = Drawings(package, builder, self._left_out)
        self._formulas = 0

    def add_sheets(self) -> None:
        parts = sheet_parts(self._package)
        left = sheet_rows.MAX_ROWS
        for number, sheet in enumerate(self._workbook.worksheets, 1):
            if sheet.sheet_state != "visible":
                self._hidden.add(f"hidden sheet ({sheet.title})")
                continue
            sheet.reset_dimensions()
            sheet._shared_strings = _SharedStrings(sheet._shared_strings)
            self._builder.label(sheet.title, 1, page=number)
            part = parts.get(sheet.title)
            layout = layout_of(self._package, part, MAX_COLUMNS) if part else SheetLayout()
            shown_cells = _Sheet(sheet, layout, self._hidden)
            left -= add_rows(self._builder, shown_cells.rows(), number, left)
            for remark in shown_cells.remarks():
                self._builder.add("note", remark, page=number)
            self._formulas += len(layout.formulas)
            if part:
                self._add_drawn(part, number)
            if left <= 0:
                self._builder.warn(f"Only the first {sheet_rows.MAX_ROWS:,} rows of the workbook were read.")
                break
        self._describe()

    def _add_drawn(self, part: str, page: int) -> None:
        """Adds the charts and text boxes of a sheet and counts its pictures."""
        drawing = self._package.related(part, "drawing")
        root = self._package.optional(drawing) if drawing else None
        if drawing is None or root is None:
            return
        pictures = [one for one in self._package.relationships(drawing).values() if one.kind == "image"]
        self._left_out.add("picture", len(pictures))
        for chart in root.iter(CHART, NEWER_CHART):
            self._drawings.add(chart, drawing, page)
        for shape in root.iter("{*}txBody"):
            lines = ("".join(piece.text or "" for piece in line.iter(f"{_TEXT}t")) for line in shape.iter(f"{_TEXT}p"))
            self._builder.paragraph("\n".join(filter(None, lines)), page=page)

    def _describe(self) -> None:
        properties = self._workbook.properties
        self._builder.title = (properties.title or "").strip()
        if properties.creator and properties.creator != "openpyxl":
            self._builder.metadata["author"] = str(properties.creator)
        self._left_out.add("chart", len(self._workbook.chartsheets))
        formulas = sheet_rows.not_calculated(self._formulas)
        for message in (self._hidden.warning(), self._left_out.warning(), formulas):
            if message:
                self._builder.warn(message)


class _Sheet:
    """The visible rows of one sheet, their cells as a person sees them; columns of a cell count from 0."""

    def __init__(self, sheet: Any, layout: SheetLayout, hidden: LeftOut) -> None:
        self._sheet = sheet
        self._layout = layout
        self._hidden = hidden
        self._anchors = {(one.top, one.left): one for one in layout.merged}
        self._remarked = {remark.row for remark in layout.remarks}
        self._rows: dict[int, Row] = {}  # those that hold comments
        visible = [column for column in range(1, MAX_COLUMNS + 1) if column not in layout.hidden_columns]
        self._places = {column: place for place, column in enumerate(visible)}

    def rows(self) -> Iterator[Row]:
        """Yields all visible rows."""
        numbers: list[int] = []
        for row in spread(self._own_rows(numbers)):
            if numbers[-1] in self._remarked:
                self._rows[numbers[-1]] = row
            yield row

    def _own_rows(self, numbers: list[int]) -> Iterator[Row]:
        """Yields the cells that begin in each visible row, whose number is added to ``numbers``."""
        hidden_columns: set[int] = set()
        width = 0
        for number, all_values in enumerate(self._sheet.iter_rows(), 1):  # each as wide as its last cell
            values = all_values[:MAX_COLUMNS]
            if number in self._layout.hidden_rows:
                if any(value.value is not None for value in values):
                    self._hidden.add("hidden row")
                continue
            width = max(width, _last_shown(all_values, width))
            numbers.append(number)
            yield self._row(number, values, hidden_columns)
        self._hidden.add("hidden column", len(hidden_columns))
        self._hidden.add(BEYOND, max(0, width - MAX_COLUMNS))

    def remarks(self) -> Iterator[str]:
        """Yields the comments on visible cells, each with its cell and row; after ``rows``."""
        for remark in self._layout.remarks:
            if remark.row in self._rows and remark.column in self._places:
                place = f"{column_name(remark.column)}{remark.row}"
                yield remark_on(self._rows[remark.row], place, one_line(remark.text), remark.author)

    def _row(self, number: int, values: Any, hidden_columns: set[int]) -> Row:
        row: Row = []
        for column, value in enumerate(values, 1):
            text = self._text(number, column, value)
            if not text:
                continue
            merged = self._anchors.get((number, column))
            if merged is None and column in self._places:  # nearly all cells of a large sheet
                row.append(Cell(text, 0, self._places[column], 1, 1))
                continue
            merged = merged or Merged(number, column, number, column)
            places = [self._places[one] for one in range(column, merged.right + 1) if one in self._places]
            if places:
                height = sum(one not in self._layout.hidden_rows for one in range(number, merged.bottom + 1))
                row.append(Cell(text, 0, places[0], height, len(places)))
            else:
                hidden_columns.add(column)
        return row

    def _text(self, number: int, column: int, cell: Any) -> str:
        formula = self._layout.formulas.get((number, column))
        if formula is not None:
            return f"{formula} (not calculated)"
        value = _of_runs(cell.value) if isinstance(cell.value, list) else cell.value
        return "" if value is None else one_line(shown(value, str(cell.number_format or "")))


def _last_shown(values: Any, known: int) -> int:
    """The last column with a value behind those that are read, or ``known`` where a row above is as wide."""
    for column in range(len(values), max(known, MAX_COLUMNS), -1):
        if values[column - 1].value is not None:
            return column
    return known
