"""Parses web pages into what a person would read on them, in order. Nothing is loaded and no script runs.

Scripts, styles, navigation, hidden elements and pictures are left out (alternative texts stay); closed panels of
accordions and tabs are read, and so is what a form was filled in with. Footers become margin blocks, readings printed
over characters a note at the end.
``add_html`` adds a page or fragment to any builder (e-mails, books).
"""

import html
import re
from collections.abc import Container, Sequence
from pathlib import Path

from lxml import etree
from lxml import html as lxml_html

from rag.errors import ReadError, SkippedError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.encodings.decode import decode, decode_declared
from rag.parsers.markup.html_form import write_form_values
from rag.parsers.markup.html_hidden import HiddenElements, is_note
from rag.parsers.markup.html_inline import rewrite_inline
from rag.parsers.markup.html_table import is_layout, table_of
from rag.parsers.markup.list_marks import ListMarks
from rag.types import ParsedDocument

_DROPPED_TAGS = (
    "script style template noscript nav svg iframe object embed canvas audio video map select option input "
    "textarea datalist head applet frameset ix:header"
)
_BLOCK_TAGS = (
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form header hgroup hr html legend li main menu ol p section summary table tbody td tfoot th thead tr ul"
)
_DROPPED = frozenset(_DROPPED_TAGS.split())
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_LISTS = ("ul", "ol", "menu", "dir")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\A\s*<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]{2,40})", re.IGNORECASE)
# Written so that the single spaces of ordinary text do not match: they stay as they are.
_SPACES = re.compile(r"[ \t\r\n\f\v]{2,}|[\t\r\n\f\v]")
_SPACES_BUT_BREAKS = re.compile(r"[ \t\f\v\u00a0]{2,}|[\t\f\v\u00a0]")
_AROUND_BREAK = re.compile(r" *\n *")
_UNREAD = re.compile(
    r"<!--.*?(?:-->|\Z)|<(head|script|style|template|noscript)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>")
_START_TAG = re.compile(r"""(<[a-zA-Z][\w:-]{0,100}+)((?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+)""")
_ATTRIBUTE = re.compile(r"""[^\s"'>/=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'>]++))?+""")
_LONG_TAG = 4_000  # characters; only then attributes are counted
_MOST_ATTRIBUTES = 500
_META_BYTES = 4_096
_MAX_ALT_CHARS = 500
_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?)", re.IGNORECASE)


def parse(path: Path) -> ParsedDocument:
    data = path.read_bytes()
    match = _META_CHARSET.search(data[:_META_BYTES]) or _XML_ENCODING.search(data[:_META_BYTES])
    decoded = decode_declared(data, match[1].decode("ascii")) if match else decode(data)
    builder = DocumentBuilder(media_type="text/html")
    builder.metadata["encoding"] = decoded.encoding
    if decoded.warning:
        builder.warn(decoded.warning)
    builder.title = add_html(builder, decoded.text) or path.stem
    return builder.build()


def add_html(builder: DocumentBuilder, markup: str, sheets: Sequence[str] = ()) -> str:
    """Adds the readable text of a page or fragment; returns its title, "" without one. ``sheets`` are the style sheets
    that it links to."""
    root, is_whole = _parse(markup)
    if root is None:
        return ""
    # Pages that a script would have shown are hidden as a whole.
    hidden = HiddenElements(root, sheets)
    write_form_values(root)
    _drop_hidden_cells(root, hidden)
    readings = rewrite_inline(root)
    if is_whole and (_walk(builder, root, hidden) or _walk(builder, root, frozenset())):
        builder.add("note", "; ".join(readings))
    else:
        _add_bare_text(builder, markup)
    for tag in ("title", "h1"):
        for element in root.iter(tag):
            title = one_line("".join(map(str, element.itertext())))
            if title:
                return title
    return ""


def text_of_html(markup: str) -> str:
    """Returns the readable text of a fragment, blocks on lines of their own."""
    builder = DocumentBuilder(media_type="text/html")
    add_html(builder, markup)
    try:
        return builder.build().text
    except SkippedError:
        return ""


def _parse(markup: str) -> tuple[etree._Element | None, bool]:
    """The root of a page, None without any element, and whether everything stands below it: behind the place where
    elements are nested too deep libxml2 reads nothing."""
    # A declared encoding no longer holds for decoded text, and NUL would end the document.
    markup = _START_TAG.sub(_fewer_attributes, _XML_DECLARATION.sub("", markup).replace("\x00", " "))
    # UTF-8 bytes, because lone surrogates and huge strings are handled by size, not by code point.
    parser = lxml_html.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True
    )
    try:
        root = lxml_html.document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # lxml's word for a document without any element
        return None, True
    except etree.XMLSyntaxError as error:
        raise ReadError(f"The page could not be parsed: {error.msg}.") from error
    return root, not any("depth" in entry.message for entry in parser.error_log)


def _fewer_attributes(tag: re.Match[str]) -> str:
    """A long tag with its first attributes: libxml2 compares each attribute of a tag with all others."""
    if tag.end() - tag.start() < _LONG_TAG:
        return tag[0]
    kept = tag[1]
    for number, attribute in enumerate(_ATTRIBUTE.finditer(tag[2])):
        if number == _MOST_ATTRIBUTES:
            return kept + tag[2][: attribute.start()]
    return tag[0]


