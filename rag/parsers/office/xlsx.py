"""Parses workbooks (.xlsx, .xlsm, .xltx): each row of a sheet as "column: value" pairs, so that a row stands by itself.

``page`` is the sheet's number and its name a label. Formulas are read as the value that was saved with them. The
first row of a sheet counts as names of columns when it is text without repetitions.
"""

import datetime
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.zip_limits import check_zip
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MAX_ROWS = 100_000
MAX_COLUMNS = 256
_ROWS_A_BLOCK = 50
_EMPTY_ROWS = 5_000
"""A sheet ends after this many empty rows, wherever its dimensions claim to end."""
_HEADER_CHARACTERS = 80
_HEADER_WITHIN = 5


def parse(path: Path) -> ParsedDocument:
    """Parses the file. Raises ReadError for a broken container."""
    check_zip(path)
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    try:
        # It warns of every extension that it does not keep; nothing is kept here.
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                _add_sheets(builder, workbook)
            finally:
                workbook.close()
    except (
        InvalidFileException, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, SyntaxError
    ) as error:  # fmt: skip
        raise ReadError(
            "The workbook is damaged: its sheets cannot be read.", "Open it in Excel or LibreOffice and save it again."
        ) from error
    return builder.build()


def _add_sheets(builder: DocumentBuilder, workbook: Any) -> None:
    left = MAX_ROWS
    for number, sheet in enumerate(workbook.worksheets, 1):
        sheet.reset_dimensions()
        builder.label(sheet.title, 1, page=number)
        left -= _add_sheet(builder, _rows(sheet), number, left)
        if left <= 0:
            builder.warn(f"Only the first {MAX_ROWS:,} rows of the workbook were read.")
            break
    title = (workbook.properties.title or "").strip()
    builder.title = title
    if workbook.properties.creator and workbook.properties.creator != "openpyxl":
        builder.metadata["author"] = str(workbook.properties.creator)


def _rows(sheet: Any) -> Iterator[list[str]]:
    """Yields the rows with text in them, cells as a person would see them."""
    empty = 0
    for row in sheet.iter_rows(max_col=MAX_COLUMNS):
        cells = [_shown(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            empty = 0
            yield cells
        else:
            empty += 1
            if empty > _EMPTY_ROWS:
                return


def _add_sheet(builder: DocumentBuilder, rows: Iterator[list[str]], page: int, limit: int) -> int:
    """Adds at most ``limit`` rows and returns how many."""
    header: list[str] | None = None
    held: list[list[str]] = []
    count = 0
    for cells in rows:
        if count >= limit:
            break
        if header is None and count < _HEADER_WITHIN and _is_header(cells):
            _flush(builder, held, page)
            header = cells
            held = [cells]
        else:
            held.append(_named(cells, header) if header else cells)
        count += 1
        if len(held) >= _ROWS_A_BLOCK:
            _flush(builder, held, page)
    _flush(builder, held, page)
    return count


def _flush(builder: DocumentBuilder, rows: list[list[str]], page: int) -> None:
    if len(rows) == 1 and len(rows[0]) == 1:
        builder.paragraph(rows[0][0], page=page)
    elif rows:
        builder.table([[cell for cell in row if cell] for row in rows], page=page)
    rows.clear()


def _is_header(cells: Sequence[str]) -> bool:
    """Tells whether a row names columns: at least two different short texts without a gap, and no numbers."""
    named = [cell for cell in cells if cell]
    if len(named) < 2 or len(named) * 4 < 3 * len(cells) or len(set(named)) < len(named):
        return False
    return all(len(cell) <= _HEADER_CHARACTERS and any(map(str.isalpha, cell)) for cell in named)


def _named(cells: Sequence[str], header: Sequence[str]) -> list[str]:
    names = [*header, *[""] * (len(cells) - len(header))]
    return [f"{name}: {cell}" if name and cell else cell for name, cell in zip(names, cells, strict=False)]


def _shown(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format or ""))
    if isinstance(value, datetime.datetime):
        if value.time() == datetime.time():
            return value.date().isoformat()
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="minutes")
    return " ".join(str(value).split())


def _number(value: float, number_format: str) -> str:
    if "%" in number_format:
        return f"{value * 100:.10g}%"
    return str(value) if isinstance(value, int) else f"{value:.12g}"
