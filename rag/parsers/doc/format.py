"""Reads the streams of a Word 97-2003 file as [MS-DOC] defines them: characters by piece, properties, lists, notes.

Section numbers in comments are those of [MS-DOC]. Character positions (CP) count characters of the document, file
positions (FC) bytes of the WordDocument stream.
"""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rag.errors import ReadError
from rag.parsers.doc.anchors import Anchors
from rag.parsers.doc.lists import Lists
from rag.parsers.doc.modifiers import CharacterLook, character_look, is_shaded, raw_modifiers
from rag.parsers.doc.rows import row_shape
from rag.parsers.doc.styles import StyleSheet
from rag.parsers.raised import Align
from rag.parsers.tables.edges import NO_SHAPE, RowShape

Part = Literal["main", "footnotes", "headers", "comments", "endnotes", "textboxes", "header textboxes"]

_WORD_97 = 0x00C1
_WORD_IDENT = 0xA5EC
_FLAG_ENCRYPTED, _FLAG_TABLE_1 = 0x0100, 0x0200
_AT_CCP = 0x4C
_AT_FC_LCB = 0x9A
_STYLES, _PLCF_BTE_CHPX, _PLCF_BTE_PAPX, _CLX, _LISTS, _LIST_OVERRIDES = 1, 12, 13, 33, 73, 74
"""Indices of pairs (offset, length) in FibRgFcLcb97 (2.5.6)."""
_MAX_PIECES = 1_000_000
_MARKS = "\r\x07\x0c"

_SPRM_IN_TABLE, _SPRM_ROW_END = 0x2416, 0x2417
_SPRM_INNER_CELL, _SPRM_INNER_ROW_END = 0x244B, 0x244C
_SPRM_OUTLINE, _SPRM_LIST_LEVEL, _SPRM_LIST = 0x2640, 0x260A, 0x460B
_NO_LIST = (0, 0xF801)
_ANCHORS = re.compile("[\x02\x05]")
_FIELD_MARKS = "\x13\x14\x15"


