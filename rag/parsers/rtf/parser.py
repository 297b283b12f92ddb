"""Parses RTF documents: headings, paragraphs, lists with their numbers, tables, notes, comments, headers and footers.

``rtf_reader`` follows the control words; this module turns its paragraphs into blocks. Pictures and objects are
left out and counted, deleted and hidden text is left out.
"""

import re
from pathlib import Path

from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.left_out import LeftOut
from rag.parsers.rtf.reader import RtfReader
from rag.parsers.rtf.state import RtfContent, RtfParagraph
from rag.parsers.tables.edges import RowShape, TableRow, table_of
from rag.types import ParsedDocument

MEDIA_TYPE = "application/rtf"
_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|заголовок)\s*([1-9])", re.I)
_CONTENTS = re.compile(r"(?:toc|verzeichnis|contents)\s*[1-9]?$", re.I)
_CAPTION = re.compile(r"caption|beschriftung|légende", re.I)
_BULLET = re.compile(r"\s*(?:[•·▪◦‣o–-]|\d{1,3}[.)])\s+\S")
_BODY_LEVEL = 9


def parse(path: Path) -> ParsedDocument:
    builder = DocumentBuilder(title="", media_type=MEDIA_TYPE)
    content = add_rtf(builder, path.read_bytes())
    builder.title = one_line(content.title) or path.stem
    if author := one_line(content.author):
        builder.metadata["author"] = author
    return builder.build()


def add_rtf(builder: DocumentBuilder, source: bytes) -> RtfContent:
    """Adds a whole document to a builder and returns what was read."""
    left_out = LeftOut()
    content = RtfReader(left_out).read(source)
    _add_margins(builder, content.headers)
    _add_body(builder, content.body)
    _add_notes(builder, content.notes)
    _add_margins(builder, content.footers)
    if content.hidden:
        builder.warn("Hidden text was left out.")
    if warning := left_out.warning():
        builder.warn(warning)
    return content


def _add_margins(builder: DocumentBuilder, paragraphs: list[RtfParagraph]) -> None:
    said: set[str] = set()
    for paragraph in paragraphs:
        if paragraph.text not in said and any(map(str.isalpha, paragraph.text)):
            said.add(paragraph.text)
            builder.add("margin", paragraph.text)


def _add_notes(builder: DocumentBuilder, notes: list[RtfParagraph]) -> None:
    for note in notes:
        builder.add("note", note.text)


def _add_body(builder: DocumentBuilder, body: list[RtfParagraph]) -> None:
    rows: list[TableRow] = []
    cells: list[str] = []
    cell: list[str] = []
    for paragraph in body:
        if paragraph.place == "body" and paragraph.in_table:
            cell.append(_numbered(paragraph))
            if paragraph.ends != "par":
                text = " ".join(filter(None, cell))
                cell = []
                if paragraph.ends == "cell" or text:
                    cells.append(text)
            if paragraph.ends == "row":
                rows.append(TableRow(cells, paragraph.row or RowShape()))
                cells = []
            continue
        if rows or cells or cell:
            builder.table(table_of([*rows, TableRow([*cells, *cell])]))
            rows, cells, cell = [], [], []
        _add_paragraph(builder, paragraph)
    builder.table(table_of([*rows, TableRow([*cells, *cell])]))


def _numbered(paragraph: RtfParagraph) -> str:
    return f"{paragraph.number} {paragraph.text}" if paragraph.number and paragraph.text else paragraph.text


def _add_paragraph(builder: DocumentBuilder, paragraph: RtfParagraph) -> None:
    if not paragraph.text:
        return
    text = _numbered(paragraph)
    heading = _HEADING.match(paragraph.style)
    outlined = paragraph.outline is not None and paragraph.outline < _BODY_LEVEL
    if paragraph.place == "comment":
        builder.add("note", f"Comment by {paragraph.author}: {text}" if paragraph.author else f"Comment: {text}")
    elif paragraph.in_contents or _CONTENTS.match(paragraph.style):
        builder.add("contents", text)
    elif heading or outlined:
        level = paragraph.outline + 1 if outlined and paragraph.outline is not None else 1
        builder.heading(text, level if not heading else int(heading[1]))
    elif paragraph.number or _BULLET.match(text):
        builder.list_item(text, level=paragraph.level)
    else:
        builder.add("caption" if _CAPTION.match(paragraph.style) else "paragraph", text)
