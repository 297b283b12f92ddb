"""Parses workbooks of Excel 5.0 to 2003 (.xls, .xlt): the rows of each sheet as they are shown, comments as notes.

``page`` is the sheet's number and its name a label. Hidden sheets, rows and columns are left out. Formulas are read as
the value that was saved with them.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.left_out import LeftOut
from rag.parsers.raised import Align, compose
from rag.parsers.sheets import sheet_rows
from rag.parsers.sheets.number_format import Value, shown
from rag.parsers.sheets.sheet_rows import MAX_COLUMNS, Row, add_rows, column_name, remark_on, spread
from rag.parsers.tables.table import Cell
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.ms-excel"


def parse(path: Path) -> ParsedDocument:
    """Parses the file. Raises ReadError for a broken or protected one."""
    import xlrd

    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    try:
        with xlrd.open_workbook(path, formatting_info=True, on_demand=True, logfile=_Quiet()) as book:
            _add_sheets(builder, book)
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise ReadError(
                "The workbook is protected by a password.", "Save a copy without the password and add that."
            ) from error
        raise _damaged() from error
    except (xlrd.compdoc.CompDocError, struct.error, AssertionError, LookupError, ValueError, TypeError) as error:
        raise _damaged() from error
    return builder.build()


class _Quiet:
    """Takes what xlrd prints about small damage."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


def _damaged() -> ReadError:
    return ReadError(
        "The workbook is damaged: its sheets cannot be read.", "Open it in Excel or LibreOffice and save it again."
    )


def _add_sheets(builder: DocumentBuilder, book: Any) -> None:
    hidden = LeftOut()
    left = sheet_rows.MAX_ROWS
    for page in range(1, book.nsheets + 1):
        sheet = book.sheet_by_index(page - 1)
        if sheet.visibility:
            hidden.add(f"hidden sheet ({sheet.name})")
            continue
        builder.label(sheet.name, 1, page=page)
        notes: list[str] = []
        left -= add_rows(builder, _rows(book, sheet, hidden, notes), page, left)
        for note in notes:
            builder.add("note", note, page=page)
        if left <= 0:
            builder.warn(f"Only the first {sheet_rows.MAX_ROWS:,} rows of the workbook were read.")
            break
    if book.user_name.strip():
        builder.metadata["author"] = book.user_name.strip()
    if message := hidden.warning():
        builder.warn(message)


def _rows(book: Any, sheet: Any, hidden: LeftOut, notes: list[str]) -> Iterator[Row]:
    """Yields the visible rows, and adds their comments to ``notes``."""
    numbers: list[int] = []
    remarks: dict[int, list[tuple[int, Any]]] = {}
    for (row, column), note in sorted(sheet.cell_note_map.items()):
        remarks.setdefault(row, []).append((column, note))
    for cells in spread(_own_rows(book, sheet, hidden, numbers)):
        for column, note in remarks.get(numbers[-1], ()):
            text = one_line(str(note.text)).removeprefix(f"{note.author}:").strip()
            notes.append(
                remark_on(cells, f"{column_name(column + 1)}{numbers[-1] + 1}", text, str(note.author).strip())
            )
        yield cells


def _own_rows(book: Any, sheet: Any, hidden: LeftOut, numbers: list[int]) -> Iterator[Row]:
    columns = [at for at in range(min(sheet.ncols, MAX_COLUMNS)) if not _is_hidden(sheet.colinfo_map.get(at))]
    places = {column: place for place, column in enumerate(columns)}
    spans = {(top, left): (bottom, right) for top, bottom, left, right in sheet.merged_cells}
    hidden_columns: set[int] = set()
    runs_of = sheet.rich_text_runlist_map  # by row and column
    for number in range(sheet.nrows):
        texts = [
            _of_runs(book, cell, runs_of[number, at]) if (number, at) in runs_of else _shown(book, cell)
            for at, cell in enumerate(sheet.row(number)[:MAX_COLUMNS])
        ]
        if _is_hidden(sheet.rowinfo_map.get(number)):
            hidden.add("hidden row", int(any(texts)))
            continue
        row: Row = []
        for column, text in enumerate(texts):
            if not text:
                continue
            bottom, right = spans.get((number, column), (number + 1, column + 1))
            over = [places[at] for at in range(column, right) if at in places]
            height = sum(not _is_hidden(sheet.rowinfo_map.get(at)) for at in range(number, bottom))
            if over:
                row.append(Cell(text, 0, over[0], height, len(over)))
            else:
                hidden_columns.add(column)
        numbers.append(number)
        yield row
    hidden.add("hidden column", len(hidden_columns))


def _is_hidden(info: Any) -> bool:
    return info is not None and bool(info.hidden)


def _of_runs(book: Any, cell: Any, runs: Sequence[tuple[int, int]]) -> str:
    """The text of a cell whose letters are not all set alike; each run begins at a letter, in a font."""
    text = str(cell.value)
    pieces: list[tuple[Align, str]] = [("", text[: runs[0][0]])]
    for (start, font), (end, _) in zip(runs, [*runs[1:], (len(text), 0)], strict=True):
        raised = book.font_list[font].escapement if font < len(book.font_list) else 0
        pieces.append(("super" if raised == 1 else "sub" if raised == 2 else "", text[start:end]))
    return one_line(compose(pieces))


def _shown(book: Any, cell: Any) -> str:
    import xlrd

    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return ""
    styled = cell.xf_index is not None and cell.xf_index < len(book.xf_list)
    form = book.format_map.get(book.xf_list[cell.xf_index].format_key) if styled else None
    value: Value = cell.value
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        value = bool(cell.value)
    elif cell.ctype == xlrd.XL_CELL_DATE:
        value = _moment(float(cell.value), form.format_str if form else "", book.datemode)
    return one_line(shown(value, form.format_str if form else ""))


def _moment(serial: float, code: str, datemode: int) -> Value:
    """A date, or a duration where the format counts hours, minutes or seconds beyond a day."""
    import datetime

    import xlrd

    if any(mark in code.lower() for mark in ("[h", "[m", "[s")):
        return datetime.timedelta(seconds=round(serial * 86_400, 3))
    try:
        moment: datetime.datetime = xlrd.xldate.xldate_as_datetime(serial, datemode)
    except (OverflowError, ValueError):
        return serial
    return moment.time() if 0 <= serial < 1 else moment
