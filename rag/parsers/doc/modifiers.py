"""Reads lists of property modifiers (Prl, [MS-DOC] 2.9.211) and what they say of characters."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rag.parsers.raised import Align

_SPRM_TABLE_DEFINITION, _SPRM_TABS = 0xD608, 0xC615
_SPRM_DELETED, _SPRM_HIDDEN, _SPRM_SCRIPT, _SPRM_STYLE = 0x0800, 0x083C, 0x2A48, 0x4A30
_OPERAND_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}
_ALIGNS: dict[int, Align] = {0: "", 1: "super", 2: "sub"}
_AS_STYLE, _OTHER_THAN_STYLE = 0x80, 0x81


@dataclass(frozen=True, slots=True)
class CharacterLook:
    """None: nothing is said. ``opposite``: hidden where the style is not, and the other way round."""

    hidden: bool | None = None
    opposite: bool = False
    deleted: bool = False
    align: Align | None = None
    style: int | None = None

    def over(self, other: "CharacterLook") -> "CharacterLook":
        """This look where it says something, ``other`` elsewhere."""
        hidden = not other.hidden if self.opposite else other.hidden if self.hidden is None else self.hidden
        align = other.align if self.align is None else self.align
        return CharacterLook(hidden, False, self.deleted or other.deleted, align, self.style)

    @property
    def unseen(self) -> bool:
        return bool(self.hidden) or self.deleted


NO_LOOK = CharacterLook()


def character_look(data: bytes) -> CharacterLook:
    hidden: bool | None = None
    opposite = deleted = False
    align: Align | None = None
    style: int | None = None
    for operation, operand in modifiers(data, 0):
        if operation == _SPRM_HIDDEN:
            hidden = None if operand in (_AS_STYLE, _OTHER_THAN_STYLE) else bool(operand)
            opposite = operand == _OTHER_THAN_STYLE
        elif operation == _SPRM_DELETED:
            deleted = bool(operand)
        elif operation == _SPRM_SCRIPT:
            align = _ALIGNS.get(operand)
        elif operation == _SPRM_STYLE:
            style = operand
    return CharacterLook(hidden, opposite, deleted, align, style)


def modifiers(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yields the operation and small operand of every modifier; variable operands are passed over."""
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
