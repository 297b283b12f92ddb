"""Counts the numbered paragraphs of a Word document and writes each number as Word shows it ("2.1", "(iii)").

Counters belong to the abstract definition, which several lists share; a list with a start of its own begins anew when
it is first used. ECMA-376 part 1, section 17.9.
"""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rag.parsers.number_forms import written_number
from rag.parsers.office.symbol_fonts import without_symbols
from rag.parsers.whole_number import whole_number

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PLACE = re.compile(r"%([1-9])")
_ZEROS = re.compile(r"(0*)1,")
_DECIMAL = ("decimal", "decimalZero", "none")
_MAX_LINKS = 10
_MOST_CHARS = 200  # of what stands around numbers; a short file can say it for thousands of paragraphs


class NumberedAs(NamedTuple):
    """Which list a paragraph belongs to; ``level`` counts from 0."""

    list_id: str
    level: int


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a list. ``text`` holds ``%n`` where the number of level n (from 1) stands.

    ``restart`` is the level (from 1) that makes this one begin anew, 0 for none; None means any level above it.
    """

    start: int = 1
    form: str = "decimal"
    text: str = "%1."
    style: str = ""
    restart: int | None = None
    legal: bool = False


@dataclass(slots=True)
class _Definition:
    """An abstract definition: its levels, its counters, and the style that stands for another definition."""

    levels: dict[int, Level]
    links_to: str = ""
    style_name: str = ""
    counters: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The lists of numbering.xml (None where the document has none). Counters go on with every call of ``next``."""

    def __init__(self, numbering: Any | None, list_styles: dict[str, str] | None = None) -> None:
        """``list_styles`` maps a numbering style to the list that it names."""
        self._definitions: dict[str, _Definition] = {}
        self._abstract_of: dict[str, str] = {}
        self._overrides: dict[str, dict[int, Level]] = {}
        self._starts: dict[str, dict[int, int]] = {}
        self._started: set[tuple[str, int]] = set()
        self._list_styles = list_styles or {}
        for definition in numbering.iter(f"{W}abstractNum") if numbering is not None else ():
            self._definitions[definition.get(f"{W}abstractNumId", "")] = _Definition(
                _levels(definition), _value(definition, "numStyleLink"), _value(definition, "styleLink")
            )
        for number in numbering.iter(f"{W}num") if numbering is not None else ():
            self._add_list(number)

    def _add_list(self, number: Any) -> None:
        identifier = number.get(f"{W}numId", "")
        self._abstract_of[identifier] = _value(number, "abstractNumId")
        for override in number.findall(f"{W}lvlOverride"):
            depth = override.get(f"{W}ilvl", "")
            start = _value(override, "startOverride")
            if depth.isdecimal():
                self._overrides.setdefault(identifier, {}).update(_levels(override))
                if start.isdecimal():
                    self._starts.setdefault(identifier, {})[whole_number(depth, 0)] = whole_number(start, 0)

    def known(self, list_id: str) -> bool:
        return list_id in self._abstract_of

    def level_of_style(self, list_id: str, style: str) -> int | None:
        """Returns the level of a list to which a paragraph style is tied; None where it is tied to none."""
        definition = self._definition(list_id)
        for depth, level in definition.levels.items() if definition else ():
            if level.style == style:
                return depth
        return None

    def is_bullet(self, numbered: NumberedAs) -> bool:
        return self._level(numbered.list_id, numbered.level).form == "bullet"

    def next(self, numbered: NumberedAs) -> str:
        """Counts one more paragraph of a list and returns its number or bullet, "" where it shows none."""
        definition = self._definition(numbered.list_id)
        if definition is None:
            return ""
        level = self._level(numbered.list_id, numbered.level)
        self._count(definition, numbered, level)
        if level.form == "bullet":
            return "•" if level.text.strip() else ""
        return self._written(definition, numbered, level)

    def _count(self, definition: _Definition, numbered: NumberedAs, level: Level) -> None:
        counters = definition.counters
        begin = level.start
        starts = self._starts.get(numbered.list_id, {})
        key = numbered.list_id, numbered.level
        if numbered.level in starts and key not in self._started:
            counters.pop(numbered.level, None)
        begin = starts.get(numbered.level, begin)
        self._started.add(key)
        counters[numbered.level] = counters[numbered.level] + 1 if numbered.level in counters else begin
        for deeper in [depth for depth in counters if depth > numbered.level]:
            restart = self._level(numbered.list_id, deeper).restart
            if restart is None or numbered.level < restart:
                del counters[deeper]

    def _written(self, definition: _Definition, numbered: NumberedAs, level: Level) -> str:
        def put(match: re.Match[str]) -> str:
            depth = int(match[1]) - 1
            other = self._level(numbered.list_id, depth)
            number = definition.counters.get(depth, other.start)
            form = "decimal" if level.legal and other.form not in _DECIMAL else other.form
            return written_number(number, form)

        return _PLACE.sub(put, level.text).strip()

    def _definition(self, list_id: str) -> _Definition | None:
        definition = self._definitions.get(self._abstract_of.get(list_id, ""))
        for _ in range(_MAX_LINKS):
            if definition is None or not definition.links_to:
                break
            linked = self._list_styles.get(definition.links_to, "")
            target = self._definitions.get(self._abstract_of.get(linked, ""))
            if target is None or target is definition:
                name = definition.links_to
                target = next((one for one in self._definitions.values() if one.style_name == name), None)
            if target is None or target is definition:
                break
            definition = target
        return definition

    def _level(self, list_id: str, depth: int) -> Level:
        override = self._overrides.get(list_id, {}).get(depth)
        definition = self._definition(list_id)
        return override or (definition.levels.get(depth) if definition else None) or Level(text=f"%{depth + 1}.")


def _levels(parent: Any) -> dict[int, Level]:
    levels: dict[int, Level] = {}
    for level in parent.findall(f"{W}lvl"):
        depth = level.get(f"{W}ilvl", "")
        if not depth.isdecimal():
            continue
        start, restart = _value(level, "start"), _value(level, "lvlRestart")
        legal = level.find(f"{W}isLgl")
        levels[whole_number(depth, 0)] = Level(
            whole_number(start, 0 if level.find(f"{W}start") is None else 1),
            _form(level),
            _text(level),
            _value(level, "pStyle"),
            whole_number(restart, None),
            legal is not None and legal.get(f"{W}val", "1") not in ("0", "false", "off"),
        )
    return levels


def _form(level: Any) -> str:
    """Returns the form of a level's numbers; one for new programs ("001, 002, ...") may stand beside the old one."""
    for form in level.iter(f"{W}numFmt"):
        value = str(form.get(f"{W}val", ""))
        if value == "custom":
            zeros = _ZEROS.match(str(form.get(f"{W}format", "")).replace(" ", ""))
            return f"decimalZero{len(zeros[1]) + 1}" if zeros and len(zeros[1]) > 1 else "decimalZero"
        if value:
            return value
    return "decimal"


def _text(level: Any) -> str:
    found = level.find(f"{W}lvlText")
    if found is None or found.get(f"{W}null", "") in ("1", "true", "on"):
        return ""
    fonts = level.find(f"{W}rPr/{W}rFonts")
    font = str(fonts.get(f"{W}ascii", "")) if fonts is not None else ""
    text = str(found.get(f"{W}val", ""))[:_MOST_CHARS]
    return without_symbols(text, "" if _PLACE.search(text) else font)


def _value(parent: Any, name: str) -> str:
    child = parent.find(f"{W}{name}")
    return str(child.get(f"{W}val", "")) if child is not None else ""
