"""Writes small PowerPoint 97-2003 files for tests: records ([MS-PPT]) in an OLE container."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rag.parsers.office.doc_writer import container

TITLE, BODY, NOTES, OTHER = 0, 1, 2, 4


@dataclass(frozen=True)
class Shape:
    """A text at a place (left, top, right, bottom); ``outline`` has it stored with the list of slides."""

    text: str
    kind: int = OTHER
    box: tuple[int, int, int, int] = (0, 0, 100, 100)
    outline: bool = False
    placeholder: int | None = None
    raised: tuple[tuple[int, int], ...] = ()  # letters of each run, and by how many hundredths they are raised


@dataclass(frozen=True)
class Slide:
    shapes: Sequence[Shape] = ()
    table: Sequence[Shape] = ()
    pictures: int = 0
    notes: str = ""
    hidden: bool = False


def record(type_: int, data: bytes, *, instance: int = 0, container: bool = False) -> bytes:
    return struct.pack("<HHI", instance << 4 | (0xF if container else 0), type_, len(data)) + data


def _text(text: str, kind: int, raised: Sequence[tuple[int, int]] = ()) -> bytes:
    stored = record(0x0FA8, text.encode("latin-1")) if text.isascii() else record(0x0FA0, text.encode("utf-16-le"))
    if raised:
        # One run of paragraphs with a bullet, a margin and two tab stops; runs of letters, bold where they are raised.
        styles = struct.pack("<IHI", len(text) + 1, 0, 1 | 1 << 8 | 1 << 20) + struct.pack(
            "<HHHHHHH", 1, 9, 2, 1, 0, 2, 0
        )
        for count, position in [*raised, (len(text) + 1 - sum(count for count, _ in raised), 0)]:
            styles += struct.pack("<II", count, (1 | 1 << 17 | 1 << 19) if position else 1 << 17)
            styles += struct.pack("<HHh", 1, 18, position) if position else struct.pack("<H", 18)
        stored += record(0x0FA1, styles)
    return record(0x0F9F, struct.pack("<I", kind)) + stored


def _shape(shape: Shape, place: int | None, *, child: bool) -> bytes:
    inner = (
        record(0x0F9E, struct.pack("<i", place)) if place is not None else _text(shape.text, shape.kind, shape.raised)
    )
    left, top, right, bottom = shape.box
    anchor = (
        record(0xF00F, struct.pack("<4i", left, top, right, bottom))
        if child
        else record(0xF010, struct.pack("<4h", top, left, right, bottom))
    )
    data = b""
    if shape.placeholder is not None:
        data = record(0xF011, record(0x0BC3, struct.pack("<iBBH", 0, shape.placeholder, 0, 0)), container=True)
    return record(
        0xF004, record(0xF00A, bytes(8), instance=202) + anchor + data + record(0xF00D, inner), container=True
    )


def _drawing(slide: Slide) -> bytes:
    outlined = [shape for shape in slide.shapes if shape.outline]
    head = record(0xF004, record(0xF00A, bytes(8)), container=True)
    shapes = b"".join(
        _shape(shape, outlined.index(shape) if shape.outline else None, child=False) for shape in slide.shapes
    )
    if slide.table:
        mark = record(0xF122, struct.pack("<HI", 0x039F, 1), instance=1)
        first = record(0xF004, record(0xF00A, bytes(8)) + mark, container=True)
        cells = b"".join(_shape(cell, None, child=True) for cell in slide.table)
        shapes += record(0xF003, first + cells, container=True)
    shapes += record(0xF004, record(0xF00A, bytes(8), instance=75), container=True) * slide.pictures
    return record(0x040C, record(0xF002, record(0xF003, head + shapes, container=True), container=True), container=True)


def write_ppt(path: Path, slides: Sequence[Slide], *, token: int = 0xE391C05F) -> Path:
    stream = bytearray()
    offsets: list[int] = []

    def store(data: bytes) -> int:
        """Returns the persist identifier, from 2; 1 is the document."""
        offsets.append(len(stream))
        stream.extend(data)
        return len(offsets) + 1

    listed, noted = b"", b""
    for at, slide in enumerate(slides):
        info = record(0x03F9, struct.pack("<iIBBH", 0, 0, 0, 0, 0x0004 if slide.hidden else 0) + bytes(4))
        number = store(record(0x03EE, record(0x03EF, bytes(24)) + info + _drawing(slide), container=True))
        listed += record(0x03F3, struct.pack("<IIiII", number, 0, 0, 256 + at, 0))
        listed += b"".join(_text(shape.text, shape.kind) for shape in slide.shapes if shape.outline)
        if slide.notes:
            atom = record(0x03F1, struct.pack("<IHH", 256 + at, 0, 0))
            page = Slide([Shape(slide.notes, NOTES), Shape("*", OTHER, placeholder=8)])
            number = store(record(0x03F0, atom + _drawing(page), container=True))
            noted += record(0x03F3, struct.pack("<IIiII", number, 0, 0, 512 + at, 0))
    document = record(0x03E9, struct.pack("<2i", 5760, 4320) + bytes(32))
    document += record(0x0FF0, listed, container=True) + record(0x0FF0, noted, instance=2, container=True)
    offsets.insert(0, len(stream))
    stream.extend(record(0x03E8, document, container=True))
    directory = len(stream)
    entries = struct.pack(f"<I{len(offsets)}I", len(offsets) << 20 | 1, *offsets)
    stream.extend(record(0x1772, entries))
    edit = len(stream)
    stream.extend(record(0x0FF5, struct.pack("<IHBBIIIIHH", 0, 0, 0, 3, 0, directory, 1, len(offsets), 0, 0)))
    user = record(0x0FF6, struct.pack("<III", 20, token, edit) + bytes(8))
    path.write_bytes(container({"PowerPoint Document": bytes(stream), "Current User": user}))
    return path
