"""Counts the numbered paragraphs of a Word 97-2003 document and writes their numbers ([MS-DOC] 2.9.131 to 2.9.150).

Lists (LSTF) hold levels, and overrides of lists (LFO) are what paragraphs and styles name.
"""

import struct
from dataclasses import dataclass, field

from rag.parsers.number_forms import BINARY_FORMS, written_number

_LSTF_BYTES, _LVLF_BYTES, _LFO_BYTES = 28, 28, 16
_LEVELS = 9
_NO_STYLE = 0x0FFF
_BULLET_CODE = 23


@dataclass(frozen=True, slots=True)
class _Level:
    """``text`` holds the characters U+0000 to U+0008 where the number of that level stands."""

    start: int
    code: int
    text: str
    legal: bool
    restart: int
    """Levels below this one (from 0) make it begin anew."""


@dataclass(slots=True)
class _List:
    levels: list[_Level]
    styles: list[int]
    counters: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Override:
    list_id: int
    starts: dict[int, int] = field(default_factory=dict)
    levels: dict[int, _Level] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)


class Lists:
    """The lists of one document; damaged tables make no list."""

    def __init__(self, table: bytes, lists: tuple[int, int], overrides: tuple[int, int]) -> None:
        """``lists`` and ``overrides`` are offset and length of PlfLst and PlfLfo in the table stream."""
        self._lists: dict[int, _List] = {}
        self._overrides: list[_Override] = []
        try:
            if lists[1]:
                self._read_lists(table, *lists)
            if overrides[1]:
                self._read_overrides(table, overrides[0])
        except (struct.error, IndexError, UnicodeDecodeError):
            return

    def next(self, override: int, level: int) -> str:
        """Counts a paragraph; returns its number or bullet. ``override`` counts from 1; "•" where it is unknown."""
        known = self._overrides[override - 1] if 0 < override <= len(self._overrides) else None
        one = self._lists.get(known.list_id) if known is not None else None
        if known is None or one is None or not one.levels:
            return "•"
        level = min(level, len(one.levels) - 1)
        if level in known.starts and level not in known.begun:
            one.counters.pop(level, None)
        known.begun.add(level)
        start = known.starts.get(level, self._level(known, one, level).start)
        one.counters[level] = one.counters[level] + 1 if level in one.counters else start
        for deeper in [at for at in one.counters if at > level and level < self._level(known, one, at).restart]:
            del one.counters[deeper]
        shown = self._level(known, one, level)
        if shown.code == _BULLET_CODE:
            return "•"
        return "".join(self._put(character, known, one, shown) for character in shown.text).strip()

    def level_of_style(self, override: int, style: int) -> int | None:
        """Returns the level of a list that a paragraph style is tied to, None where it is tied to none."""
        known = self._overrides[override - 1] if 0 < override <= len(self._overrides) else None
        one = self._lists.get(known.list_id) if known is not None else None
        return one.styles.index(style) if one is not None and style in one.styles else None

    def _put(self, character: str, override: _Override, one: _List, shown: _Level) -> str:
        level = ord(character)
        if level >= _LEVELS:
            return character
        other = self._level(override, one, level)
        form = BINARY_FORMS.get(other.code, "decimal")
        if shown.legal and form not in ("decimal", "decimalZero"):
            form = "decimal"
        return written_number(one.counters.get(level, other.start), form)

    @staticmethod
    def _level(override: _Override, one: _List, level: int) -> _Level:
        return override.levels.get(level) or one.levels[min(level, len(one.levels) - 1)]

    def _read_lists(self, table: bytes, at: int, length: int) -> None:
        (count,) = struct.unpack_from("<h", table, at)
        position = at + length
        for index in range(count):
            begin = at + 2 + _LSTF_BYTES * index
            (identifier,) = struct.unpack_from("<i", table, begin)
            styles = list(struct.unpack_from(f"<{_LEVELS}H", table, begin + 8))
            simple = bool(table[begin + 26] & 1)
            levels: list[_Level] = []
            for _ in range(1 if simple else _LEVELS):
                level, position = _read_level(table, position, len(levels))
                levels.append(level)
            tied = [style if style != _NO_STYLE else -1 for style in styles]
            self._lists[identifier] = _List(levels, tied)

    def _read_overrides(self, table: bytes, at: int) -> None:
        (count,) = struct.unpack_from("<I", table, at)
        count = min(count, len(table) // _LFO_BYTES)
        position = at + 4 + _LFO_BYTES * count
        for index in range(count):
            begin = at + 4 + _LFO_BYTES * index
            (identifier,) = struct.unpack_from("<i", table, begin)
            override = _Override(identifier)
            self._overrides.append(override)
            changed = table[begin + 12]
            position += 4
            for _ in range(changed):
                start, flags = struct.unpack_from("<II", table, position)
                position += 8
                level = flags & 0xF
                if flags & 0x20:
                    override.levels[level], position = _read_level(table, position, level)
                    start = override.levels[level].start
                if flags & 0x10:
                    override.starts[level] = start


def _read_level(table: bytes, at: int, depth: int) -> tuple[_Level, int]:
    """Returns a level and where the next one begins."""
    start, code, flags = struct.unpack_from("<iBB", table, at)
    characters, paragraph, limit = table[at + 24], table[at + 25], table[at + 26]
    position = at + _LVLF_BYTES + paragraph + characters
    (length,) = struct.unpack_from("<H", table, position)
    text = table[position + 2 : position + 2 + 2 * length].decode("utf-16-le", "replace")
    restart = limit if flags & 0x08 else depth
    return _Level(start, code, text, bool(flags & 0x04), restart), position + 2 + 2 * length
