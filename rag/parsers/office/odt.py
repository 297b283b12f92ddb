"""Parses OpenDocument texts (.odt, .ott): headings, paragraphs, lists, tables, notes, headers and footers.

Tracked changes and annotations are left out; footnotes come at the end, text boxes behind the paragraph they are
anchored in. Pages are counted where the writing program left its soft page breaks.
"""

import zipfile
from pathlib import Path

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.table import Table
from rag.parsers.zip_limits import open_zip
from rag.parsers.zip_xml import Element, read_part
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.oasis.opendocument.text"

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE, TEXT, TABLE, DRAW, STYLE = (_NS % name for name in ("office", "text", "table", "drawing", "style"))
_META = _NS % "meta"
_MANIFEST = _NS % "manifest"
_DC = "{http://purl.org/dc/elements/1.1/}"
_MAX_DEPTH = 40
_MAX_REPEATED = 20

_DROPPED = frozenset(
    {
        f"{OFFICE}annotation",
        f"{TEXT}tracked-changes",
        f"{TEXT}note",
        f"{TEXT}ruby-text",
        f"{DRAW}text-box",
        f"{TABLE}table",
        f"{OFFICE}forms",
    }
)


def parse(path: Path) -> ParsedDocument:
    """Parses a document. Raises ReadError for a broken or protected container."""
    with open_zip(path) as archive:
        return _Walker(archive).document()


