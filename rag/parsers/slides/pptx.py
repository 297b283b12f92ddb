"""Parses presentations (.pptx, .pptm, .ppsx, .potx): title, text, tables, charts, diagrams, notes, comments by slide.

``page`` is the slide's number. Shapes are taken from top to bottom and left to right, those in groups too. A slide that
is hidden from the show, a hidden shape and one beside the slide are kept as hidden. Pictures and embedded objects are
counted.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.left_out import LeftOut
from rag.parsers.office.drawn import CHART, DIAGRAM, NEWER_CHART, Drawings, program_name
from rag.parsers.office.ooxml import Package, transitional
from rag.parsers.slides.pptx_comments import slide_comments
from rag.parsers.slides.pptx_text import MC, A, body_text, chosen, slide_lines
from rag.parsers.slides.pptx_visibility import Visibility
from rag.parsers.tables.table import Cell, Table
from rag.parsers.zip_limits import open_zip
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

_TEMPLATES = {
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
    "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
}
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_MAX_DEPTH = 20
_RECORDINGS = ("}videoFile", "}audioFile", "}wavAudioFile")
_FURNITURE = frozenset({"DATE", "FOOTER", "SLIDE_NUMBER", "HEADER"})
"""Placeholders that repeat on every slide."""
_ROW = 100_000
"""Shapes whose tops are closer than this (in EMU, 360,000 a centimetre) count as one row."""


def parse(path: Path) -> ParsedDocument:
    """Parses the file. Raises ReadError for a broken container."""
    from lxml import etree
    from pptx.exc import PythonPptxError

    try:
        with open_zip(path) as archive:
            return _read(archive, transitional(archive) or path)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        ValueError,
        AttributeError,
        etree.XMLSyntaxError,
        PythonPptxError,
    ) as error:
        raise ReadError(
            "The presentation is damaged: its slides cannot be read.", "Open it in PowerPoint and save it again."
        ) from error


def _read(archive: zipfile.ZipFile, source: Path | io.BytesIO) -> ParsedDocument:
    presentation = _open(source)
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    reader = _SlideReader(builder, Package(archive), presentation)
    for number, slide in enumerate(presentation.slides, 1):
        reader.add(slide, number)
    reader.warn()
    properties = presentation.core_properties
    title = (properties.title or "").strip()
    generic = title.lower() in ("", "powerpoint presentation", "powerpoint-präsentation", "presentation")
    builder.title = reader.first_title if generic else title
    if properties.author:
        builder.metadata["author"] = properties.author
    return builder.build()


def _open(source: Path | io.BytesIO) -> Any:
    """Opens a presentation with python-pptx; shows, templates and files with macros hold the same parts under another
    type.
    """
    from pptx.opc.constants import CONTENT_TYPE
    from pptx.opc.package import PartFactory
    from pptx.package import Package as Presentations
    from pptx.parts.presentation import PresentationPart

    for content_type in (CONTENT_TYPE.PML_PRESENTATION_MAIN, *_TEMPLATES):
        PartFactory.part_type_for.setdefault(content_type, PresentationPart)
    file = str(source) if isinstance(source, Path) else source
    return Presentations.open(file).main_document_part.presentation


class _SlideReader:
    """Adds the slides of one presentation to a builder."""

    def __init__(self, builder: DocumentBuilder, package: Package, presentation: Any) -> None:
        self._builder = builder
        self._package = package
        self._width, self._height = int(presentation.slide_width or 0), int(presentation.slide_height or 0)
        self._left_out = LeftOut()
        self._drawings = Drawings(package, builder, self._left_out)
        self._hidden_slides: list[int] = []
        self._hidden_shapes = 0
        self._visibility: Visibility
        self.first_title = ""

    def add(self, slide: Any, number: int) -> None:
        part = str(slide.part.partname).lstrip("/")
        if slide._element.get("show", "1") in ("0", "false"):
            self._hidden_slides.append(number)
            self._builder.add("hidden", body_text(slide._element), page=number)
            return
        self._visibility = Visibility(slide)
        title = slide.shapes.title
        heading = body_text(title._element).replace("\n", " ").strip() if title is not None else ""
        if heading:
            self._builder.heading(heading, 1, page=number)
            self.first_title = self.first_title or heading
        else:
            self._builder.label(f"Slide {number}", 1, page=number)
        for shape in self._in_reading_order(slide.shapes, slide.shapes._spTree, number, 0):
            if title is None or shape._element is not title._element:
                self._shape(shape, part, number)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            self._builder.add("note", body_text(slide.notes_slide.notes_text_frame._element), page=number)
        for comment in slide_comments(self._package, part):
            self._builder.add("note", comment, page=number)

    def warn(self) -> None:
        """Tells what was left out of all slides."""
        if self._hidden_slides:
            listed = ", ".join(map(str, self._hidden_slides))
            which = f"slide {listed} is" if len(self._hidden_slides) == 1 else f"slides {listed} are"
            self._builder.warn(f"Left out of answers: {which} hidden.")
        if self._hidden_shapes:
            self._builder.warn("Hidden text and text beside a slide was left out.")
        if warning := self._left_out.warning():
            self._builder.warn(warning)

    def _in_reading_order(self, parent: Any, tree: Any, page: int, depth: int) -> Iterator[Any]:
        """Yields every shape that is no group, top to bottom; the members of a group stay together."""
        members = list(_shapes_of(parent, tree))
        placed = [(int(shape.top or 0) // _ROW, int(shape.left or 0), index) for index, shape in enumerate(members)]
        for _, _, index in sorted(placed):
            shape = members[index]
            if self._is_unseen(shape, depth):
                self._hidden_shapes += 1
                self._builder.add("hidden", body_text(shape._element), page=page)
            elif hasattr(shape, "shapes"):
                if depth < _MAX_DEPTH:
                    yield from self._in_reading_order(shape.shapes, shape._element, page, depth + 1)
                else:
                    self._builder.leave_out_nested("Groups")
            else:
                yield shape

    def _is_unseen(self, shape: Any, depth: int) -> bool:
        """Tells whether text of a shape is hidden or lies wholly beside the slide."""
        if not body_text(shape._element):
            return False
        named = next(shape._element.iter(f"{P}cNvPr"), None)
        if named is not None and named.get("hidden", "0") in ("1", "true"):
            return True
        box = (shape.left, shape.top, shape.width, shape.height)
        if depth or any(value is None for value in box) or not (self._width and self._height):
            return False
        left, top, width, height = map(int, box)
        beside = left >= self._width or left + width <= 0
        return (beside or top >= self._height or top + height <= 0) and width > 0 and height > 0

    def _shape(self, shape: Any, part: str, page: int) -> None:
        if shape.is_placeholder and shape.placeholder_format.type.name in _FURNITURE:
            return
        if getattr(shape, "has_table", False) and shape.has_table:
            self._builder.table(Table(tuple(_cells(shape.table))), page=page)
        elif shape.has_text_frame:
            self._text(shape, page)
        else:
            self._drawn(shape._element, part, page)

    def _text(self, shape: Any, page: int) -> None:
        is_body = shape.is_placeholder and shape.placeholder_format.type.name in ("BODY", "OBJECT")
        seen = self._visibility.of(shape)
        unseen = [run for run in shape.text_frame._element.iter(f"{A}r", f"{A}fld") if not seen(run)]
        if unseen:
            self._hidden_shapes += 1
            said = " ".join(filter(None, (run.findtext(f"{A}t") for run in unseen)))
            self._builder.add("hidden", said, page=page)
        for line in slide_lines(shape.text_frame._element, seen):
            if line.number:
                self._builder.list_item(f"{line.number} {line.text}", level=line.level, page=page)
            elif is_body or line.level or line.bulleted:
                self._builder.list_item(f"• {line.text}", level=line.level, page=page)
            else:
                self._builder.paragraph(line.text, page=page)

    def _drawn(self, element: Any, part: str, page: int) -> None:
        """A chart, a diagram, an embedded object or a picture."""
        for drawing in element.iter(CHART, NEWER_CHART, DIAGRAM):
            self._drawings.add(drawing, part, page)
            return
        embedded = next(element.iter(f"{P}oleObj"), None)
        if embedded is not None:
            self._left_out.add(f"embedded object ({program_name(embedded.get('progId', ''))})")
        elif element.tag == f"{P}pic":
            media = any(
                str(node.tag).endswith(("}videoFile", "}audioFile", "}wavAudioFile")) for node in element.iter()
            )
            self._left_out.add("recording" if media else "picture")


def _shapes_of(parent: Any, tree: Any) -> Iterator[Any]:
    """Yields the shapes of a slide or group; of alternatives for newer and older programs the one that is shown."""
    from pptx.shapes.shapetree import SlideShapeFactory

    def shown(elements: Any) -> Iterator[Any]:
        for element in elements:
            if element.tag == f"{MC}AlternateContent":
                alternative = chosen(element)
                yield from shown(alternative) if alternative is not None else ()
            elif element.tag in (f"{P}sp", f"{P}grpSp", f"{P}graphicFrame", f"{P}pic", f"{P}cxnSp"):
                yield SlideShapeFactory(element, parent)

    return shown(tree)


def _cells(table: Any) -> Iterator[Cell]:
    """Yields the cells of a table that no other covers."""
    for at, row in enumerate(table.rows):
        for column, cell in enumerate(row.cells):
            if not cell.is_spanned:
                yield Cell(body_text(cell._tc), at, column, cell.span_height, cell.span_width)
