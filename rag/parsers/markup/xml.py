"""Parses XML of any vocabulary into text under its element paths, record by record, in bounded memory.

Elements become labels (a heading path), their titles headings; paragraphs stay paragraphs; small elements side by side
become one block of "name: value" lines, so that a record stands by itself. Attributes count where they carry words.
Documents that declare entities of text are refused: they can grow without bound or read other files. Nothing is loaded.
"""

import itertools
import re
from collections.abc import Iterator
from html.entities import html5
from pathlib import Path
from xml.parsers import expat

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.encodings.decode import decode
from rag.types import ParsedDocument

_READ_BYTES = 1 << 16
_LONG_VALUE_CHARS = 200  # from here on a value is prose, not a field
_MAX_FIELDS = 20  # fields without an element around them are cut into blocks of this many
_MAX_LABEL_DEPTH = 6
_MAX_TITLE_DEPTH = 4  # a title further in is that of a part
_MAX_DEPTH = 10_000
_MAX_ATTRIBUTE_CHARS = 2_000
_MAX_ATTRIBUTES = 500  # of one element: a record has fewer, and more are data of a program that nobody asks for by name

_INLINE = frozenset(
    (
        *(
            "a",
            "abbr",
            "acronym",
            "b",
            "big",
            "br",
            "citetitle",
            "cite",
            "code",
            "dfn",
            "del",
            "em",
            "emph",
            "emphasis",
        ),
        *("filename", "font", "foreign", "hi", "i", "ins", "italic", "bold", "kbd", "lb", "link", "literal", "mark"),
        *(
            "mentioned",
            "note-ref",
            "option",
            "persname",
            "phrase",
            "placename",
            "q",
            "quote",
            "ref",
            "replaceable",
            "rs",
        ),
        *(
            "s",
            "sc",
            "small",
            "soCalled",
            "span",
            "strong",
            "sub",
            "subscript",
            "sup",
            "superscript",
            "term",
            "tt",
            "u",
        ),
        *("ulink", "underline", "uri", "userinput", "var", "xref"),
    )
)
_PARAGRAPHS = frozenset(("p", "para", "paragraph", "simpara", "l", "line", "v", "verse"))
_PROSE = _PARAGRAPHS | {"abstract", "description", "summary", "content"}
_TITLES = frozenset(("title", "head", "heading", "headline", "subtitle", "h1", "h2", "h3", "h4", "h5", "h6"))
_CODE = frozenset(("programlisting", "screen", "literallayout", "codeblock", "pre"))
# Elements that only group others; as headings they would say nothing.
_WRAPPERS = frozenset(
    ("body", "text", "div", "itemizedlist", "orderedlist", "variablelist", "listitem", "varlistentry", "lg", *_CODE)
)
_TEXT_ATTRIBUTES = frozenset(
    (
        "title",
        "name",
        "label",
        "alt",
        "summary",
        "description",
        "desc",
        "caption",
        "text",
        "content",
        "value",
        "term",
        "key",
    )
)
_TECHNICAL_ATTRIBUTES = frozenset(("id", "class", "style", "space", "lang", "base", "schemaLocation", "xmlns", "type"))
_INVENTORY = re.compile(r"(?=[^\d]*[A-Z])[A-Z\d]{1,8}(?:[-/.][A-Z\d]{1,8}){1,4}")  # an id that people use: "GR-014"
_LOOKS_LIKE_HTML = re.compile(r"</?(?:p|br|a|div|span|b|i|em|strong|img|ul|ol|li|h[1-6]|table)\b[^<>]*>", re.IGNORECASE)
_SPACES = re.compile(r"\s+")

_ENTITIES_REFUSED = ReadError(
    "The XML file declares entities, which can load other files or grow without bound, so it was not read.",
    "Save it without the declarations between [ and ] in its DOCTYPE.",
)


