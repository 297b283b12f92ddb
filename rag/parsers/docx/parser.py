"""Parses Word documents (.docx, .docm, .dotx, .dotm): headings, paragraphs, lists, tables, notes, comments, drawings.

Body order is kept, and lists and headings carry the numbers that Word shows. Deleted and hidden text is left out; text
boxes, charts, diagrams and comments follow the paragraph they are anchored in, footnotes and endnotes come at the end,
headers and footers once each. Pages are known only where Word left its marks of the last printing. The container's XML
is parsed without entities.
"""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.docx.chunks import add_chunk
from rag.parsers.docx.notes import Comments, Notes
from rag.parsers.docx.styles import ParagraphStyle, Styles
from rag.parsers.docx.table import table_of
from rag.parsers.docx.text import FALLBACK, TextReader, is_placeholder
from rag.parsers.left_out import LeftOut
from rag.parsers.office.drawn import DRAWN, Drawings
from rag.parsers.office.ooxml import RELATIONSHIPS, Package
from rag.parsers.zip_limits import open_zip
from rag.parsers.zip_xml import Element
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_DC_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_MAX_DEPTH = 40
"""Of tables within tables and text boxes within text boxes."""
_WRAPPERS = frozenset({f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}moveTo", f"{W}customXml", f"{W}smartTag"})


def parse(path: Path) -> ParsedDocument:
    """Parses a document. Raises ReadError for a broken or protected container."""
    with open_zip(path) as archive:
        return parse_package(Package(archive))


def parse_package(package: Package) -> ParsedDocument:
    """Parses the document of an open package. Raises ReadError where it holds none."""
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    walker = DocxWalker(package, builder)
    walker.add_document()
    walker.add_properties()
    return builder.build()


class DocxWalker:
    """Walks the parts of one document in order and adds them to a builder."""

    def __init__(self, package: Package, builder: DocumentBuilder, depth: int = 0) -> None:
        """``depth`` counts the documents that this one is inserted in."""
        self._package = package
        self._builder = builder
        self._depth = depth
        self._main = self._main_part()
        self._folder = self._main.rpartition("/")[0]
        self._styles = Styles(self._optional("styles"), self._optional("numbering"))
        self._notes = Notes(package, self._main)
        self._reader = TextReader(self._styles, self._notes.mark)
        self._comments = Comments(package, self._main, self._plain)
        self._left_out = LeftOut()
        self._drawings = Drawings(package, builder, self._left_out)
        self._page: int | None = None
        self._first_heading = ""
        self._carried = ""
        self._contents = 0

    def add_document(self) -> None:
        root = self._package.root(self._main)
        body = root.find(f"{W}body")
        if body is None:
            raise ReadError("The document is damaged: it has no body.", "Open it in Word and save it again.")
        if next(body.iter(f"{W}lastRenderedPageBreak"), None) is not None:
            self._page = 1
        self._margins(body, "header")
        self._blocks(body, 0)
        self._flush()
        self._page = None
        for note in self._notes.shown(self._plain):
            self._builder.add("note", f"[{note.mark}] {note.text}" if note.mark else note.text)
        self._margins(body, "footer")
        self._builder.add("note", "; ".join(dict.fromkeys(self._reader.readings)))
        if self._reader.hidden:
            self._builder.warn("Hidden text was left out.")
        if left_out := self._left_out.warning():
            self._builder.warn(left_out)

    def add_properties(self) -> None:
        """Takes title and author from the properties; a title that says nothing gives way to the first heading."""
        title = ""
        core = self._package.optional("docProps/core.xml")
        if core is not None:
            title = (core.findtext(_DC_TITLE) or "").strip()
            creator = (core.findtext(_DC_CREATOR) or "").strip()
            if creator:
                self._builder.metadata["author"] = creator
        generic = title.lower() in ("", "untitled", "document", "word document", "microsoft word document")
        self._builder.title = self._first_heading if generic else title

    def _main_part(self) -> str:
        main = self._package.main()
        if main is None and "word/document.xml" in self._package.names:
            main = "word/document.xml"
        if main is None:
            raise ReadError("The document is damaged: its main part is missing.", "Open it in Word and save it again.")
        return main

    def _optional(self, name: str) -> Element | None:
        related = self._package.related(self._main, name)
        return self._package.optional(related or f"{self._folder}/{name}.xml".lstrip("/"))

    def _margins(self, body: Element, kind: str) -> None:
        said: set[str] = set()
        relationships = self._package.relationships(self._main)
        for reference in _shown_margins(body, kind, self._optional("settings")):
            found = relationships.get(reference.get(f"{RELATIONSHIPS}id", ""))
            root = self._package.optional(found.target) if found is not None else None
            text = self._plain(root) if root is not None else ""
            if text not in said and any(map(str.isalpha, text)):
                said.add(text)
                self._builder.add("margin", text)

    def _plain(self, parent: Element) -> str:
        """Returns the lines of a note, a comment, a header: also those in tables and boxes."""
        reader = TextReader(self._styles, self._notes.mark)
        lines = (
            reader.read(paragraph, framed=True).text
            for paragraph in parent.iter(f"{W}p")
            if next(paragraph.iterancestors(FALLBACK), None) is None
        )
        return "\n".join(filter(None, lines))

    def _blocks(self, parent: Element, depth: int, framed: bool = False) -> None:
        if depth > _MAX_DEPTH:
            self._builder.leave_out_nested("Tables")
            return
        for child in parent:
            if child.tag == f"{W}p":
                self._paragraph(child, depth, framed)
            elif child.tag == f"{W}tbl":
                self._flush()
                self._table(child, depth)
            elif child.tag == f"{W}altChunk":
                self._flush()
                add_chunk(self._package, self._main, child, self._builder, self._depth, self._insert)
            elif child.tag == f"{W}sectPr":
                self._notes.section(child)
            elif child.tag == f"{W}sdt":
                self._control(child, depth, framed)
            elif child.tag in _WRAPPERS:
                self._blocks(child, depth + 1, framed)

    def _insert(self, package: Package) -> None:
        DocxWalker(package, self._builder, self._depth + 1).add_document()

    def _control(self, control: Element, depth: int, framed: bool) -> None:
        properties, content = control.find(f"{W}sdtPr"), control.find(f"{W}sdtContent")
        if content is None or (properties is not None and is_placeholder(properties)):
            return
        gallery = properties.find(f"{W}docPartObj/{W}docPartGallery") if properties is not None else None
        contents = gallery is not None and gallery.get(f"{W}val", "") == "Table of Contents"
        self._contents += contents
        self._blocks(content, depth + 1, framed)
        self._contents -= contents

    def _paragraph(self, paragraph: Element, depth: int, framed: bool = False) -> None:
        begins_on = self._page
        if self._page is not None:
            runs = list(paragraph.iter(f"{W}lastRenderedPageBreak", f"{W}t"))
            first_text = next((index for index, run in enumerate(runs) if run.tag == f"{W}t"), len(runs))
            begins_on = self._page + sum(run.tag != f"{W}t" for run in runs[:first_text])
            self._page += sum(run.tag != f"{W}t" for run in runs)
        section = paragraph.find(f"{W}pPr/{W}sectPr")
        read = self._reader.read(paragraph, framed=framed)
        text = self._carried + read.text
        self._carried = ""
        if paragraph.find(f"{W}pPr/{W}rPr/{W}del") is not None:
            # Its end was deleted: what is left of it goes on in the next paragraph.
            self._carried = text
        else:
            mark = paragraph.find(f"{W}pPr/{W}rPr/{W}vanish")
            style = self._styles.of(paragraph, shown=bool(text) or mark is None)
            if self._contents or read.in_contents or style.contents:
                self._builder.add("contents", text, page=begins_on)
            elif text:
                self._styled(text, style, begins_on)
        if section is not None:
            self._notes.section(section)
        self._anchored(paragraph, depth, begins_on)
        self._said(read.comments, begins_on)

    def _styled(self, text: str, style: ParagraphStyle, page: int | None) -> None:
        numbered = f"{style.number} {text}" if style.number else text
        if style.heading:
            self._builder.heading(numbered, style.heading, page=page)
            self._first_heading = self._first_heading or text
        elif style.listed:
            self._builder.list_item(numbered, level=style.depth, page=page)
        else:
            self._builder.add("caption" if style.caption else "paragraph", numbered, page=page)

    def _flush(self) -> None:
        self._builder.paragraph(self._carried, page=self._page)
        self._carried = ""

    def _said(self, comments: tuple[str, ...], page: int | None) -> None:
        for comment in self._comments.take(comments):
            self._builder.add("note", comment.written, page=page)

    def _anchored(self, paragraph: Element, depth: int, page: int | None) -> None:
        """Adds the text boxes, charts and diagrams anchored in a paragraph."""
        for element in _anchored_in(paragraph):
            if element.tag == f"{W}txbxContent":
                self._blocks(element, depth + 1, framed=True)
            else:
                self._drawings.add(element, self._main, page)

    def _table(self, table: Element, depth: int) -> None:
        inner: list[Element] = []
        if max((sum(1 for _ in _descend(row, f"{W}tc")) for row in _rows(table)), default=0) <= 1:
            # A frame around text, not a table.
            for row in _rows(table):
                for cell in _descend(row, f"{W}tc"):
                    self._blocks(cell, depth + 1, framed=True)
            return
        comments: list[str] = []

        def read(cell: Element) -> str:
            inner.extend(_descend(cell, f"{W}tbl"))
            for paragraph in _descend(cell, f"{W}p"):
                inner.extend(_anchored_in(paragraph))
            return self._cell(cell, comments)

        placed = table_of([(row, list(_descend(row, f"{W}tc"))) for row in _rows(table)], read)
        begins_on = self._page
        if self._page is not None:
            self._page += sum(1 for _ in table.iter(f"{W}lastRenderedPageBreak"))
        self._builder.table(placed, page=begins_on)
        self._said(tuple(comments), begins_on)
        for element in inner:
            if element.tag == f"{W}tbl" and depth < _MAX_DEPTH:
                self._table(element, depth + 1)
            elif element.tag == f"{W}tbl":
                self._builder.leave_out_nested("Tables")
            elif element.tag == f"{W}txbxContent":
                self._blocks(element, depth + 1, framed=True)
            else:
                self._drawings.add(element, self._main, begins_on)

    def _cell(self, cell: Element, comments: list[str]) -> str:
        """Returns the text of a cell, its numbered lines with their numbers."""
        lines: list[str] = []
        for paragraph in _descend(cell, f"{W}p"):
            read = self._reader.read(paragraph, framed=True)
            style = self._styles.of(paragraph)
            comments.extend(read.comments)
            lines.append(f"{style.number} {read.text}" if style.number and read.text else read.text)
        return " ".join(filter(None, lines))


def _shown_margins(body: Element, kind: str, settings: Element | None) -> Iterator[Element]:
    """Yields the references to headers or footers that some page shows."""
    even_and_odd = settings is not None and settings.find(f"{W}evenAndOddHeaders") is not None
    for section in body.iter(f"{W}sectPr"):
        title_page = section.find(f"{W}titlePg")
        first = title_page is not None and title_page.get(f"{W}val", "1") not in ("0", "false", "off")
        for reference in section.findall(f"{W}{kind}Reference"):
            on = {"first": first, "even": even_and_odd}.get(reference.get(f"{W}type", "default"), True)
            if on:
                yield reference


def _anchored_in(paragraph: Element) -> Iterator[Element]:
    """Yields the text boxes and drawings of a paragraph; one in a box comes with that box."""
    for element in paragraph.iter(f"{W}txbxContent", *DRAWN):
        inner = (one.tag for one in takewhile(lambda one: one is not paragraph, element.iterancestors()))
        # The same box is stored twice, for old programs too.
        if not {FALLBACK, f"{W}txbxContent", f"{W}del", f"{W}moveFrom"}.intersection(inner):
            yield element


def _rows(table: Element) -> Iterator[Element]:
    """Yields the rows of a table that are not deleted."""
    for row in _descend(table, f"{W}tr"):
        if row.find(f"{W}trPr/{W}del") is None:
            yield row


def _descend(parent: Element, tag: str) -> Iterator[Element]:
    """Yields the children of ``tag``, also those inside content controls and insertions."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _descend(child, tag)
