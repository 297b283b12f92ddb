"""Parses presentations (.pptx, .pptm, .ppsx, .potx): title, text, tables and speaker's notes of each slide.

``page`` is the slide's number. Shapes are taken from top to bottom and left to right, those in groups too. Text in
charts and pictures is left out.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.table import Table
from rag.parsers.zip_limits import check_zip
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

_TEMPLATES = {
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
    "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
    "application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
}
_MAX_DEPTH = 20
_FURNITURE = frozenset({"DATE", "FOOTER", "SLIDE_NUMBER", "HEADER"})
"""Placeholders that repeat on every slide."""
_ROW = 100_000
"""Shapes whose tops are closer than this (in EMU, 360,000 a centimetre) count as one row."""


def parse(path: Path) -> ParsedDocument:
    """Parses the file. Raises ReadError for a broken container."""
    check_zip(path)
    from lxml import etree

    try:
        return _read(path)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        ValueError,
        AttributeError,
        etree.XMLSyntaxError,
    ) as error:
        raise ReadError(
            "The presentation is damaged: its slides cannot be read.", "Open it in PowerPoint and save it again."
        ) from error


def _read(path: Path) -> ParsedDocument:
    presentation = _open(path)
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    first_title = ""
    for number, slide in enumerate(presentation.slides, 1):
        title = slide.shapes.title
        heading = _text_of(title).replace("\n", " ").strip() if title is not None and title.has_text_frame else ""
        if heading:
            builder.heading(heading, 1, page=number)
            first_title = first_title or heading
        else:
            builder.label(f"Slide {number}", 1, page=number)
        for shape in _in_reading_order(slide.shapes, 0):
            if title is None or shape.shape_id != title.shape_id:
                _add_shape(builder, shape, number)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.add("note", slide.notes_slide.notes_text_frame.text.replace("\x0b", "\n"), page=number)
    properties = presentation.core_properties
    title_text = (properties.title or "").strip()
    generic = title_text.lower() in ("", "powerpoint presentation", "powerpoint-präsentation", "presentation")
    builder.title = first_title if generic else title_text
    if properties.author:
        builder.metadata["author"] = properties.author
    return builder.build()


def _open(path: Path) -> Any:
    """Opens a presentation with python-pptx; shows, templates and files with macros hold the same parts under another
    type.
    """
    from pptx.opc.constants import CONTENT_TYPE
    from pptx.opc.package import PartFactory
    from pptx.package import Package
    from pptx.parts.presentation import PresentationPart

    for content_type in (CONTENT_TYPE.PML_PRESENTATION_MAIN, *_TEMPLATES):
        PartFactory.part_type_for.setdefault(content_type, PresentationPart)
    return Package.open(str(path)).main_document_part.presentation


def _in_reading_order(shapes: Any, depth: int) -> Iterator[Any]:
    """Yields every shape that is no group, top to bottom; the members of a group stay together."""
    placed = [(int(shape.top or 0) // _ROW, int(shape.left or 0), index) for index, shape in enumerate(shapes)]
    members = list(shapes)
    for _, _, index in sorted(placed):
        shape = members[index]
        if hasattr(shape, "shapes"):
            if depth < _MAX_DEPTH:
                yield from _in_reading_order(shape.shapes, depth + 1)
        else:
            yield shape


def _add_shape(builder: DocumentBuilder, shape: Any, page: int) -> None:
    if shape.is_placeholder and shape.placeholder_format.type.name in _FURNITURE:
        return
    if getattr(shape, "has_table", False) and shape.has_table:
        rows = ([_cell(cell) for cell in row.cells] for row in shape.table.rows)
        builder.table(Table.of_rows(rows), page=page)
    elif shape.has_text_frame:
        is_body = shape.is_placeholder and shape.placeholder_format.type.name in ("BODY", "OBJECT")
        for paragraph in shape.text_frame.paragraphs:
            text = paragraph.text.replace("\x0b", "\n").strip()
            if text and (is_body or paragraph.level):
                builder.list_item(f"• {text}", level=paragraph.level, page=page)
            else:
                builder.paragraph(text, page=page)


def _cell(cell: Any) -> str:
    """Returns a cell's text; what a merged cell covers is empty."""
    return "" if cell.is_spanned else str(cell.text_frame.text).replace("\x0b", " ")


def _text_of(shape: Any) -> str:
    return str(shape.text_frame.text).replace("\x0b", " ")
