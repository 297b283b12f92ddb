"""Reads lists of property modifiers (Prl, [MS-DOC] 2.9.211) and what they say of characters."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rag.parsers.raised import Align

_SPRM_TABLE_DEFINITION, _SPRM_TABS = 0xD608, 0xC615
_SPRM_COLOR, _SPRM_RGB, _SPRM_HIGHLIGHT = 0x2A42, 0x6870, 0x2A0C
_SPRM_SHADE, _SPRM_OLD_SHADE, _SPRM_PARAGRAPH_SHADE, _SPRM_OLD_PARAGRAPH_SHADE = 0xCA71, 0x4866, 0xC64D, 0x442D
_SHADE_BYTES, _WHITE, _VARIABLE = 10, 8, 6
_SPRM_DELETED, _SPRM_HIDDEN, _SPRM_SCRIPT, _SPRM_STYLE = 0x0800, 0x083C, 0x2A48, 0x4A30
_OPERAND_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}
_ALIGNS: dict[int, Align] = {0: "", 1: "super", 2: "sub"}
_AS_STYLE, _OTHER_THAN_STYLE = 0x80, 0x81


@dataclass(frozen=True, slots=True)
class CharacterLook:
    """None: nothing is said. ``opposite``: hidden where the style is not, and the other way round. ``white`` letters
    are seen where they are ``shaded``."""

    hidden: bool | None = None
    opposite: bool = False
    deleted: bool = False
    align: Align | None = None
    style: int | None = None
    white: bool | None = None
    shaded: bool | None = None

    def over(self, other: "CharacterLook") -> "CharacterLook":
        """This look where it says something, ``other`` elsewhere."""
        hidden = not other.hidden if self.opposite else other.hidden if self.hidden is None else self.hidden
        align = other.align if self.align is None else self.align
        white = other.white if self.white is None else self.white
        shaded = other.shaded if self.shaded is None else self.shaded
        return CharacterLook(hidden, False, self.deleted or other.deleted, align, self.style, white, shaded)

    @property
    def unseen(self) -> bool:
        return bool(self.hidden) or self.deleted


NO_LOOK = CharacterLook()


def character_look(data: bytes) -> CharacterLook:
    hidden: bool | None = None
    opposite = deleted = False
    align: Align | None = None
    style: int | None = None
    white: bool | None = None
    shaded: bool | None = None
    for operation, raw in raw_modifiers(data, 0):
        operand = int.from_bytes(raw, "little")
        ground = is_shaded(operation, raw)
        shaded = shaded if ground is None else ground
        if operation == _SPRM_HIDDEN:
            hidden = None if operand in (_AS_STYLE, _OTHER_THAN_STYLE) else bool(operand)
            opposite = operand == _OTHER_THAN_STYLE
        elif operation == _SPRM_DELETED:
            deleted = bool(operand)
        elif operation == _SPRM_SCRIPT:
            align = _ALIGNS.get(operand)
        elif operation == _SPRM_STYLE:
            style = operand
        elif operation == _SPRM_COLOR:
            white = operand == _WHITE
        elif operation == _SPRM_RGB:
            white = operand == 0x00FFFFFF
    return CharacterLook(hidden, opposite, deleted, align, style, white, shaded)


def modifiers(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yields the operation of every modifier and its operand as a number."""
    for operation, operand in raw_modifiers(data, at):
        yield operation, int.from_bytes(operand, "little")


def raw_modifiers(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yields the operation of every modifier and its operand, without the size in front of one that varies."""
    while at + 2 < len(data):
        (operation,) = struct.unpack_from("<H", data, at)
        at += 2
        kind = operation >> 13
        lead = 0
        if kind != _VARIABLE:
            size = _OPERAND_BYTES[kind]
        elif operation == _SPRM_TABLE_DEFINITION:
            if at + 2 > len(data):
                return
            lead, size = 2, struct.unpack_from("<H", data, at)[0] - 1
        elif operation == _SPRM_TABS and data[at] == 255:
            return
        else:
            lead, size = 1, data[at]
        yield operation, data[at + lead : at + lead + max(0, size)]
        at += lead + max(0, size)


def is_shaded(operation: int, operand: bytes) -> bool | None:
    """Whether a modifier gives letters or a paragraph a ground that is not white; None for other modifiers."""
    if operation in (_SPRM_SHADE, _SPRM_PARAGRAPH_SHADE) and len(operand) >= _SHADE_BYTES:
        red_green_blue, automatic, pattern = operand[4:7], operand[7], operand[8]
        return pattern not in (0, 0xFF) or (automatic != 0xFF and red_green_blue != b"\xff\xff\xff")
    if operation in (_SPRM_OLD_SHADE, _SPRM_OLD_PARAGRAPH_SHADE) and len(operand) == 2:
        value = int.from_bytes(operand, "little")
        return value != 0xFFFF and (value >> 10 != 0 or (value >> 5) & 31 not in (0, _WHITE))
    if operation == _SPRM_HIGHLIGHT:
        return bool(operand) and operand[0] not in (0, _WHITE)
    return None