@dataclass(frozen=True, slots=True)
class Properties:
    """Of one paragraph. ``heading`` is 0 or a level from 1; ``known`` is false where the file does not say.

    ``style`` is an index of the style sheet, ``list_override`` counts the overrides of lists from 1, 0 for no list;
    None where the style decides. ``row`` says of the end of a row where its cells end.
    """

    known: bool = False
    heading: int = 0
    style: int = 0
    list_override: int | None = None
    list_level: int | None = None
    in_table: bool = False
    row_end: bool = False
    row: RowShape = NO_SHAPE
    shaded: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Characters before a ``mark``: "\\r" ends a paragraph, "\\x07" a cell or row, "\\x0c" a page or section.

    ``runs`` are its visible characters, raised, lowered or neither; ``comments`` number those made at it, from 0.
    """

    runs: tuple[tuple[Align, str], ...]
    mark: str
    properties: Properties
    comments: tuple[int, ...] = ()


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
        self._look_starts, self._look_ends, self._looks = self._character_runs()
        self.sheet = StyleSheet(table[slice(*self._span(_STYLES))])
        self.lists = Lists(table, self._pair(_LISTS), self._pair(_LIST_OVERRIDES))
        self.anchors = Anchors(table, self._pair)
        self.hidden = False
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

    def number(self, properties: Properties) -> tuple[str, int]:
        """Counts a paragraph in its list; returns its number ("" outside of lists) and its level there."""
        style = self.sheet.of(properties.style)
        override = style.override if properties.list_override is None else properties.list_override
        if not override or override in _NO_LIST:
            return "", 0
        level = properties.list_level
        if level is None:
            level = self.lists.level_of_style(override, properties.style)
        if level is None:
            level = style.level or 0
        return self.lists.next(override, level), level

    def paragraphs(self, part: Part) -> Iterator[Paragraph]:
        """Yields the paragraphs of one part, in order; one whose end was deleted goes on in the next."""
        start, end = self._ranges[part]
        held: list[tuple[Align, str]] = []
        comments: list[int] = []
        for piece in self._pieces:
            first, last = max(start, piece.start), min(end, piece.end)
            if first >= last:
                continue
            text = self._text(piece, first, last)
            begin = 0
            for position, character in enumerate(text):
                if character in _MARKS:
                    held += self._visible(piece, first, text, begin, position, comments)
                    fc = piece.offset + (first - piece.start + position) * piece.width
                    properties = self._properties_at(fc)
                    begin = position + 1
                    if character == "\r" and self._look_at(fc, properties.style).deleted:
                        continue
                    yield Paragraph(tuple(held), character, properties, tuple(comments))
                    held, comments = [], []
            held += self._visible(piece, first, text, begin, len(text), comments)
        if held:
            yield Paragraph(tuple(held), "\r", Properties(), tuple(comments))

    def _visible(
        self, piece: _Piece, first: int, text: str, begin: int, end: int, comments: list[int]
    ) -> Iterator[tuple[Align, str]]:
        """Yields ``text[begin:end]`` of a piece, whose first character is CP ``first``, without what is hidden."""

        def fc(position: int) -> int:
            return piece.offset + (first - piece.start + position) * piece.width

        around = self._properties_at(fc(end))
        style = around.style
        on_white = not around.in_table and not around.shaded
        while begin < end:
            index = bisect_right(self._look_starts, fc(begin)) - 1
            known = index >= 0 and fc(begin) < self._look_ends[index]
            until = (
                self._look_ends[index]
                if known
                else (self._look_starts[index + 1] if index + 1 < len(self._look_starts) else fc(end))
            )
            stop = min(end, begin + max(1, (until - fc(begin)) // piece.width))
            look = self._look_at(fc(begin), style)
            run = text[begin:stop]
            if look.unseen or (look.white and not look.shaded and on_white):
                self.hidden = self.hidden or (not look.deleted and not run.isspace())
                run = "".join(character for character in run if character in _FIELD_MARKS)
                yield "", run
            else:
                yield look.align or "", self._anchored(run, first + begin, comments)
            begin = stop

    def _anchored(self, run: str, cp: int, comments: list[int]) -> str:
        """Puts the marks of notes in their places, and notes the comments made there."""

        def put(match: re.Match[str]) -> str:
            place = cp + match.start()
            if match[0] == "\x05" and place in self.anchors.comments:
                comments.append(self.anchors.comments[place])
            mark = self.anchors.notes.get(place, "")
            return f"[{mark}]" if mark else match[0]

        return _ANCHORS.sub(put, run)

    def _look_at(self, fc: int, style: int) -> CharacterLook:
        """Returns how a character is shown: by itself, by its character style, by the style of its paragraph."""
        index = bisect_right(self._look_starts, fc) - 1
        own = self._looks[index] if index >= 0 and fc < self._look_ends[index] else CharacterLook()
        look = self.sheet.of(style).look
        if own.style is not None:
            look = self.sheet.of(own.style).look.over(look)
        return own.over(look)

    def _pair(self, index: int) -> tuple[int, int]:
        """Returns offset and length of a structure in the table stream; none where the header is too short for it."""
        at = _AT_FC_LCB + 8 * index
        found: tuple[int, int] = struct.unpack_from("<II", self._stream, at) if at + 8 <= len(self._stream) else (0, 0)
        return found

    def _span(self, index: int) -> tuple[int, int]:
        at, length = self._pair(index)
        return at, at + length

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

    def _character_runs(self) -> tuple[list[int], list[int], list[CharacterLook]]:
        """Returns where runs of characters lie in the stream and how they are shown, from every ChpxFkp (2.9.33)."""
        runs: list[tuple[int, int, CharacterLook]] = []
        for block in self._pages(_PLCF_BTE_CHPX):
            number = block[511]
            if 5 * number + 4 > 511:
                continue
            bounds = struct.unpack_from(f"<{number + 1}I", block, 0)
            for run in range(number):
                offset = 2 * block[4 * (number + 1) + run]
                if offset:
                    look = character_look(block[offset + 1 : offset + 1 + block[offset]])
                    runs.append((bounds[run], bounds[run + 1], look))
        runs.sort(key=lambda run: run[0])
        return [run[0] for run in runs], [run[1] for run in runs], [run[2] for run in runs]

    def _pages(self, index: int) -> Iterator[bytes]:
        """Yields the pages of 512 bytes that a bin table names."""
        at, length = self._pair(index)
        count = max(0, min(length - 4, len(self._table) - at - 4) // 8)
        for number in range(count):
            (page,) = struct.unpack_from("<I", self._table, at + 4 * (count + 1) + 4 * number)
            block = self._stream[(page & 0x3FFFFF) * 512 : (page & 0x3FFFFF) * 512 + 512]
            if len(block) == 512:
                yield block

    def _paragraph_runs(self) -> tuple[list[int], list[int], list[Properties]]:
        """Returns where each paragraph lies in the stream and what it is, from every PapxFkp (2.9.176)."""
        runs: list[tuple[int, int, Properties]] = []
        for block in self._pages(_PLCF_BTE_PAPX):
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
    in_table, row_end = False, False
    override: int | None = None
    level: int | None = None
    shaded = False
    for operation, raw in raw_modifiers(data, 2):
        operand = int.from_bytes(raw, "little")
        shaded = is_shaded(operation, raw) or shaded
        if operation == _SPRM_OUTLINE:
            heading = operand + 1 if operand < 9 else heading
        elif operation == _SPRM_LIST:
            override = 0 if operand in _NO_LIST else operand
        elif operation == _SPRM_LIST_LEVEL:
            level = operand
        elif operation == _SPRM_IN_TABLE:
            in_table = bool(operand)
        elif operation in (_SPRM_ROW_END, _SPRM_INNER_ROW_END):
            row_end = row_end or bool(operand)
        elif operation == _SPRM_INNER_CELL:
            in_table = True
    row = row_shape(data) if row_end else NO_SHAPE
    return Properties(True, heading, style, override, level, in_table, row_end, row, shaded)


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
