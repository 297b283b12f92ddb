"""Parses OpenDocument spreadsheets (.ods, .ots, .fods): the rows of each sheet as they are shown, comments as notes.

``page`` is the sheet's number and its name a label. The shown text of a cell is stored beside its value. Hidden sheets,
rows and columns are left out; a formula without a value says so.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.left_out import LeftOut
from rag.parsers.odf.odt_objects import Objects
from rag.parsers.odf.odt_styles import Looks
from rag.parsers.odf.table import MOST_COPIES, TABLE, cells_of, count, rows_of, times_read
from rag.parsers.raised import Align, compose
from rag.parsers.sheets import sheet_rows
from rag.parsers.sheets.sheet_rows import BEYOND, MAX_COLUMNS, Row, add_rows, column_name, remark_on, spread
from rag.parsers.tables.table import Cell
from rag.parsers.zip_limits import open_zip
from rag.parsers.zip_xml import Element, parse_part, read_part
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.oasis.opendocument.spreadsheet"

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE, TEXT, STYLE, DRAW, META = (_NS % name for name in ("office", "text", "style", "drawing", "meta"))
_MANIFEST = _NS % "manifest"
_DC = "{http://purl.org/dc/elements/1.1/}"
_REFERENCE = re.compile(r"\[([^\]]*)\]")
_VALUES = tuple(f"{OFFICE}{name}" for name in ("string-value", "date-value", "time-value", "boolean-value", "value"))
_MOST_REPEATED = 5_001  # rows; a sheet's last row is repeated to its end


def parse(path: Path) -> ParsedDocument:
    """Parses a spreadsheet. Raises ReadError for a broken or protected container."""
    with path.open("rb") as file:
        packed = file.read(4).startswith(b"PK")
    if not packed:
        root = parse_part(path.read_bytes())
        return _Walker(root, root, None).document()
    with open_zip(path) as archive:
        names = set(archive.namelist())
        if "META-INF/manifest.xml" in names:
            manifest = read_part(archive, "META-INF/manifest.xml")
            if next(manifest.iter(f"{_MANIFEST}encryption-data"), None) is not None:
                raise ReadError(
                    "The spreadsheet is protected by a password.", "Save a copy without the password and add that."
                )
        meta = read_part(archive, "meta.xml") if "meta.xml" in names else None
        return _Walker(read_part(archive, "content.xml"), meta, archive).document()


class _Walker:
    """Walks the visible sheets in order."""

    def __init__(self, content: Element, meta: Element | None, archive: zipfile.ZipFile | None) -> None:
        self._content, self._meta = content, meta
        self._builder = DocumentBuilder(media_type=MEDIA_TYPE)
        self._hidden = LeftOut()
        self._left_out = LeftOut()
        self._objects = Objects(content, archive, self._builder, self._left_out)
        self._looks = Looks([content])
        self._formulas = 0
        self._copies = MOST_COPIES
        self._remarks: list[tuple[int, str, str]] = []  # column, text and author, of the row that is read
        self._hidden_styles = {
            str(style.get(f"{STYLE}name", ""))
            for style in content.iter(f"{STYLE}style")
            for properties in style.iterfind(f"{STYLE}table-properties")
            if properties.get(f"{TABLE}display") == "false"
        }

    def document(self) -> ParsedDocument:
        body = self._content.find(f"{OFFICE}body/{OFFICE}spreadsheet")
        if body is None:
            raise ReadError(
                "The spreadsheet is damaged: it has no sheets.", "Open it in its program and save it again."
            )
        left = sheet_rows.MAX_ROWS
        for page, sheet in enumerate(body.iterfind(f"{TABLE}table"), 1):
            name = str(sheet.get(f"{TABLE}name", ""))
            if sheet.get(f"{TABLE}style-name") in self._hidden_styles:
                self._hidden.add(f"hidden sheet ({name})")
                continue
            self._builder.label(name, 1, page=page)
            notes: list[str] = []
            left -= add_rows(self._builder, self._rows(sheet, notes), page, left)
            for note in notes:
                self._builder.add("note", note, page=page)
            for frame in sheet.iter(f"{DRAW}frame"):
                self._objects.add(frame, page)
            if left <= 0:
                self._builder.warn(f"Only the first {sheet_rows.MAX_ROWS:,} rows of the spreadsheet were read.")
                break
        self._describe()
        return self._builder.build()

    def _rows(self, sheet: Element, notes: list[str]) -> Iterator[Row]:
        """Yields the visible rows, and adds their comments to ``notes``."""
        visible = _visible_columns(sheet)
        hidden_columns: set[int] = set()
        numbers: list[int] = []
        for row in spread(self._own_rows(sheet, visible, hidden_columns, numbers)):
            for column, text, author in self._remarks:
                notes.append(remark_on(row, f"{column_name(column + 1)}{numbers[-1]}", text, author))
            self._remarks.clear()
            yield row

    def _own_rows(
        self, sheet: Element, visible: dict[int, int], hidden_columns: set[int], numbers: list[int]
    ) -> Iterator[Row]:
        number = 0
        for row, _ in rows_of(sheet):
            times = count(row, "number-rows-repeated")
            cells = list(cells_of(row, 0, self._text))
            if row.get(f"{TABLE}visibility", "visible") != "visible":
                self._hidden.add("hidden row", times if cells else 0)
                self._remarks.clear()
                number += times
                continue
            shown: Row = []
            for cell in cells:
                covered = range(cell.column, min(cell.column + cell.columns, MAX_COLUMNS))
                places = [visible[at] for at in covered if at in visible]
                if places:
                    shown.append(Cell(cell.text, 0, places[0], cell.rows, len(places)))
                elif cell.column not in hidden_columns:
                    hidden_columns.add(cell.column)
                    self._hidden.add("hidden column" if cell.column < MAX_COLUMNS else BEYOND)
            read = times_read(min(times, _MOST_REPEATED), len(shown), self._copies)
            self._copies -= (read - 1) * len(shown)
            if shown and read < times:
                self._builder.warn("Of rows that stand there very often and are alike only some were read.")
            for again in range(read):
                numbers.append(number + again + 1)
                yield shown
            number += times

    def _text(self, cell: Element) -> str:
        for remark in cell.iterfind(f"{OFFICE}annotation"):
            author = (remark.findtext(f"{_DC}creator") or "").strip()
            said = one_line(" ".join("".join(line.itertext()) for line in remark.iterfind(f"{TEXT}p")))
            column = sum(count(before, "number-columns-repeated") for before in cell.itersiblings(preceding=True))
            self._remarks.append((column, said, author))
        text = one_line(" ".join(map(self._line, cell.iterfind(f"{TEXT}p"))))
        formula = str(cell.get(f"{TABLE}formula", ""))
        if text:
            return text
        if cell.get(f"{OFFICE}value-type"):  # some programs leave the shown text out
            return next((str(cell.get(name)) for name in _VALUES if cell.get(name) is not None), "")
        if not formula:
            return ""
        self._formulas += 1
        written = _REFERENCE.sub(lambda match: match[1].replace(":.", ":").lstrip("."), formula.partition("=")[2])
        return f"={written} (not calculated)"

    def _line(self, line: Element) -> str:
        """A paragraph of a cell; raised and lowered letters stay apart from what stands before them."""
        if line.find(f"{TEXT}span") is None:
            return "".join(line.itertext())
        pieces: list[tuple[Align, str]] = [("", line.text or "")]
        for child in line:
            look = self._looks.of("text", str(child.get(f"{TEXT}style-name", "")))
            pieces += [(look.align or "", "".join(child.itertext())), ("", child.tail or "")]
        return compose(pieces)

    def _describe(self) -> None:
        if self._meta is not None:
            self._builder.title = (self._meta.findtext(f".//{_DC}title") or "").strip()
            author = (self._meta.findtext(f".//{META}initial-creator") or "").strip()
            if author:
                self._builder.metadata["author"] = author
        for message in (self._hidden.warning(), self._left_out.warning(), sheet_rows.not_calculated(self._formulas)):
            if message:
                self._builder.warn(message)


def _visible_columns(sheet: Element) -> dict[int, int]:
    """The place of each column among those that are shown."""
    places: dict[int, int] = {}
    column = 0
    for one in sheet.iter(f"{TABLE}table-column"):
        times = count(one, "number-columns-repeated")
        shown = one.get(f"{TABLE}visibility", "visible") == "visible"
        for at in range(column, min(column + times, MAX_COLUMNS)):
            if shown:
                places[at] = len(places)
        column += times
    for at in range(column, MAX_COLUMNS):  # columns need not be declared
        places[at] = len(places)
    return places
