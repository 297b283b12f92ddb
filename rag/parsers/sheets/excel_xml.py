"""Parses workbooks saved as "XML Spreadsheet 2003": a table for each sheet that is shown, with its comments.

``page`` is the sheet's number and its name a label. Hidden sheets, rows and columns are left out.
"""

import datetime
from collections.abc import Iterator
from pathlib import Path

from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.left_out import LeftOut
from rag.parsers.sheets import sheet_rows
from rag.parsers.sheets.number_format import shown
from rag.parsers.sheets.sheet_rows import MAX_COLUMNS, Row, add_rows, column_name, remark_on, spread
from rag.parsers.tables.table import Cell
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element, parse_part
from rag.types import ParsedDocument

MEDIA_TYPE = "application/xml"
SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
X = "{urn:schemas-microsoft-com:office:excel}"
OFFICE = "{urn:schemas-microsoft-com:office:office}"
_NAMED_FORMATS = {
    "General Number": "General",
    "General Date": "mm-dd-yy",
    "Short Date": "mm-dd-yy",
    "Long Date": "mm-dd-yy",
    "Medium Date": "d-mmm-yy",
    "Short Time": "h:mm",
    "Medium Time": "h:mm AM/PM",
    "Long Time": "h:mm:ss",
    "Fixed": "0.00",
    "Standard": "#,##0.00",
    "Percent": "0.00%",
    "Scientific": "0.00E+00",
}
"""Codes of formats that go by a name. Dates whose form follows the region have the code of such a form."""
_MOST_MERGED = 1_048_576  # as many rows as a sheet has
_NO_DATE = datetime.date(1899, 12, 31)


def parse(path: Path) -> ParsedDocument:
    """Parses a workbook. Raises ReadError for broken XML."""
    root = parse_part(path.read_bytes())
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    builder.title = (root.findtext(f"{OFFICE}DocumentProperties/{OFFICE}Title") or "").strip()
    author = (root.findtext(f"{OFFICE}DocumentProperties/{OFFICE}Author") or "").strip()
    if author:
        builder.metadata["author"] = author
    formats = _formats(root)
    hidden = LeftOut()
    left = sheet_rows.MAX_ROWS
    for number, sheet in enumerate(root.iterfind(f"{SS}Worksheet"), 1):
        name = str(sheet.get(f"{SS}Name", ""))
        if (sheet.findtext(f"{X}WorksheetOptions/{X}Visible") or "") in ("SheetHidden", "SheetVeryHidden"):
            hidden.add(f"hidden sheet ({name})")
            continue
        builder.label(name, 1, page=number)
        table = sheet.find(f"{SS}Table")
        notes: list[str] = []
        rows = () if table is None else _rows(table, formats, hidden, notes)
        left -= add_rows(builder, rows, number, left)
        for note in notes:
            builder.add("note", note, page=number)
        if left <= 0:
            builder.warn(f"Only the first {sheet_rows.MAX_ROWS:,} rows of the workbook were read.")
            break
    if message := hidden.warning():
        builder.warn(message)
    return builder.build()


def _rows(table: Element, formats: dict[str, str], hidden: LeftOut, notes: list[str]) -> Iterator[Row]:
    """Yields the visible rows, and adds their comments to ``notes``."""
    numbers: list[int] = []
    remarks: list[tuple[int, str, str]] = []  # column, text and author, of the row that is read
    for row in spread(_own_rows(table, formats, hidden, numbers, remarks)):
        for column, text, author in remarks:
            notes.append(remark_on(row, f"{column_name(column)}{numbers[-1]}", text, author))
        remarks.clear()
        yield row