def _add_bare_text(builder: DocumentBuilder, markup: str) -> None:
    """Adds the text between the tags, for pages nested so deep that lxml drops their contents."""
    text = html.unescape(_TAG.sub("\n", _UNREAD.sub("", markup)))
    for line in text.split("\n"):
        builder.paragraph(line)
    if text.strip():
        builder.warn("The page is nested too deep to follow its structure; only its text was read.")


class _Flow:
    """Collects inline text and hands it to the builder as one block when a block element begins or ends."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self.builder = builder
        self.added = False
        self.footers = 0
        self.notes = 0
        self.lists: list[ListMarks] = []  # open ones, innermost last
        self.mark = ""
        self.heading = 0
        self.preformatted = 0
        self._pieces: list[str] = []

    def write(self, text: str | None) -> None:
        if text:
            self._pieces.append(text if self.preformatted else _SPACES.sub(" ", text))

    def line_break(self) -> None:
        self._pieces.append("\n")

    def flush(self) -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        if not text.strip():
            return
        self.added = True
        if self.preformatted:
            self.builder.add("code", text.strip("\n"))
            return
        text = _AROUND_BREAK.sub("\n", _SPACES_BUT_BREAKS.sub(" ", text))
        if self.heading:
            self.builder.heading(text, self.heading)
        elif self.footers:
            self.builder.add("margin", text)
        elif self.notes:
            self.builder.add("note", text.strip())
        elif self.lists:
            self.builder.list_item("  " * (len(self.lists) - 1) + self.mark + text.strip(), level=len(self.lists))
            self.mark = ""
        else:
            # Two line breaks are how old pages end a paragraph.
            for paragraph in text.split("\n\n"):
                self.builder.paragraph(paragraph)

    def open_item(self, item: etree._Element) -> None:
        if not self.lists:
            self.lists.append(ListMarks(None))
        self.mark = self.lists[-1].mark_of(item)


def _drop_hidden_cells(root: etree._Element, hidden: Container[etree._Element]) -> None:
    """Takes rows, cells and words that nobody sees out of tables, which are read as a whole."""
    for table in [one for one in root.iter("table") if next(one.iterancestors("table"), None) is None]:
        for element in [one for one in table.iterdescendants() if one in hidden]:
            element.drop_tree()


def _walk(builder: DocumentBuilder, root: etree._Element, hidden: Container[etree._Element]) -> bool:
    """Adds the blocks of an element but what is hidden; tells whether there were any. Iterative, so that depth costs
    nothing.
    """
    flow = _Flow(builder)
    walker = etree.iterwalk(root, events=("start", "end"))
    skipped: set[etree._Element] = set()
    for event, element in walker:
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if tag in _DROPPED or element.get("role") == "navigation" or element in hidden or _is_control(element):
                walker.skip_subtree()
                skipped.add(element)
            elif tag == "table" and not is_layout(element):
                flow.flush()
                found = table_of(element)
                if found.cells or found.caption:
                    builder.table(found)
                    flow.added = True
                walker.skip_subtree()
                skipped.add(element)
            else:
                _open(flow, element, tag)
        else:
            if element in skipped:
                skipped.discard(element)
            else:
                _close(flow, element, tag)
            if element is not root:
                flow.write(element.tail)
    flow.flush()
    return flow.added


def _open(flow: _Flow, element: etree._Element, tag: str) -> None:
    if tag in _BLOCKS or tag in _HEADINGS or tag == "pre":
        flow.flush()
    flow.notes += is_note(element)
    if tag in _HEADINGS:
        flow.heading = _HEADINGS[tag]
    elif tag == "pre":
        flow.preformatted += 1
    elif tag in _LISTS:
        flow.lists.append(ListMarks(element))
    elif tag == "li":
        flow.open_item(element)
    elif tag == "footer":
        flow.footers += 1
    elif tag == "br":
        flow.line_break()
    elif tag == "img":
        alt = one_line(element.get("alt") or "")
        if 0 < len(alt) <= _MAX_ALT_CHARS and not _FILE_NAME.fullmatch(alt) and not alt.startswith("data:"):
            flow.write(f" {alt} ")
    elif tag == "q":
        flow.write("“")
    elif tag == "button":
        flow.write(" ")
    flow.write(element.text)


def _close(flow: _Flow, element: etree._Element, tag: str) -> None:
    if tag in _BLOCKS or tag in _HEADINGS or tag == "pre":
        flow.flush()
    flow.notes -= is_note(element)
    if tag in _HEADINGS:
        flow.heading = 0
    elif tag == "pre":
        flow.preformatted -= 1
    elif tag in _LISTS and flow.lists:
        flow.lists.pop()
    elif tag == "footer":
        flow.footers -= 1
    elif tag == "q":
        flow.write("”")
    elif tag == "button":
        flow.write(" ")


def _is_control(element: etree._Element) -> bool:
    """Tells whether an element only works the page: a button, unless it is a heading's or opens a panel."""
    if element.tag != "button":
        return False
    above = [ancestor.tag for ancestor in element.iterancestors()]
    opens = element.get("aria-expanded") is not None or element.get("aria-controls") is not None
    return not (opens or element.get("role") == "tab" or any(tag in _HEADINGS or tag == "dt" for tag in above))
