"""Finds the raised and lowered letters of a text of PowerPoint 97-2003 (StyleTextPropAtom of [MS-PPT], 2.9.44).

The record holds runs of paragraphs, then runs of letters; each run counts its letters, says by a mask which properties
follow, and holds them in a fixed order.
"""

import struct
from collections.abc import Iterator, Sequence

from rag.parsers.raised import Align, compose

_MASK = struct.Struct("<I")
_COUNT = struct.Struct("<H")
_SIGNED = struct.Struct("<h")
# Bits of a mask, any of which brings the property, and the property's bytes, in the order of the file.
_PARAGRAPH: tuple[tuple[int, int], ...] = (
    (0x0F, 2), (1 << 7, 2), (1 << 4, 2), (1 << 6, 2), (1 << 5, 4), (1 << 11, 2), (1 << 12, 2), (1 << 13, 2),
    (1 << 14, 2), (1 << 8, 2), (1 << 10, 2), (1 << 15, 2),
)  # fmt: skip
_TAB_STOPS = 1 << 20
_BEHIND_TABS: tuple[tuple[int, int], ...] = ((1 << 16, 2), (0b111 << 17, 2), (1 << 21, 2))
_LETTERS: tuple[tuple[int, int], ...] = (
    (0x3FFF, 2), (1 << 16, 2), (1 << 21, 2), (1 << 22, 2), (1 << 23, 2), (1 << 17, 2), (1 << 18, 4),
)  # fmt: skip
_POSITION = 1 << 19


def with_raised(text: str, styles: bytes) -> str:
    """Writes raised and lowered letters so that they do not run into what stands before them; the text as it is where
    the record tells of none or breaks off."""
    try:
        runs = list(_runs(styles, len(text) + 1))
    except struct.error:
        return text
    if not any(position for _, position in runs):
        return text
    lines: list[str] = []
    pieces: list[tuple[Align, str]] = []
    at = 0
    for count, position in [*runs, (len(text), 0)]:
        align: Align = "super" if position > 0 else "sub" if position < 0 else ""
        first, *others = text[at : at + count].split("\r")
        pieces.append((align, first))
        for line in others:
            lines.append(compose(pieces))
            pieces = [(align, line)]
        at += count
    return "\r".join([*lines, compose(pieces)])


def _runs(styles: bytes, length: int) -> Iterator[tuple[int, int]]:
    """Yields the letters of each run and by how many hundredths they are raised. Raises struct.error for a short
    record."""
    at = covered = 0
    while covered < length:
        (count,) = _MASK.unpack_from(styles, at)
        (mask,) = _MASK.unpack_from(styles, at + 6)  # behind the level
        at = _behind(_PARAGRAPH, mask, at + 10)
        if mask & _TAB_STOPS:
            at += 2 + 4 * _COUNT.unpack_from(styles, at)[0]
        at = _behind(_BEHIND_TABS, mask, at)
        covered += max(1, count)
    covered = 0
    while covered < length:
        count, mask = _MASK.unpack_from(styles, at)[0], _MASK.unpack_from(styles, at + 4)[0]
        at = _behind(_LETTERS, mask, at + 8)
        position = 0
        if mask & _POSITION:
            (position,) = _SIGNED.unpack_from(styles, at)
            at += 2
        yield count, position
        covered += max(1, count)


def _behind(properties: Sequence[tuple[int, int]], mask: int, at: int) -> int:
    """The place behind those properties that the mask names."""
    return at + sum(size for bits, size in properties if mask & bits)
