"""Parses OpenDocument texts (.odt, .ott, .fodt): headings, paragraphs, lists, tables, notes, comments, margins.

Lists and headings carry the numbers that are shown. Deleted and hidden text is left out; footnotes come at the end,
text boxes, charts and comments behind the paragraph they are anchored in. Pages are counted where the writing
program left its soft page breaks.
"""

import zipfile
from pathlib import Path

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.left_out import LeftOut
from rag.parsers.odf.odt_numbering import Counter, ListStyles
from rag.parsers.odf.odt_objects import Objects
from rag.parsers.odf.odt_styles import Looks
from rag.parsers.odf.odt_text import OdtText, own_lines
from rag.parsers.odf.table import table_of
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_limits import open_zip
from rag.parsers.zip_xml import Element, parse_part, read_part
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
        f"{DRAW}text-box",
        f"{TABLE}table",
        f"{OFFICE}forms",
    }
)
_CONTENTS = frozenset(
    f"{TEXT}{kind}" for kind in ("table-of-content", "illustration-index", "table-index", "object-index", "user-index")
)
_CONTENTS |= {f"{TEXT}alphabetical-index"}


def parse(path: Path) -> ParsedDocument:
    """Parses a document. Raises ReadError for a broken or protected container."""
    return open_odf(path, OdfWalker)


def open_odf(path: Path, walker: "type[OdfWalker]") -> ParsedDocument:
    """Opens a packed or flat OpenDocument file and has it walked."""
    with path.open("rb") as file:
        packed = file.read(4).startswith(b"PK")
    if not packed:
        root = parse_part(path.read_bytes())
        return walker(root, root, root, None).document()
    with open_zip(path) as archive:
        names = set(archive.namelist())
        if "META-INF/manifest.xml" in names:
            manifest = read_part(archive, "META-INF/manifest.xml")
            if next(manifest.iter(f"{_MANIFEST}encryption-data"), None) is not None:
                raise ReadError(
                    "The document is protected by a password.", "Save a copy without the password and add that."
                )
        styles = read_part(archive, "styles.xml") if "styles.xml" in names else None
        meta = read_part(archive, "meta.xml") if "meta.xml" in names else None
        return walker(read_part(archive, "content.xml"), styles, meta, archive).document()


