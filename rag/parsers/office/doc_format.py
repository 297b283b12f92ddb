"""Reads the streams of a Word 97-2003 file as [MS-DOC] defines them: characters by piece, and paragraph properties.

Section numbers in comments are those of [MS-DOC]. Character positions (CP) count characters of the document, file
positions (FC) bytes of the WordDocument stream.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rag.errors import ReadError

Part = Literal["main", "footnotes", "headers", "comments", "endnotes", "textboxes", "header textboxes"]

_WORD_97 = 0x00C1
_WORD_IDENT = 0xA5EC
_FLAG_ENCRYPTED, _FLAG_TABLE_1 = 0x0100, 0x0200
_AT_CCP = 0x4C
_AT_FC_LCB = 0x9A
_PLCF_BTE_PAPX, _CLX = 13, 33
"""Indices of pairs (offset, length) in FibRgFcLcb97 (2.5.6)."""
_MAX_PIECES = 1_000_000
_MARKS = "\r\x07\x0c"

_SPRM_IN_TABLE, _SPRM_ROW_END = 0x2416, 0x2417
_SPRM_INNER_CELL, _SPRM_INNER_ROW_END = 0x244B, 0x244C
_SPRM_OUTLINE, _SPRM_LIST_LEVEL, _SPRM_LIST = 0x2640, 0x260A, 0x460B
_SPRM_TABLE_DEFINITION, _SPRM_TABS = 0xD608, 0xC615
_OPERAND_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}


@dataclass(frozen=True, slots=True)
class Properties:
    """Of one paragraph. ``heading`` is 0 or a level from 1; ``known`` is false where the file does not say."""

    known: bool = False
    heading: int = 0
    listed: bool = False
    list_level: int = 0
    in_table: bool = False
    row_end: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Characters before a ``mark``: "\\r" ends a paragraph, "\\x07" a cell or row, "\\x0c" a page or section."""

    text: str
    mark: str
    properties: Properties


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of text stored in one place: CP ``start`` to ``end`` at FC ``offset``, ``width`` bytes a character."""

    start: int
    end: int
    offset: int
    width: int


class DocFile:
    """One document, its streams in memory."""

    def __init__(self, stream: bytes, table: bytes) -> None:
        self._stream = stream
        self._table = table
        self._pieces = self._piece_table()
        self._run_starts, self._run_ends, self._run_properties = self._paragraph_runs()
        lengths = struct.unpack_from("<8i", stream, _AT_CCP)
        main, footnotes, headers, _, comments, endnotes, textboxes, header_textboxes = (max(0, n) for n in lengths)
        self._ranges: dict[Part, tuple[int, int]] = {}
        start = 0
        parts: tuple[tuple[Part, int], ...] = (
            ("main", main),
            ("footnotes", footnotes),
            ("headers", headers),
            ("comments", comments),
            ("endnotes", endnotes),
            ("textboxes", textboxes),
            ("header textboxes", header_textboxes),
        )
        for part, length in parts:
            self._ranges[part] = start, start + length
            start += length

    @staticmethod
    def of(container: Any) -> "DocFile":
        """Reads an open olefile container. Raises ReadError where it holds no Word 97 document that can be read."""
        if not container.exists("WordDocument"):
            raise ReadError("The file is an old Office container without a Word document in it.")
        stream = container.openstream("WordDocument").read()
        if len(stream) < _AT_FC_LCB + 8 * (_CLX + 1):
            raise ReadError("The document is damaged: its header is cut off.")
        identifier, version = struct.unpack_from("<HH", stream, 0)
        (flags,) = struct.unpack_from("<H", stream, 0x0A)
        if identifier != _WORD_IDENT or version < _WORD_97:
            raise ReadError(
                "The document was written by Word 6, Word 95 or older.", "Open it in LibreOffice and save it as .docx."
            )
        if flags & _FLAG_ENCRYPTED:
            raise ReadError(
                "The document is protected by a password.", "Save a copy without the password and add that."
            )
        name = "1Table" if flags & _FLAG_TABLE_1 else "0Table"
        if not container.exists(name):
            raise ReadError("The document is damaged: the stream that orders its text is missing.")
        return DocFile(stream, container.openstream(name).read())

    def paragraphs(self, part: Part) -> Iterator[Paragraph]:
        """Yields the paragraphs of one part, in order."""
        start, end = self._ranges[part]
        held: list[str] = []
        for piece in self._pieces:
            first, last = max(start, piece.start), min(end, piece.end)
            if first >= last:
                continue
            text = self._text(piece, first, last)
            begin = 0
            for position, character in enumerate(text):
                if character in _MARKS:
                    held.append(text[begin:position])
                    fc = piece.offset + (first - piece.start + position) * piece.width
                    yield Paragraph("".join(held), character, self._properties_at(fc))
                    held = []
                    begin = position + 1
            held.append(text[begin:])
        if any(held):
            yield Paragraph("".join(held), "\r", Properties())

    def _text(self, piece: _Piece, first: int, last: int) -> str:
        at = piece.offset + (first - piece.start) * piece.width
        data = self._stream[at : at + (last - first) * piece.width]
        if piece.width == 1:
            return data.decode("cp1252", "replace").replace("\ufffd", "")
        # Two code units of a pair are two characters to Word, so positions are kept by pairing them up later.
        return data.decode("utf-16-le", "surrogatepass") if not _has_pairs(data) else _keep_length(data)

    def _piece_table(self) -> list[_Piece]:
        """Reads the Clx (2.9.38): any number of Prc, then one Pcdt with the PlcPcd."""
        at, length = struct.unpack_from("<II", self._stream, _AT_FC_LCB + 8 * _CLX)
        end = min(at + length, len(self._table))
        while at < end and self._table[at] == 1:
            (size,) = struct.unpack_from("<H", self._table, at + 1)
            at += 3 + size
        if at + 5 > end or self._table[at] != 2:
            raise ReadError(
                "The document is damaged: its piece table cannot be found.", "Open it in Word and save it as .docx."
            )
        (size,) = struct.unpack_from("<I", self._table, at + 1)
        count = min((size - 4) // 12, (len(self._table) - at - 9) // 12, _MAX_PIECES)
        positions = struct.unpack_from(f"<{count + 1}I", self._table, at + 5)
        pieces: list[_Piece] = []
        for index in range(count):
            (where,) = struct.unpack_from("<I", self._table, at + 5 + 4 * (count + 1) + 8 * index + 2)
            compressed = bool(where & 0x40000000)
            offset = where & 0x3FFFFFFF
            start, stop = positions[index], positions[index + 1]
            if start < stop:
                pieces.append(_Piece(start, stop, offset // 2 if compressed else offset, 1 if compressed else 2))
        return pieces

    def _properties_at(self, fc: int) -> Properties:
        index = bisect_right(self._run_starts, fc) - 1
        return self._run_properties[index] if index >= 0 and fc < self._run_ends[index] else Properties()

    def _paragraph_runs(self) -> tuple[list[int], list[int], list[Properties]]:
        """Returns where each paragraph lies in the stream and what it is, from every PapxFkp (2.9.176)."""
        at, length = struct.unpack_from("<II", self._stream, _AT_FC_LCB + 8 * _PLCF_BTE_PAPX)
        count = max(0, min(length - 4, len(self._table) - at - 4) // 8)
        runs: list[tuple[int, int, Properties]] = []
        for index in range(count):
            (page,) = struct.unpack_from("<I", self._table, at + 4 * (count + 1) + 4 * index)
            block = self._stream[(page & 0x3FFFFF) * 512 : (page & 0x3FFFFF) * 512 + 512]
            if len(block) < 512:
                continue
            number = block[511]
            if 4 * (number + 1) + 13 * number > 511:
                continue
            bounds = struct.unpack_from(f"<{number + 1}I", block, 0)
            for run in range(number):
                offset = 2 * block[4 * (number + 1) + 13 * run]
                properties = _papx(block, offset) if offset else Properties(known=True)
                runs.append((bounds[run], bounds[run + 1], properties))
        runs.sort(key=lambda run: run[0])
        return [run[0] for run in runs], [run[1] for run in runs], [run[2] for run in runs]


def _papx(block: bytes, offset: int) -> Properties:
    """Reads a PapxInFkp (2.9.175): the style's index and what differs from it."""
    size = block[offset]
    if size:
        data = block[offset + 1 : offset + 2 * size]
    else:
        size = block[offset + 1] if offset + 1 < len(block) else 0
        data = block[offset + 2 : offset + 2 + 2 * size]
    if len(data) < 2:
        return Properties(known=True)
    (style,) = struct.unpack_from("<H", data, 0)
    # Style indices 1 to 9 are always the headings 1 to 9 (2.9.271).
    heading = style if 1 <= style <= 9 else 0
    listed, level, in_table, row_end = False, 0, False, False
    for operation, operand in _modifiers(data, 2):
        if operation == _SPRM_OUTLINE:
            heading = operand + 1 if operand < 9 else heading
        elif operation == _SPRM_LIST:
            listed = operand not in (0, 0xF801)
        elif operation == _SPRM_LIST_LEVEL:
            level = operand
        elif operation == _SPRM_IN_TABLE:
            in_table = bool(operand)
        elif operation in (_SPRM_ROW_END, _SPRM_INNER_ROW_END):
            row_end = row_end or bool(operand)
        elif operation == _SPRM_INNER_CELL:
            in_table = True
    return Properties(True, heading, listed, level, in_table, row_end)


