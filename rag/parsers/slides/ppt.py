"""Parses PowerPoint 97-2003 presentations (.ppt, .pps): title, text, tables and notes slide by slide.

``page`` is the slide's number. Shapes are taken from top to bottom and left to right. Hidden slides are kept as hidden;
dates, footers and slide numbers are left out, pictures and embedded objects counted.
"""

import logging
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.left_out import LeftOut
from rag.parsers.slides import ppt_records as ppt
from rag.parsers.slides.ppt_records import PowerPointFile, Record, Text
from rag.parsers.tables.table import Cell, Table
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.ms-powerpoint"

_GROUP, _SHAPE, _SHAPE_ATOM, _TERTIARY = 0xF003, 0xF004, 0xF00A, 0xF122
_TEXT_BOX, _ANCHOR, _CHILD_ANCHOR, _CLIENT_DATA = 0xF00D, 0xF010, 0xF00F, 0xF011
_PLACEHOLDER, _OBJECT = 0x0BC3, 0x0BC1
_TABLE_PROPERTY = 0x039F
_PICTURE_FRAME = 75
_FURNITURE = frozenset((7, 8, 9, 10))  # date, slide number, footer, header of the master
_HIDDEN = 0x0004
_TITLES, _NOTES, _OTHER = (0, 6), 2, 4
_ROW = 48  # in 1/576 of an inch: shapes whose tops are nearer than this stand in one row
_LINES = str.maketrans({"\r": "\n", "\x0b": "\n"})


class _Shape(NamedTuple):
    """What a shape holds: a text, a table, or neither, then ``name`` says what it is."""

    top: int
    left: int
    text: Text | None = None
    table: Table | None = None
    name: str = ""
    is_beside: bool = False


def parse(path: Path) -> ParsedDocument:
    """Parses a presentation. Raises ReadError for a password and for damage."""
    import olefile

    logging.getLogger("olefile").setLevel(logging.CRITICAL)
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    try:
        with olefile.OleFileIO(str(path)) as container:
            file = PowerPointFile.of(container)
            _add_slides(builder, file)
            properties = container.get_metadata()
            title = properties.title or b""
            builder.title = builder.title or one_line(title.decode("utf-8", "replace"))
    except (OSError, struct.error, IndexError, ValueError, TypeError) as error:  # olefile's and struct's ways to fail
        raise ReadError("The presentation is damaged.", "Open it in PowerPoint and save it as .pptx.") from error
    return builder.build()


