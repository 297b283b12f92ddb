"""Reads the records of a PowerPoint 97-2003 file as [MS-PPT] defines them: which slides there are, and their texts.

A record is a header of 8 bytes (version and instance, type, length) and its data; a container's data are records.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from rag.errors import ReadError
from rag.parsers.slides.ppt_styles import with_raised

DOCUMENT, SLIDE, SLIDE_ATOM, NOTES, NOTES_ATOM = 0x03E8, 0x03EE, 0x03EF, 0x03F0, 0x03F1
SLIDE_LIST, SLIDE_PERSIST, SHOW_INFO, DRAWING = 0x0FF0, 0x03F3, 0x03F9, 0x040C
TEXT_HEADER, TEXT_CHARS, TEXT_BYTES, OUTLINE_REFERENCE = 0x0F9F, 0x0FA0, 0x0FA8, 0x0F9E
TEXT_STYLES, DOCUMENT_ATOM = 0x0FA1, 0x03E9
_USER_EDIT, _PERSIST_DIRECTORY = 0x0FF5, 0x1772
_CONTAINER = 0xF
_ENCRYPTED = 0xF3D1C4DF
_MAX_EDITS = 1_000
MAX_DEPTH = 30
_REMEDY = "Open it in PowerPoint and save it as .pptx."


class Record(NamedTuple):
    """A record at its place in the stream."""

    type: int
    instance: int
    is_container: bool
    data: bytes

    def children(self) -> Iterator["Record"]:
        """The records in a container."""
        return records(self.data) if self.is_container else iter(())

    def within(self, *types: int, depth: int = 0) -> Iterator["Record"]:
        """The records of some types at any depth, in order; none of those within them."""
        for child in self.children() if depth < MAX_DEPTH else ():
            if child.type in types:
                yield child
            else:
                yield from child.within(*types, depth=depth + 1)


class Text(NamedTuple):
    """A text with its kind: 0 and 6 are titles, 2 notes, 4 others, the rest bodies (2.13.33)."""

    kind: int
    text: str


class Listed(NamedTuple):
    """A slide or a page of notes: the identifier of the slide, its record, the texts that the outline holds of it."""

    identifier: int
    record: Record | None
    outline: list[Text]


def records(data: bytes) -> Iterator[Record]:
    """Yields the records in a stretch of a stream; ends where what follows is none."""
    at = 0
    while at + 8 <= len(data):
        head, type_, length = struct.unpack_from("<HHI", data, at)
        yield Record(type_, head >> 4, head & 0xF == _CONTAINER, data[at + 8 : at + 8 + length])
        at += 8 + length


def texts(found: Iterator[Record]) -> Iterator[Text]:
    """Yields the texts among neighbouring records; raised and lowered letters are written so that they stay apart."""
    kind, text = 4, None
    for record in found:
        if record.type == TEXT_HEADER and len(record.data) >= 4:
            if text is not None:
                yield Text(kind, text)
            (kind,), text = struct.unpack_from("<I", record.data), None
        elif record.type in (TEXT_CHARS, TEXT_BYTES):
            if text is not None:
                yield Text(kind, text)
            # TEXT_BYTES: the low bytes of UTF-16 whose high bytes are 0
            wide = record.type == TEXT_CHARS
            text = record.data.decode("utf-16-le", "replace") if wide else record.data.decode("latin-1")
        elif record.type == TEXT_STYLES and text is not None:
            text = with_raised(text, record.data)
    if text is not None:
        yield Text(kind, text)


class PowerPointFile:
    """The streams of one presentation."""

    def __init__(self, stream: bytes, current_user: bytes) -> None:
        """Raises ReadError for a password and for damage."""
        self._stream = stream
        if len(current_user) < 20:
            raise ReadError("The presentation is damaged: nothing says where it begins.", _REMEDY)
        token, edit = struct.unpack_from("<II", current_user, 12)
        if token == _ENCRYPTED:
            raise ReadError(
                "The presentation is protected by a password.", "Save a copy without the password and add that."
            )
        self._offsets, document = self._persisted(edit)
        found = self.persisted(document)
        if found is None or found.type != DOCUMENT:
            raise ReadError("The presentation is damaged: its document cannot be found.", _REMEDY)
        self.document = found

    @classmethod
    def of(cls, container: Any) -> "PowerPointFile":
        """Reads an open olefile container."""
        if not container.exists("Current User"):
            raise ReadError("The presentation is damaged: nothing says where it begins.", _REMEDY)
        streams = (container.openstream(name).read() for name in ("PowerPoint Document", "Current User"))
        return cls(*streams)

    def persisted(self, number: int) -> Record | None:
        """Returns the record that a persist identifier names."""
        at = self._offsets.get(number)
        return next(records(self._stream[at:]), None) if at is not None and at < len(self._stream) else None

    def listed(self, instance: int) -> Iterator["Listed"]:
        """Yields the slides (0), masters (1) or notes (2) in order."""
        for slides in self.document.children():
            if slides.type != SLIDE_LIST or slides.instance != instance:
                continue
            atom: Record | None = None
            held: list[Record] = []
            for record in slides.children():
                if record.type != SLIDE_PERSIST or len(record.data) < 16:
                    held.append(record)
                    continue
                if atom is not None:
                    yield self._listed(atom, held)
                atom, held = record, []
            if atom is not None:
                yield self._listed(atom, held)

    def _listed(self, atom: Record, held: list[Record]) -> "Listed":
        number, _, _, identifier = struct.unpack_from("<IIiI", atom.data)
        return Listed(identifier, self.persisted(number), list(texts(iter(held))))

    def _persisted(self, edit: int) -> tuple[dict[int, int], int]:
        """Returns the place of every persisted object, the latest edit's first, and the number of the document."""
        offsets: dict[int, int] = {}
        document = 0
        for _ in range(_MAX_EDITS):
            record = next(records(self._stream[edit:]), None) if edit < len(self._stream) else None
            if record is None or record.type != _USER_EDIT or len(record.data) < 20:
                break
            before, directory, number = struct.unpack_from("<III", record.data, 8)
            document = document or number
            table = next(records(self._stream[directory:]), None)
            if table is not None and table.type == _PERSIST_DIRECTORY:
                for key, offset in _entries(table.data):
                    offsets.setdefault(key, offset)
            if not before or before >= edit:
                break
            edit = before
        return offsets, document


def _entries(data: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at + 4 <= len(data):
        (head,) = struct.unpack_from("<I", data, at)
        first, count = head & 0xFFFFF, head >> 20
        at += 4
        for number in range(min(count, (len(data) - at) // 4)):
            yield first + number, struct.unpack_from("<I", data, at + 4 * number)[0]
        at += 4 * count
