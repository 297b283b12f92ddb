"""Reads the style sheet of a Word 97-2003 document (STSH, [MS-DOC] 2.9.271): lists and hidden text by style."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rag.parsers.doc.modifiers import NO_LOOK, CharacterLook, character_look, modifiers

_PARAGRAPH, _CHARACTER = 1, 2
_SPRM_LIST, _SPRM_LIST_LEVEL, _SPRM_OUTLINE = 0x460B, 0x260A, 0x2640
_MAX_INHERITANCE = 20
_NIL = 0x0FFF


@dataclass(frozen=True, slots=True)
class DocStyle:
    """None: the style does not say. ``base`` is the index of the style that it is based on."""

    name: str = ""
    base: int = _NIL
    override: int | None = None
    level: int | None = None
    outline: int | None = None
    look: CharacterLook = NO_LOOK


class StyleSheet:
    """The styles of one document by index; a damaged sheet has none."""

    def __init__(self, data: bytes) -> None:
        self._styles: dict[int, DocStyle] = {}
        try:
            self._styles = dict(_read(data))
        except (struct.error, IndexError):
            return

    def of(self, index: int) -> DocStyle:
        """Returns a style with what it inherits."""
        found = self._styles.get(index, DocStyle())
        name, base = found.name, found.base
        for _ in range(_MAX_INHERITANCE):
            parent = self._styles.get(base)
            if parent is None:
                break
            found = DocStyle(
                name,
                _NIL,
                parent.override if found.override is None else found.override,
                parent.level if found.level is None else found.level,
                parent.outline if found.outline is None else found.outline,
                found.look.over(parent.look),
            )
            base = parent.base
        return found


def _read(data: bytes) -> Iterator[tuple[int, DocStyle]]:
    if len(data) < 6:
        return
    (header,) = struct.unpack_from("<H", data, 0)
    count, base_bytes = struct.unpack_from("<HH", data, 2)
    at = 2 + header
    for index in range(count):
        if at + 2 > len(data):
            return
        (size,) = struct.unpack_from("<H", data, at)
        if size >= base_bytes + 4:
            yield index, _style(data[at + 2 : at + 2 + size], base_bytes)
        at += 2 + size + size % 2


def _style(std: bytes, base_bytes: int) -> DocStyle:
    kind_and_base, updates = struct.unpack_from("<HH", std, 2)
    kind, base = kind_and_base & 0xF, kind_and_base >> 4
    (length,) = struct.unpack_from("<H", std, base_bytes)
    at = base_bytes + 2
    name = std[at : at + 2 * length].decode("utf-16-le", "replace")
    at += 2 * length + 2
    override = level = outline = None
    look = NO_LOOK
    for number in range(updates & 0xF):
        at += at % 2
        if at + 2 > len(std):
            break
        (size,) = struct.unpack_from("<H", std, at)
        update = std[at + 2 : at + 2 + size]
        if kind == _PARAGRAPH and number == 0:
            for operation, operand in modifiers(update, 2):
                if operation == _SPRM_LIST:
                    override = operand
                elif operation == _SPRM_LIST_LEVEL:
                    level = operand
                elif operation == _SPRM_OUTLINE:
                    outline = operand
        elif (kind == _PARAGRAPH and number == 1) or (kind == _CHARACTER and number == 0):
            look = character_look(update)
        at += 2 + size
    return DocStyle(name, base, override, level, outline, look)