def parse(path: Path) -> ParsedDocument:
    builder = DocumentBuilder(title="", media_type="application/xml")
    try:
        _parse(path, builder)
    except (expat.ExpatError, LookupError, ValueError) as first_error:
        # The bytes are not what the declaration says, or in an encoding that expat does not know.
        decoded = decode(path.read_bytes())
        builder = DocumentBuilder(title="", media_type="application/xml")
        try:
            _parse_text(decoded.text, builder)
        except expat.ExpatError as error:
            raise ReadError(f"The XML is not well formed: {error}.", "Mend it, or save it as text.") from first_error
        if decoded.warning:
            builder.warn(decoded.warning)
    builder.title = builder.title or path.stem
    return builder.build()


def _parse(path: Path, builder: DocumentBuilder) -> None:
    parser = _parser(_Outline(builder))
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            parser.Parse(data, False)
    parser.Parse(b"", True)


def _parse_text(text: str, builder: DocumentBuilder) -> None:
    # The parser's own encoding overrides the declaration.
    parser = _parser(_Outline(builder), "utf-8")
    for start in range(0, len(text), _READ_BYTES):
        parser.Parse(text[start : start + _READ_BYTES].encode("utf-8", "replace"), False)
    parser.Parse(b"", True)


def _parser(outline: "_Outline", encoding: str | None = None) -> expat.XMLParserType:
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler = outline.start
    parser.EndElementHandler = outline.end
    parser.CharacterDataHandler = outline.text
    parser.EntityDeclHandler = _refuse_entities
    parser.SkippedEntityHandler = outline.skipped_entity
    return parser


def _refuse_entities(*declaration: object) -> None:
    """Takes what expat tells of an entity; the last is the notation of one that names a file beside the document
    (a picture) and never stands in its text."""
    if declaration[-1] is None:
        raise _ENTITIES_REFUSED