class OdfWalker:
    """Walks the content in order. ``archive`` is None for a flat file, whose root holds everything."""

    media_type = MEDIA_TYPE
    on_paper = True
    """Whether text stands on white where no style gives it a ground."""

    def __init__(
        self, content: Element, styles: Element | None, meta: Element | None, archive: zipfile.ZipFile | None
    ) -> None:
        self._content, self._styles, self._meta = content, styles, meta
        roots = [root for root in (styles, content) if root is not None]
        self._builder = DocumentBuilder(media_type=self.media_type)
        self._left_out = LeftOut()
        self._lists = ListStyles(roots)
        self._looks = Looks(roots, on_paper=self.on_paper)
        self._objects = Objects(content, archive, self._builder, self._left_out)
        self._reader = OdtText(self._looks, self._objects)
        self._counters: dict[str, Counter] = {}
        self._page: int | None = None
        self._first_heading = ""
        self._contents = 0

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
        for note in self._reader.notes:
            self._builder.add("note", note)
        self._margins("footer")
        return self._finished()

    def _finished(self) -> ParsedDocument:
        """Returns the document, with what was left out said."""
        self._builder.add("note", "; ".join(dict.fromkeys(self._reader.readings)))
        self._describe()
        if self._reader.hidden:
            self._builder.warn("Hidden text was left out.")
        if left_out := self._left_out.warning():
            self._builder.warn(left_out)
        return self._builder.build()

    def _margins(self, kind: str) -> None:
        said: set[str] = set()
        for margin in self._styles.iter(f"{STYLE}{kind}") if self._styles is not None else ():
            lines = (self._reader.read(line).text for line in own_lines(margin))
            text = "\n".join(filter(None, lines))
            if text not in said and any(map(str.isalpha, text)):
                said.add(text)
                self._builder.add("margin", text)

    def _blocks(self, parent: Element, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._builder.leave_out_nested("Parts")
            return
        for child in parent:
            tag = child.tag
            if tag == f"{TEXT}h":
                self._heading(child, depth)
            elif tag == f"{TEXT}p":
                self._paragraph(child, depth)
            elif tag == f"{TEXT}list":
                self._list(child, 1, None, depth)
            elif tag == f"{TABLE}table":
                self._table(child, depth)
            elif tag == f"{TEXT}soft-page-break":
                self._page = (self._page or 1) + 1
            elif tag == f"{TEXT}section" and child.get(f"{TEXT}display", "true") != "true":
                # A condition counts as the writing program left it.
                if child.get(f"{TEXT}display") == "none" or child.get(f"{TEXT}is-hidden", "false") == "true":
                    self._reader.hidden += 1
                else:
                    self._blocks(child, depth + 1)
            elif tag in _CONTENTS:
                self._contents += 1
                self._blocks(child, depth + 1)
                self._contents -= 1
            elif tag == f"{DRAW}frame":
                self._drawn(child, depth)
            elif tag not in _DROPPED and isinstance(tag, str) and not tag.endswith("-source"):
                self._blocks(child, depth + 1)

    def _paragraph(self, paragraph: Element, depth: int, mark: str = "", level: int | None = None) -> None:
        """``mark`` is the number or bullet before it, ``level`` its depth in a list; None outside of lists."""
        read = self._reader.read(paragraph)
        text = f"{mark} {read.text}" if mark and read.text else read.text
        name = self._looks.outline_name(paragraph.get(f"{TEXT}style-name", ""))
        if self._contents:
            self._builder.add("contents", text, page=self._page)
        elif name == "Title" and level is None:
            self._add_heading(text, 1)
        elif level is not None and mark:
            self._builder.list_item(text, level=level, page=self._page)
        else:
            self._builder.add("caption" if name == "Caption" else "paragraph", text, page=self._page)
        self._after(paragraph, read.comments, depth)

    def _heading(self, heading: Element, depth: int, mark: str = "") -> None:
        given = heading.get(f"{TEXT}outline-level", "1")
        level = whole_number(given, 1)
        if not mark and heading.get(f"{TEXT}is-list-header", "false") != "true":
            mark = self._lists.heading(level, _restart(heading))
        read = self._reader.read(heading)
        text = read.text
        mark = "" if mark == "•" else mark
        if self._contents:
            self._builder.add("contents", text, page=self._page)
        elif text:
            self._add_heading(text, level, mark)
        self._after(heading, read.comments, depth)

    def _add_heading(self, text: str, level: int, mark: str = "") -> None:
        self._builder.heading(f"{mark} {text}" if mark else text, level, page=self._page)
        self._first_heading = self._first_heading or " ".join(text.split())

    def _after(self, paragraph: Element, comments: tuple[str, ...], depth: int) -> None:
        """Adds the boxes, drawings and comments anchored in a paragraph, and counts the page breaks in it."""
        for element in paragraph.iter(f"{DRAW}frame", f"{DRAW}custom-shape"):
            inner = next(element.iterancestors(f"{DRAW}text-box", f"{DRAW}custom-shape", f"{TEXT}note"), None)
            if inner is None or paragraph not in inner.iterancestors():
                self._drawn(element, depth)
        for comment in comments:
            self._builder.add("note", comment, page=self._page)
        if self._page is not None:
            self._page += sum(1 for _ in paragraph.iter(f"{TEXT}soft-page-break"))

    def _drawn(self, element: Element, depth: int) -> None:
        if element.tag == f"{DRAW}custom-shape":
            self._blocks(element, depth + 1)
            return
        boxes = element.findall(f"{DRAW}text-box")
        for box in boxes:
            self._blocks(box, depth + 1)
        tables = element.findall(f"{TABLE}table")  # on a slide
        for table in tables:
            self._table(table, depth)
        if not boxes and not tables:
            self._objects.add(element, self._page)

    def _list(self, element: Element, level: int, counter: Counter | None, depth: int) -> None:
        if level > _MAX_DEPTH:
            self._builder.leave_out_nested("Lists")
            return
        counter = counter or self._counter(element)
        for item in element:
            if item.tag not in (f"{TEXT}list-item", f"{TEXT}list-header"):
                continue
            begun = item.tag == f"{TEXT}list-header"
            for child in item:
                if child.tag in (f"{TEXT}p", f"{TEXT}h"):
                    mark = "" if begun else self._lists.item(counter, level, _restart(item))
                    begun = True
                    if child.tag == f"{TEXT}h":
                        self._heading(child, depth, mark)
                    else:
                        self._paragraph(child, depth, mark, level - 1)
                elif child.tag == f"{TEXT}list":
                    style = child.get(f"{TEXT}style-name", "")
                    own = style and style != counter.style
                    self._list(child, level + 1, Counter(style, dict(counter.numbers)) if own else counter, depth)
                elif child.tag == f"{TABLE}table":
                    self._table(child, depth)

    def _counter(self, element: Element) -> Counter:
        """Returns the counter of an outermost list: a new one, or that of the list that it continues."""
        style = str(element.get(f"{TEXT}style-name", ""))
        identifier = str(element.get("{http://www.w3.org/XML/1998/namespace}id", ""))
        continued = str(element.get(f"{TEXT}continue-list", ""))
        if continued:
            counter = self._counters.get(continued)
        elif element.get(f"{TEXT}continue-numbering", "false") == "true":
            counter = self._counters.get(f"style {style}")
        else:
            counter = None
        counter = counter or Counter(style)
        self._counters[f"style {style}"] = counter
        if identifier:
            self._counters[identifier] = counter
        return counter

    def _table(self, table: Element, depth: int) -> None:
        comments: list[str] = []

        def read(cell: Element) -> str:
            lines = [self._reader.read(line, framed=True) for line in own_lines(cell)]
            comments.extend(comment for line in lines for comment in line.comments)
            return " ".join(filter(None, (line.text for line in lines)))

        self._builder.table(table_of(table, read), page=self._page)
        for comment in comments:
            self._builder.add("note", comment, page=self._page)
        for inner in table.iter(f"{TABLE}table", f"{DRAW}frame"):
            around = next(inner.iterancestors(f"{TABLE}table", f"{DRAW}text-box"), None)
            if inner is table or around is not table:
                continue
            if depth >= _MAX_DEPTH:
                self._builder.leave_out_nested("Tables")
            elif inner.tag == f"{TABLE}table":
                self._table(inner, depth + 1)
            else:
                self._drawn(inner, depth + 1)

    def _describe(self) -> None:
        title = (self._meta.findtext(f".//{_DC}title") or "").strip() if self._meta is not None else ""
        author = (self._meta.findtext(f".//{_META}initial-creator") or "") if self._meta is not None else ""
        if author.strip():
            self._builder.metadata["author"] = author.strip()
        self._builder.title = title or self._first_heading


def _restart(element: Element) -> int | None:
    """Returns the number at which a heading or an item begins anew, None where it goes on."""
    start = element.get(f"{TEXT}start-value", "")
    return whole_number(start, 1 if element.get(f"{TEXT}restart-numbering", "false") == "true" else None)
