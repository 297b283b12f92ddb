"""Knows where the notes and comments of a Word 97-2003 document are anchored in its main text ([MS-DOC] 2.8).

Places are character positions (CP) of the main text.
"""

import struct
from collections.abc import Callable

from rag.parsers.number_forms import written_number

_FOOTNOTES, _COMMENTS, _AUTHORS, _ENDNOTES = 2, 4, 36, 46
"""Indices of pairs (offset, length) in FibRgFcLcb97 (2.5.6)."""
_NOTE_BYTES, _COMMENT_BYTES = 2, 30


class Anchors:
    """``notes`` maps places to the printed numbers of notes, ``comments`` to the number of a comment, from 0.

    ``authors`` are those of the comments, in their order.
    """

    def __init__(self, table: bytes, pair: Callable[[int], tuple[int, int]]) -> None:
        """``pair`` returns offset and length of a structure in the table stream by its index."""
        self._table = table
        self._pair = pair
        self.notes: dict[int, str] = {}
        for index, form in ((_FOOTNOTES, "decimal"), (_ENDNOTES, "lowerRoman")):
            # A mark of the writer's own has no number.
            automatic = [cp for cp, kind in self._references(index, _NOTE_BYTES) if kind != b"\0\0"]
            self.notes |= {cp: written_number(number, form) for number, cp in enumerate(automatic, 1)}
        made = self._references(_COMMENTS, _COMMENT_BYTES)
        self.comments = {cp: number for number, (cp, _) in enumerate(made)}
        names = self._names()
        owners = [struct.unpack_from("<H", data, 20)[0] for _, data in made]
        self.authors = [names[owner] if owner < len(names) else "" for owner in owners]

    def _references(self, index: int, size: int) -> list[tuple[int, bytes]]:
        """Returns the places that a Plc names, each with its data of ``size`` bytes."""
        at, length = self._pair(index)
        count = max(0, min(length, len(self._table) - at) - 4) // (4 + size)
        places = struct.unpack_from(f"<{count}I", self._table, at) if count else ()
        data = at + 4 * (count + 1)
        return [(cp, self._table[data + size * n : data + size * (n + 1)]) for n, cp in enumerate(places)]

    def _names(self) -> list[str]:
        names: list[str] = []
        at, length = self._pair(_AUTHORS)
        end = min(at + length, len(self._table))
        while at + 2 <= end:
            (characters,) = struct.unpack_from("<H", self._table, at)
            names.append(self._table[at + 2 : at + 2 + 2 * characters].decode("utf-16-le", "replace"))
            at += 2 + 2 * characters
        return names