class _Element:
    """An open element: what was read of it and is not yet a block."""

    __slots__ = ("attributes", "children", "fields", "label", "labelled", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.label = name
        self.labelled = False
        self.children = 0
        self.text: list[str] = []
        self.fields: list[str] = []


class _Outline:
    """Turns the parser's events into blocks."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._open: list[_Element] = []
        self._inline = 0
        self._shown: list[str] = []  # the labels above the last block

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if self._inline or (self._open and self._is_inline(name, self._open[-1])):
            self._inline += 1
            if name in ("br", "lb") or name not in _INLINE:
                self.text(" ")  # a note or a page break within a sentence
            return
        if len(self._open) >= _MAX_DEPTH:
            raise ReadError(f"The XML nests its elements more than {_MAX_DEPTH:,} deep.")
        if self._open:
            self._open[-1].children += 1
            self._flush_text(self._open[-1])
        if len(attributes) > _MAX_ATTRIBUTES:
            attributes = dict(itertools.islice(attributes.items(), _MAX_ATTRIBUTES))
            self._builder.warn(f"Of an element with more than {_MAX_ATTRIBUTES} attributes the first ones were read.")
        # The attributes of a drawing are coordinates and colours.
        is_drawing = (self._open[0].name if self._open else name) == "svg"
        self._open.append(_Element(name, {} if is_drawing else attributes))

    def end(self, tag: str) -> None:
        if self._inline:
            self._inline -= 1
            if tag.rpartition(":")[2] not in _INLINE:
                self.text(" ")
            return
        element = self._open[-1]
        if element.children:
            self._flush_text(element)
            self._flush_fields(element)
            self._open.pop()
        else:
            self._open.pop()
            self._leaf(element)

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1].text.append(data)

    def skipped_entity(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self.text(html5.get(f"{name};", " "))

    def _is_inline(self, name: str, parent: _Element) -> bool:
        if parent.name in _PARAGRAPHS or parent.name in _TITLES:
            return name not in _PARAGRAPHS
        has_text = any(not piece.isspace() for piece in parent.text)
        return has_text or (name in _INLINE and len(self._open) > 1 and parent.children == 0)

    def _leaf(self, element: _Element) -> None:
        """Adds an element without elements in it: a title, a paragraph, code, or a field of the element around it."""
        text = "".join(element.text)
        value = _prose(text)
        parent = self._open[-1] if self._open else None
        if parent is not None and element.name in _TITLES and value and not parent.fields:
            self._title(parent, value)
        elif value and (element.name in _PROSE or element.name in _CODE or len(value) > _LONG_VALUE_CHARS):
            if parent is not None:
                self._flush_fields(parent)
            self._show_path(self._open if element.name in _PROSE else [*self._open, element])
            is_code = element.name in _CODE
            self._builder.add("code" if is_code else "paragraph", text if is_code else value)
        else:
            fields = [f"{element.name}: {value}"] if value else []
            fields.extend(_attribute_fields(element, everything=True))
            if parent is None:
                self._builder.paragraph(value or "\n".join(fields))
            elif not value and len(fields) > 1:
                # A record whose fields are attributes.
                self._flush_fields(parent)
                self._show_path([*self._open, element])
                self._builder.paragraph("\n".join(fields))
            elif fields:
                parent.fields.append(", ".join(fields) if value else f"{element.name}: {fields[0]}")
                if len(parent.fields) >= _MAX_FIELDS:
                    self._flush_fields(parent)

    def _title(self, parent: _Element, value: str) -> None:
        self._flush_fields(parent)
        self._show_path(self._open[:-1])
        parent.label = value
        self._shown = _labels(self._open)
        self._builder.title = self._builder.title or (value if len(self._open) <= _MAX_TITLE_DEPTH else "")
        self._builder.heading(value, len(self._shown))

    def _flush_text(self, element: _Element) -> None:
        if not element.text:
            return
        value = _prose("".join(element.text))
        element.text.clear()
        if value:
            self._flush_fields(element)
            self._show_path(self._open)
            self._builder.paragraph(value)

    def _flush_fields(self, element: _Element) -> None:
        for at, outer in enumerate(self._open):
            if outer is element:
                break
            if outer.fields:
                self._emit_fields(outer, self._open[: at + 1])
        self._emit_fields(element, self._open)

    def _emit_fields(self, element: _Element, path: list[_Element]) -> None:
        fields = element.fields
        if not element.labelled:
            element.labelled = True
            fields = [*_attribute_fields(element, everything=bool(fields)), *fields]
        if fields:
            self._show_path(path)
            self._builder.paragraph("\n".join(fields))
            element.fields = []

    def _show_path(self, path: list[_Element]) -> None:
        """Adds labels for the elements on the path that the last block did not stand under."""
        labels = _labels(path)
        common = 0
        while common < min(len(labels), len(self._shown)) and labels[common] == self._shown[common]:
            common += 1
        for depth in range(common, len(labels)):
            self._builder.label(labels[depth], depth + 1)
        self._shown = labels


def _labels(path: list[_Element]) -> list[str]:
    """Returns the headings above a block: titles of the elements on its path, or else their names."""
    named = (element for element in path if element.label != element.name or element.name not in _WRAPPERS)
    return [element.label for element in itertools.islice(named, _MAX_LABEL_DEPTH)]


def _prose(text: str) -> str:
    if "<" in text and _LOOKS_LIKE_HTML.search(text):
        # Feeds carry web pages as escaped text.
        from rag.parsers.markup.html import text_of_html

        return text_of_html(text)
    return _SPACES.sub(" ", text).strip()


def _attribute_fields(element: _Element, *, everything: bool) -> Iterator[str]:
    """Yields the attributes with words for a person; of a record or a field all that are not technical."""
    for tag, value in element.attributes.items():
        name = tag.rpartition(":")[2]
        is_technical = name in _TECHNICAL_ATTRIBUTES and not (everything and name == "id" and _is_inventory(value))
        if tag.startswith(("xmlns", "xml:")) or is_technical or len(value) > _MAX_ATTRIBUTE_CHARS:
            continue
        if value.strip() and (everything or name.lower() in _TEXT_ATTRIBUTES):
            yield f"{name}: {one_line(value)}"


def _is_inventory(value: str) -> bool:
    """Whether an id is a number that things are called by, not a name for other elements to point at."""
    return _INVENTORY.fullmatch(value) is not None and any(map(str.isdigit, value))
