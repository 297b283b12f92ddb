"""Parses workbooks (.xlsx, .xlsm, .xltx): each row of a sheet as "column: value" pairs, so that a row stands by itself.

``page`` is the sheet's number and its name a label. Formulas are read as the value that was saved with them.
"""

import datetime
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.table import Grid, Table
from rag.parsers.zip_limits import check_zip
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MAX_ROWS = 100_000
MAX_COLUMNS = 256
_SAMPLE_ROWS = 100  # in which the header of a table is looked for
_EMPTY_ROWS = 5_000
"""A sheet ends after this many empty rows, wherever its dimensions claim to end."""


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
    """Yields all rows up to the last one with text, cells as a person would see them; an empty row is an empty list."""
    empty = 0
    for row in sheet.iter_rows(max_col=MAX_COLUMNS):
        cells = [_shown(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield from [[]] * min(empty, 1)
            empty = 0
            yield cells
        else:
            empty += 1
            if empty > _EMPTY_ROWS:
                return


def _add_sheet(builder: DocumentBuilder, rows: Iterator[list[str]], page: int, limit: int) -> int:
    """Adds at most ``limit`` rows and returns how many: what empty rows part are tables of their own, under the header
    of the one above where they have none."""
    header: Grid | None = None
    count = 0
    for has_text, region in groupby(islice(rows, limit), key=bool):
        if not has_text:
            continue
        head = list(islice(region, _SAMPLE_ROWS))
        count += len(head)
        if len(head) == 1 and sum(map(bool, head[0])) == 1:
            builder.paragraph(head[0][-1], page=page)
            continue
        grid = Grid.of(Table.of_rows(head, records=True))
        if not grid.header_rows and header is not None and header.suits(grid):
            grid = header.more(grid.rows)
        elif grid.header_rows:
            header = grid
        builder.grid(grid, page=page)
        while batch := list(islice(region, _SAMPLE_ROWS)):
            count += len(batch)
            builder.grid(grid.more(batch), page=page, goes_on=True)
    return count


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