def _add_slides(builder: DocumentBuilder, file: PowerPointFile) -> None:
    left_out = LeftOut()
    notes = dict(_notes(file))
    size = _slide_size(file.document)
    unseen: list[str] = []
    beside = 0
    for number, (identifier, slide, outline) in enumerate(file.listed(0), 1):
        shapes = list(_shapes(slide, outline, size)) if slide is not None else []
        if not any(shape.text or shape.table for shape in shapes):
            shapes = [_Shape(0, 0, text) for text in outline]
        if slide is not None and _is_hidden(slide):
            unseen.append(str(number))
            builder.add("hidden", "\n".join(_plain(shape.text) for shape in shapes if shape.text), page=number)
            continue
        titles = [shape for shape in shapes if shape.text and shape.text.kind in _TITLES]
        heading = one_line(" ".join(_plain(shape.text) for shape in titles if shape.text))
        if heading:
            builder.heading(heading, 1, page=number)
            builder.title = builder.title or heading
        else:
            builder.label(f"Slide {number}", 1, page=number)
        for shape in sorted(shapes, key=lambda shape: (shape.top // _ROW, shape.left)):
            if shape.is_beside:
                builder.add("hidden", _plain(shape.text), page=number)
                beside += bool(shape.text)
            elif shape not in titles:
                _add_shape(builder, shape, number, left_out)
        builder.add("note", notes.get(identifier, ""), page=number)
    if unseen:
        which = f"slide {unseen[0]} is" if len(unseen) == 1 else f"slides {', '.join(unseen)} are"
        builder.warn(f"Left out of answers: {which} hidden.")
    if beside:
        builder.warn("Text beside a slide was left out.")
    if warning := left_out.warning():
        builder.warn(warning)


def _add_shape(builder: DocumentBuilder, shape: _Shape, page: int, left_out: LeftOut) -> None:
    if shape.table is not None:
        builder.table(shape.table, page=page)
    elif shape.text is not None:
        for line in _plain(shape.text).split("\n"):
            if shape.text.kind == _OTHER:
                builder.paragraph(line, page=page)
            elif line.strip():
                builder.list_item(f"• {line.strip()}", page=page)
    elif shape.name:
        left_out.add(shape.name)


def _slide_size(document: Record) -> tuple[int, int] | None:
    """Width and height of the slides in 1/576 of an inch."""
    for record in document.children():
        if record.type == ppt.DOCUMENT_ATOM and len(record.data) >= 8:
            width, height = struct.unpack_from("<2i", record.data)
            return width, height
    return None


def _shapes(slide: Record, outline: Sequence[Text], size: tuple[int, int] | None = None) -> Iterator[_Shape]:
    """Yields the shapes of a slide or a page of notes, those in groups too; a table is one. With the ``size`` of the
    slide, what lies off it is told."""
    for drawing in slide.children():
        if drawing.type == ppt.DRAWING:
            for group in drawing.within(_GROUP):
                yield from _of_group(group, outline, 0, size)


def _of_group(group: Record, outline: Sequence[Text], depth: int, size: tuple[int, int] | None) -> Iterator[_Shape]:
    for child in group.children():
        if child.type == _GROUP and depth < ppt.MAX_DEPTH:
            first = next(child.children(), None)
            if first is not None and _is_table(first):
                top, left, _, _ = _anchor(first) or (0, 0, 0, 0)
                yield _Shape(top, left, table=_table(child, outline))
            else:
                yield from _of_group(child, outline, depth + 1, None)  # places in a group are its own
        elif child.type == _SHAPE and (shape := _shape(child, outline)) is not None:
            yield shape._replace(is_beside=size is not None and _lies_off(child, size))


def _shape(record: Record, outline: Sequence[Text]) -> _Shape | None:
    top, left, _, _ = _anchor(record) or (0, 0, 0, 0)
    for data in record.within(_PLACEHOLDER):
        if len(data.data) > 4 and data.data[4] in _FURNITURE:
            return None
    text = _text(record, outline)
    if text is not None and _plain(text):
        return _Shape(top, left, text)
    kind = next((one.instance for one in record.children() if one.type == _SHAPE_ATOM), 0)
    if next(record.within(_OBJECT), None) is not None:
        return _Shape(top, left, name="embedded object")
    return _Shape(top, left, name="picture") if kind == _PICTURE_FRAME else None


def _lies_off(shape: Record, size: tuple[int, int]) -> bool:
    box = _anchor(shape)
    if box is None:
        return False
    top, left, bottom, right = box
    return right < 0 or bottom < 0 or left > size[0] or top > size[1]


def _text(shape: Record, outline: Sequence[Text]) -> Text | None:
    """Returns the text of a shape: its own, or the one of the outline that it names."""
    for box in shape.children():
        if box.type != _TEXT_BOX:
            continue
        parts = list(ppt.records(box.data))
        for part in parts:
            if part.type == ppt.OUTLINE_REFERENCE and len(part.data) >= 4:
                (place,) = struct.unpack_from("<i", part.data)
                return outline[place] if 0 <= place < len(outline) else None
        return next(ppt.texts(iter(parts)), None)
    return None


def _is_table(shape: Record) -> bool:
    """Tells whether the first shape of a group says that the group is a table."""
    for properties in shape.children():
        if properties.type == _TERTIARY:
            for at in range(0, min(6 * properties.instance, len(properties.data) - 5), 6):
                (number, value) = struct.unpack_from("<HI", properties.data, at)
                if number & 0x3FFF == _TABLE_PROPERTY and value & 1:
                    return True
    return False


def _table(group: Record, outline: Sequence[Text]) -> Table:
    """Places the cells of a table by where they begin and end."""
    placed: list[tuple[tuple[int, int, int, int], str]] = []
    for shape in group.children():
        box, text = _anchor(shape), _text(shape, outline) if shape.type == _SHAPE else None
        if box is not None and text is not None:
            placed.append((box, _plain(text)))
    rows = sorted({box[0] for box, _ in placed})
    columns = sorted({box[1] for box, _ in placed})
    cells = [
        Cell(
            text,
            rows.index(top),
            columns.index(left),
            max(1, sum(top <= row < bottom for row in rows)),
            max(1, sum(left <= column < right for column in columns)),
        )
        for (top, left, bottom, right), text in placed
    ]
    return Table(tuple(sorted(cells, key=lambda cell: (cell.row, cell.column))))


def _anchor(shape: Record) -> tuple[int, int, int, int] | None:
    """Returns top, left, bottom and right of a shape."""
    for record in shape.children():
        if record.type == _CHILD_ANCHOR and len(record.data) >= 16:
            left, top, right, bottom = struct.unpack_from("<4i", record.data)
            return top, left, bottom, right
        if record.type == _ANCHOR:
            form = "<4i" if len(record.data) >= 16 else "<4h" if len(record.data) >= 8 else ""
            if form:
                top, left, right, bottom = struct.unpack_from(form, record.data)
                return top, left, bottom, right
    return None


def _notes(file: PowerPointFile) -> Iterator[tuple[int, str]]:
    """Yields the notes, each with the identifier of its slide."""
    for _, page, outline in file.listed(2):
        if page is None:
            continue
        atom = next((record for record in page.children() if record.type == ppt.NOTES_ATOM), None)
        if atom is not None and len(atom.data) >= 4:
            shapes = _shapes(page, outline)
            said = [_plain(shape.text) for shape in shapes if shape.text and shape.text.kind == _NOTES]
            yield struct.unpack_from("<I", atom.data)[0], "\n".join(said)


def _is_hidden(slide: Record) -> bool:
    for record in slide.children():
        if record.type == ppt.SHOW_INFO and len(record.data) >= 12:
            return bool(struct.unpack_from("<H", record.data, 10)[0] & _HIDDEN)
    return False


def _plain(text: Text | None) -> str:
    return text.text.translate(_LINES).strip("\n\0 ") if text is not None else ""
