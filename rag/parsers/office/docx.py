"""Parses Word documents (.docx, .docm, .dotx, .dotm): headings, paragraphs, lists, tables, notes, headers and footers.

Body order is kept. Deleted text (tracked changes) and comments are left out, text boxes follow the paragraph they
are anchored in, footnotes and endnotes come at the end, headers and footers once each. Pages are known only
where Word left its marks of the last printing. The container's XML is parsed without entities.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.office.docx_styles import Styles
from rag.parsers.table import Table
from rag.parsers.zip_limits import open_zip
from rag.parsers.zip_xml import Element, parse_part
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT_W = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
_PLAIN_W = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_DC_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_MAX_DEPTH = 40
"""Of tables within tables and text boxes within text boxes."""

# A move's source stands here only as a memory; its text is where it was moved to.
_DROPPED = frozenset({f"{W}del", f"{W}moveFrom", f"{W}instrText", f"{W}delText", f"{W}rPr", f"{W}pPr", _FALLBACK})
_WRAPPERS = frozenset({f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}moveTo", f"{W}customXml", f"{W}smartTag"})


def parse(path: Path) -> ParsedDocument:
    """Parses a document. Raises ReadError for a broken or protected container."""
    with open_zip(path) as archive:
        return _Walker(archive).document()


class _Walker:
    """Walks the parts of one document in order."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        self._main = self._main_part()
        self._folder = self._main.rpartition("/")[0]
        self._styles = Styles(self._optional("styles.xml"), self._optional("numbering.xml"))
        self._builder = DocumentBuilder(media_type=MEDIA_TYPE)
        self._page: int | None = None
        self._first_heading = ""

    def document(self) -> ParsedDocument:
        root = self._part(self._main)
        body = root.find(f"{W}body")
        if body is None:
            raise ReadError("The document is damaged: it has no body.", "Open it in Word and save it again.")
        if next(body.iter(f"{W}lastRenderedPageBreak"), None) is not None:
            self._page = 1
        self._margins("header")
        self._blocks(body, 0)
        self._page = None
        for name in ("footnotes", "endnotes"):
            self._notes(name)
        self._margins("footer")
        self._properties()
        return self._builder.build()

    def _main_part(self) -> str:
        relationships = "_rels/.rels"
        if relationships in self._names:
            for relationship in self._part(relationships):
                if str(relationship.get("Type", "")).endswith("/officeDocument"):
                    target = str(relationship.get("Target", "")).lstrip("/")
                    if target in self._names:
                        return target
        if "word/document.xml" in self._names:
            return "word/document.xml"
        raise ReadError("The document is damaged: its main part is missing.", "Open it in Word and save it again.")

    def _part(self, name: str) -> Element:
        # Documents of the strict flavour differ in the names of their namespaces only.
        return parse_part(self._archive.read(name).replace(_STRICT_W, _PLAIN_W))

    def _optional(self, name: str) -> Element | None:
        full = f"{self._folder}/{name}" if self._folder else name
        return self._part(full) if full in self._names else None

    def _margins(self, kind: str) -> None:
        said: set[str] = set()
        for name in sorted(self._names):
            if name.startswith(f"{self._folder}/{kind}") and name.endswith(".xml"):
                lines = (self._text(paragraph).strip() for paragraph in self._part(name).iter(f"{W}p"))
                text = "\n".join(line for line in lines if line)
                if text and text not in said:
                    said.add(text)
                    self._builder.add("margin", text)

    def _notes(self, name: str) -> None:
        root = self._optional(f"{name}.xml")
        for note in root if root is not None else ():
            if note.get(f"{W}type") in ("separator", "continuationSeparator", "continuationNotice"):
                continue
            text = "\n".join(filter(None, (self._text(paragraph).strip() for paragraph in note.iter(f"{W}p"))))
            if text:
                number = note.get(f"{W}id", "")
                self._builder.add("note", f"[{number}] {text}" if number else text)

    def _blocks(self, parent: Element, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._builder.warn("Tables nested too deep were left out.")
            return
        for child in parent:
            if child.tag == f"{W}p":
                self._paragraph(child, depth)
            elif child.tag == f"{W}tbl":
                self._table(child, depth)
            elif child.tag in _WRAPPERS:
                self._blocks(child, depth + 1)

    def _paragraph(self, paragraph: Element, depth: int) -> None:
        begins_on = self._page
        if self._page is not None:
            runs = list(paragraph.iter(f"{W}lastRenderedPageBreak", f"{W}t"))
            first_text = next((index for index, run in enumerate(runs) if run.tag == f"{W}t"), len(runs))
            begins_on = self._page + sum(run.tag != f"{W}t" for run in runs[:first_text])
            self._page += sum(run.tag != f"{W}t" for run in runs)
        text = self._text(paragraph).strip()
        style = self._styles.of(paragraph)
        if text and style.heading:
            self._builder.heading(text, style.heading, page=begins_on)
            self._first_heading = self._first_heading or text
        elif text and style.listed:
            self._builder.list_item(f"{style.bullet} {text}", level=style.depth, page=begins_on)
        elif text:
            self._builder.add("caption" if style.caption else "paragraph", text, page=begins_on)
        for box in self._text_boxes(paragraph):
            self._blocks(box, depth + 1)

    def _text_boxes(self, paragraph: Element) -> Iterator[Element]:
        for box in paragraph.iter(f"{W}txbxContent"):
            ancestors = [ancestor.tag for ancestor in box.iterancestors()]
            inner = ancestors[: ancestors.index(paragraph.tag)] if paragraph.tag in ancestors else ancestors
            # The same box is stored twice for old programs; one in a box comes with that box.
            if _FALLBACK not in inner and f"{W}txbxContent" not in inner and box.getparent() is not None:
                yield box

    def _table(self, table: Element, depth: int) -> None:
        rows: list[list[str]] = []
        inner: list[Element] = []
        for row in _descend(table, f"{W}tr"):
            cells: list[str] = []
            for cell in _descend(row, f"{W}tc"):
                merged = cell.find(f"{W}tcPr/{W}vMerge")
                if merged is not None and merged.get(f"{W}val", "continue") == "continue":
                    cells.append("")
                    continue
                lines = [self._text(paragraph).strip() for paragraph in _descend(cell, f"{W}p")]
                cells.append(" ".join(filter(None, lines)))
                inner.extend(_descend(cell, f"{W}tbl"))
                for paragraph in _descend(cell, f"{W}p"):
                    inner.extend(self._text_boxes(paragraph))
            rows.append(cells)
        if max((len(row) for row in rows), default=0) <= 1:
            # A frame around text, not a table.
            for row in _descend(table, f"{W}tr"):
                for cell in _descend(row, f"{W}tc"):
                    self._blocks(cell, depth + 1)
            return
        begins_on = self._page
        if self._page is not None:
            self._page += sum(1 for _ in table.iter(f"{W}lastRenderedPageBreak"))
        self._builder.table(Table.of_rows(rows), page=begins_on)
        for element in inner:
            if element.tag == f"{W}tbl":
                self._table(element, depth + 1) if depth < _MAX_DEPTH else None
            else:
                self._blocks(element, depth + 1)

    def _text(self, element: Element) -> str:
        """Returns the visible text of a paragraph, without that of the text boxes anchored in it."""
        parts: list[str] = []
        stack = list(reversed(element))
        while stack:
            node = stack.pop()
            tag = node.tag
            if tag in (f"{W}t", _MATH_TEXT):
                parts.append(node.text or "")
            elif tag in (f"{W}tab", f"{W}ptab"):
                parts.append("\t")
            elif tag in (f"{W}br", f"{W}cr"):
                parts.append("\n")
            elif tag == f"{W}noBreakHyphen":
                parts.append("-")
            elif tag == f"{W}sym":
                parts.append(_symbol(node))
            elif tag in (f"{W}footnoteReference", f"{W}endnoteReference"):
                parts.append(f"[{node.get(f'{W}id', '')}]")
            elif tag != f"{W}txbxContent" and tag not in _DROPPED and isinstance(tag, str):
                stack.extend(reversed(node))
        return "".join(parts)

    def _properties(self) -> None:
        title = ""
        if "docProps/core.xml" in self._names:
            core = self._part("docProps/core.xml")
            title = (core.findtext(_DC_TITLE) or "").strip()
            creator = (core.findtext(_DC_CREATOR) or "").strip()
            if creator:
                self._builder.metadata["author"] = creator
        generic = title.lower() in ("", "untitled", "document", "word document", "microsoft word document")
        self._builder.title = self._first_heading if generic else title


def _descend(parent: Element, tag: str) -> Iterator[Element]:
    """Yields the children of ``tag``, also those inside content controls and insertions."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _descend(child, tag)


def _symbol(node: Element) -> str:
    """Returns the character of a symbol font as text: bullets and ticks there have no meaning as letters."""
    try:
        code = int(node.get(f"{W}char", ""), 16)
    except ValueError:
        return ""
    return "•" if 0xF000 <= code <= 0xF0FF else chr(code) if 0x20 <= code < 0xD800 else ""