class _Walker:
    """Walks content.xml in order."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        names = set(archive.namelist())
        if "META-INF/manifest.xml" in names:
            manifest = read_part(archive, "META-INF/manifest.xml")
            if next(manifest.iter(f"{_MANIFEST}encryption-data"), None) is not None:
                raise ReadError(
                    "The document is protected by a password.", "Save a copy without the password and add that."
                )
        self._content = read_part(archive, "content.xml")
        self._styles = read_part(archive, "styles.xml") if "styles.xml" in names else None
        self._meta = read_part(archive, "meta.xml") if "meta.xml" in names else None
        self._builder = DocumentBuilder(media_type=MEDIA_TYPE)
        self._notes: list[str] = []
        self._page: int | None = None
        self._first_heading = ""

    def document(self) -> ParsedDocument:
        body = self._content.find(f"{OFFICE}body/{OFFICE}text")
        if body is None:
            raise ReadError(
                "The document is damaged: it has no text body.", "Open it in its program and save it again."
            )
        if next(body.iter(f"{TEXT}soft-page-break"), None) is not None:
            self._page = 1
        self._margins("header")
        self._blocks(body, 0)
        for note in self._notes:
            self._builder.add("note", note)
        self._margins("footer")
        self._describe()
        return self._builder.build()

    def _margins(self, kind: str) -> None:
        said: set[str] = set()
        for margin in self._styles.iter(f"{STYLE}{kind}") if self._styles is not None else ():
            text = "\n".join(filter(None, (self._text(line).strip() for line in margin.iter(f"{TEXT}p", f"{TEXT}h"))))
            if text not in said and any(map(str.isalpha, text)):
                said.add(text)
                self._builder.add("margin", text)

    def _blocks(self, parent: Element, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._builder.warn("Parts nested too deep were left out.")
            return
        for child in parent:
            tag = child.tag
            if tag == f"{TEXT}h":
                level = child.get(f"{TEXT}outline-level", "1")
                self._heading(child, int(level) if level.isdigit() else 1)
            elif tag == f"{TEXT}p":
                if child.get(f"{TEXT}style-name") == "Title":
                    self._heading(child, 1)
                else:
                    self._builder.paragraph(self._text(child).strip(), page=self._page)
                self._after(child, depth)
            elif tag == f"{TEXT}list":
                self._list(child, 0)
            elif tag == f"{TABLE}table":
                self._table(child, depth)
            elif tag == f"{TEXT}soft-page-break":
                self._page = (self._page or 1) + 1
            elif tag not in _DROPPED and isinstance(tag, str):
                self._blocks(child, depth + 1)

    def _heading(self, element: Element, level: int) -> None:
        text = self._text(element).strip()
        self._builder.heading(text, level, page=self._page)
        self._first_heading = self._first_heading or " ".join(text.split())

    def _after(self, paragraph: Element, depth: int) -> None:
        """Adds the text boxes anchored in a paragraph, and counts the page breaks in it."""
        for box in paragraph.iter(f"{DRAW}text-box"):
            self._blocks(box, depth + 1)
        if self._page is not None:
            self._page += sum(1 for _ in paragraph.iter(f"{TEXT}soft-page-break"))

    def _list(self, element: Element, level: int) -> None:
        if level > _MAX_DEPTH:
            return
        for item in element.iter(f"{TEXT}list-item", f"{TEXT}list-header"):
            if item.getparent() is not element:
                continue
            bullet = "• "
            for child in item:
                if child.tag in (f"{TEXT}p", f"{TEXT}h"):
                    text = self._text(child).strip()
                    if text and child.tag == f"{TEXT}h":
                        self._heading(child, int(child.get(f"{TEXT}outline-level", "1")))
                    elif text:
                        self._builder.list_item(bullet + text, level=level, page=self._page)
                    bullet = "  "
                elif child.tag == f"{TEXT}list":
                    self._list(child, level + 1)

    def _table(self, table: Element, depth: int) -> None:
        rows: list[list[str]] = []
        for row in table.iter(f"{TABLE}table-row"):
            if next(row.iterancestors(f"{TABLE}table")) is not table:
                continue
            cells: list[str] = []
            for cell in row:
                if cell.tag == f"{TABLE}covered-table-cell":
                    cells.append("")
                elif cell.tag == f"{TABLE}table-cell":
                    text = " ".join(filter(None, (self._text(line).strip() for line in _lines(cell))))
                    repeated = cell.get(f"{TABLE}number-columns-repeated", "1")
                    count = min(int(repeated), _MAX_REPEATED) if repeated.isdigit() and text else 1
                    cells.extend([text] * count)
            rows.append(cells)
        self._builder.table(Table.of_rows(rows), page=self._page)
        for inner in table.iter(f"{TABLE}table"):
            if inner is not table and next(inner.iterancestors(f"{TABLE}table")) is table and depth < _MAX_DEPTH:
                self._table(inner, depth + 1)

    def _text(self, element: Element) -> str:
        """Returns the visible text of a paragraph; its notes are put aside for the end."""
        parts: list[str] = [element.text or ""]
        for child in element:
            tag = child.tag
            if tag == f"{TEXT}s":
                count = child.get(f"{TEXT}c", "1")
                parts.append(" " * min(int(count) if count.isdigit() else 1, 100))
            elif tag == f"{TEXT}tab":
                parts.append("\t")
            elif tag == f"{TEXT}line-break":
                parts.append("\n")
            elif tag == f"{TEXT}note":
                parts.append(self._note(child))
            elif tag not in _DROPPED and isinstance(tag, str):
                parts.append(self._text(child))
            parts.append(child.tail or "")
        return "".join(parts)

    def _note(self, note: Element) -> str:
        mark = (
            "".join(note.find(f"{TEXT}note-citation").itertext())
            if note.find(f"{TEXT}note-citation") is not None
            else ""
        )
        body = note.find(f"{TEXT}note-body")
        text = "\n".join(self._text(line).strip() for line in body.iter(f"{TEXT}p")) if body is not None else ""
        self._notes.append(f"[{mark}] {text}" if mark else text)
        return f"[{mark}]" if mark else ""

    def _describe(self) -> None:
        title = (self._meta.findtext(f".//{_DC}title") or "").strip() if self._meta is not None else ""
        author = (self._meta.findtext(f".//{_META}initial-creator") or "") if self._meta is not None else ""
        if author.strip():
            self._builder.metadata["author"] = author.strip()
        self._builder.title = title or self._first_heading


def _lines(cell: Element) -> list[Element]:
    """Returns the paragraphs of a cell, without those of tables inside it."""
    lines = cell.iter(f"{TEXT}p", f"{TEXT}h")
    return [line for line in lines if next(line.iterancestors(f"{TABLE}table-cell"), None) is cell]