def _modifiers(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yields the operation and small operand of every Prl (2.9.211); variable operands are passed over."""
    while at + 2 < len(data):
        (operation,) = struct.unpack_from("<H", data, at)
        at += 2
        kind = operation >> 13
        if kind == 6:
            if operation == _SPRM_TABLE_DEFINITION and at + 2 <= len(data):
                at += struct.unpack_from("<H", data, at)[0] + 1
            elif operation == _SPRM_TABS and data[at] == 255:
                return
            else:
                at += data[at] + 1
            continue
        size = _OPERAND_BYTES[kind]
        yield operation, int.from_bytes(data[at : at + size], "little")
        at += size


def _has_pairs(data: bytes) -> bool:
    return any(0xD8 <= high < 0xE0 for high in data[1::2])


def _keep_length(data: bytes) -> str:
    """Keeps one character for each code unit: a pair becomes its character and an empty filler, dropped later."""
    out: list[str] = []
    units = struct.unpack(f"<{len(data) // 2}H", data[: len(data) // 2 * 2])
    index = 0
    while index < len(units):
        unit = units[index]
        if 0xD800 <= unit < 0xDC00 and index + 1 < len(units) and 0xDC00 <= units[index + 1] < 0xE000:
            out.append(chr(0x10000 + ((unit - 0xD800) << 10) + units[index + 1] - 0xDC00))
            out.append("\x1f")
            index += 2
            continue
        out.append("\x1f" if 0xD800 <= unit < 0xE000 else chr(unit))
        index += 1
    return "".join(out)