def _own_rows(
    table: Element,
    formats: dict[str, str],
    hidden: LeftOut,
    numbers: list[int],
    remarks: list[tuple[int, str, str]],
) -> Iterator[Row]:
    hidden_columns = set(_hidden_columns(table))
    visible = (column for column in range(1, MAX_COLUMNS + 1) if column not in hidden_columns)
    places = {column: place for place, column in enumerate(visible)}
    left_out: set[int] = set()
    number = 0
    for row in table.iterfind(f"{SS}Row"):
        place = str(row.get(f"{SS}Index", ""))
        before, number = number, whole_number(place, number + 1)
        if number > before + 1:
            numbers.append(number - 1)
            yield []
        cells = list(_cells(row, formats))
        if row.get(f"{SS}Hidden") == "1":
            hidden.add("hidden row", int(any(cell.text for cell in cells)))
            continue
        shown_cells: Row = []
        for cell in cells:
            over = [places[at] for at in range(cell.column, cell.column + cell.columns) if at in places]
            if over and cell.text:
                shown_cells.append(Cell(cell.text, 0, over[0], cell.rows, len(over)))
            elif cell.text:
                left_out.add(cell.column)
        remarks += [(column, text, author) for column, text, author in _remarks(row) if column in places]
        numbers.append(number)
        yield shown_cells
    hidden.add("hidden column", len(left_out))


def _placed(row: Element) -> Iterator[tuple[Element, int]]:
    """Yields the cells of a row with their columns, from 1."""
    column = 0
    for cell in row.iterfind(f"{SS}Cell"):
        place = str(cell.get(f"{SS}Index", ""))
        column = whole_number(place, column + 1)
        if column > MAX_COLUMNS:
            return
        yield cell, column
        column += _number(cell, "MergeAcross")


def _cells(row: Element, formats: dict[str, str]) -> Iterator[Cell]:
    for cell, column in _placed(row):
        spans = _number(cell, "MergeDown") + 1, min(_number(cell, "MergeAcross") + 1, MAX_COLUMNS)
        yield Cell(_shown(cell, formats), 0, column, *spans)


def _remarks(row: Element) -> Iterator[tuple[int, str, str]]:
    for cell, column in _placed(row):
        for remark in cell.iterfind(f"{SS}Comment"):
            yield column, one_line(" ".join(remark.itertext())), str(remark.get(f"{SS}Author", ""))


def _number(cell: Element, name: str) -> int:
    value = str(cell.get(f"{SS}{name}", "0"))
    return min(whole_number(value, 0), _MOST_MERGED)


def _shown(cell: Element, formats: dict[str, str]) -> str:
    data = cell.find(f"{SS}Data")
    if data is None:
        return ""
    text = one_line("".join(data.itertext()))
    form = formats.get(str(cell.get(f"{SS}StyleID", "")), "")
    try:
        match data.get(f"{SS}Type", "String"):
            case "Number":
                return shown(float(text), form)
            case "Boolean":
                return shown(text == "1", form)
            case "DateTime":
                moment = datetime.datetime.fromisoformat(text)
                return shown(moment.time() if moment.date() <= _NO_DATE else moment, form)
    except ValueError:  # not what its type says
        return text
    return shown(text, form)


def _hidden_columns(table: Element) -> Iterator[int]:
    column = 0
    for one in table.iterfind(f"{SS}Column"):
        place, span = str(one.get(f"{SS}Index", "")), str(one.get(f"{SS}Span", "0"))
        column = whole_number(place, column + 1)
        last = column + whole_number(span, 0)
        if one.get(f"{SS}Hidden") == "1":
            yield from range(column, min(last, MAX_COLUMNS) + 1)
        column = last


def _formats(root: Element) -> dict[str, str]:
    """Maps the identifiers of styles to number formats; a style takes that of its parent where it has none."""
    styles = {str(style.get(f"{SS}ID", "")): style for style in root.iterfind(f"{SS}Styles/{SS}Style")}
    found: dict[str, str] = {}
    for identifier, style in styles.items():
        form = style.find(f"{SS}NumberFormat")
        parent = styles.get(str(style.get(f"{SS}Parent", "")))
        form = form if form is not None or parent is None else parent.find(f"{SS}NumberFormat")
        named = str(form.get(f"{SS}Format", "")) if form is not None else ""
        found[identifier] = _NAMED_FORMATS.get(named, named)
    return found
