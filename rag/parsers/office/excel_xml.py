"""Parses workbooks saved as "XML Spreadsheet 2003": a table for each sheet that is shown, with its comments.

``page`` is the sheet's number and its name a label. Hidden sheets, rows and columns are left out.
"""

from collections.abc import Iterator
from pathlib import Path

from rag.parsers.builder import DocumentBuilder
from rag.parsers.office.charts import shown_number
from rag.parsers.table import Table
from rag.parsers.zip_xml import Element, parse_part
from rag.types import ParsedDocument

MEDIA_TYPE = "application/xml"
SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
X = "{urn:schemas-microsoft-com:office:excel}"
OFFICE = "{urn:schemas-microsoft-com:office:office}"
_NAMED_FORMATS = {
    "Percent": "0.00%",
    "Short Date": "yyyy-mm-dd",
    "Long Date": "yyyy-mm-dd",
    "Medium Date": "yyyy-mm-dd",
}
_MAX_COLUMNS = 256
_MAX_ROWS = 100_000


def parse(path: Path) -> ParsedDocument:
    """Parses a workbook. Raises ReadError for broken XML."""
    root = parse_part(path.read_bytes())
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    builder.title = (root.findtext(f"{OFFICE}DocumentProperties/{OFFICE}Title") or "").strip()
    author = (root.findtext(f"{OFFICE}DocumentProperties/{OFFICE}Author") or "").strip()
    if author:
        builder.metadata["author"] = author
    formats = _formats(root)
    hidden = []
    for number, sheet in enumerate(root.iterfind(f"{SS}Worksheet"), 1):
        name = str(sheet.get(f"{SS}Name", ""))
        if (sheet.findtext(f"{X}WorksheetOptions/{X}Visible") or "") in ("SheetHidden", "SheetVeryHidden"):
            hidden.append(name)
            continue
        builder.label(name, 1, page=number)
        _add_sheet(builder, sheet, formats, number)
    if hidden:
        builder.warn(f"Hidden sheets were left out: {', '.join(hidden)}.")
    return builder.build()


def _add_sheet(builder: DocumentBuilder, sheet: Element, formats: dict[str, str], page: int) -> None:
    table = sheet.find(f"{SS}Table")
    if table is None:
        return
    hidden = set(_hidden_columns(table))
    rows: list[list[str]] = []
    comments: list[str] = []
    left_out = bool(hidden)
    for row in table.iterfind(f"{SS}Row"):
        place = str(row.get(f"{SS}Index", ""))
        if place.isdigit() and int(place) > len(rows) + 1 and rows:
            _flush(builder, rows, comments, page)
        if row.get(f"{SS}Hidden") == "1":
            left_out = True
            continue
        rows.append(_cells(row, formats, hidden, comments))
        if len(rows) >= _MAX_ROWS:
            builder.warn(f"Only the first {_MAX_ROWS:,} rows of a sheet were read.")
            break
    _flush(builder, rows, comments, page)
    if left_out:
        builder.warn("Hidden rows and columns were left out.")


def _flush(builder: DocumentBuilder, rows: list[list[str]], comments: list[str], page: int) -> None:
    if sum(1 for row in rows for cell in row if cell) == 1:
        builder.paragraph("".join("".join(row) for row in rows), page=page)
    else:
        builder.table(Table.of_rows(rows, records=True), page=page)
    for comment in comments:
        builder.add("note", comment, page=page)
    rows.clear()
    comments.clear()


def _cells(row: Element, formats: dict[str, str], hidden: set[int], comments: list[str]) -> list[str]:
    cells: dict[int, str] = {}
    column = 0
    for cell in row.iterfind(f"{SS}Cell"):
        place = str(cell.get(f"{SS}Index", ""))
        column = int(place) if place.isdigit() else column + 1
        if column > _MAX_COLUMNS:
            break
        text = _shown(cell, formats)
        if column not in hidden:
            cells[column] = text
        remark = cell.find(f"{SS}Comment")
        if remark is not None:
            said, author = " ".join(" ".join(remark.itertext()).split()), remark.get(f"{SS}Author", "")
            comments.append(f"Comment{f' by {author}' if author else ''} on {text or 'a cell'}: {said}")
        across = str(cell.get(f"{SS}MergeAcross", "0"))
        column += int(across) if across.isdigit() else 0
    return [cells.get(at, "") for at in range(1, max(cells, default=0) + 1) if at not in hidden]


def _shown(cell: Element, formats: dict[str, str]) -> str:
    data = cell.find(f"{SS}Data")
    if data is None:
        return ""
    text = " ".join("".join(data.itertext()).split())
    form = formats.get(str(cell.get(f"{SS}StyleID", "")), "")
    match data.get(f"{SS}Type", "String"):
        case "Number":
            return shown_number(text, form)
        case "Boolean":
            return "yes" if text == "1" else "no"
        case "DateTime":
            day, _, time = text.partition("T")
            time = time[:5]
            if day.startswith("1899-12-31"):
                return time
            return day if time in ("", "00:00") else f"{day} {time}"
    return text


def _hidden_columns(table: Element) -> Iterator[int]:
    column = 0
    for one in table.iterfind(f"{SS}Column"):
        place, span = str(one.get(f"{SS}Index", "")), str(one.get(f"{SS}Span", "0"))
        column = int(place) if place.isdigit() else column + 1
        last = column + (int(span) if span.isdigit() else 0)
        if one.get(f"{SS}Hidden") == "1":
            yield from range(column, min(last, _MAX_COLUMNS) + 1)
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
