"""Counts the items of OpenDocument lists and headings and writes each number as it is shown (ODF 1.3 part 3, 16.33).

A list counts by levels. A new list begins anew unless it says that it goes on with another one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rag.parsers.number_forms import ODF_FORMS, written_number
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
TEXT, STYLE = _NS % "text", _NS % "style"
LOEXT = "{urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0}"
_MAX_LEVEL = 10
_LATIN = 26
_MOST_CHARS = 200  # of what stands around numbers; a short file can say it for thousands of items


@dataclass(frozen=True, slots=True)
class Level:
    """``shown`` is how many levels a number shows, this one included; ``template`` writes them ("%1%.%2%")."""

    bullet: str = ""
    form: str = ""
    prefix: str = ""
    suffix: str = ""
    start: int = 1
    shown: int = 1
    template: str = ""
    letters_double: bool = False


@dataclass(slots=True)
class Counter:
    """The numbers that one list has reached, by level from 1."""

    style: str
    numbers: dict[int, int] = field(default_factory=dict)


class ListStyles:
    """The list styles of a document, and the numbers of its headings."""

    def __init__(self, roots: Iterable[Element]) -> None:
        self._styles: dict[str, dict[int, Level]] = {}
        self._outline: dict[int, Level] = {}
        for root in roots:
            for style in root.iter(f"{TEXT}list-style"):
                self._styles[str(style.get(f"{STYLE}name", ""))] = _levels(style)
            for style in root.iter(f"{TEXT}outline-style"):
                self._outline = _levels(style)
        self._headings = Counter("")

    def heading(self, level: int, restart: int | None) -> str:
        """Counts a heading that no list holds; returns its number, "" where headings have none."""
        return self._next(self._outline, self._headings, level, restart)

    def item(self, counter: Counter, level: int, restart: int | None) -> str:
        """Counts an item of a list; returns its number or bullet."""
        levels = self._styles.get(counter.style)
        if levels is None:
            return "•"
        return self._next(levels, counter, level, restart)

    def _next(self, levels: dict[int, Level], counter: Counter, depth: int, restart: int | None) -> str:
        depth = max(1, min(depth, _MAX_LEVEL))
        level = levels.get(depth, Level())
        if restart is not None:
            counter.numbers[depth] = restart
        else:
            counter.numbers[depth] = counter.numbers[depth] + 1 if depth in counter.numbers else level.start
        for deeper in [one for one in counter.numbers if one > depth]:
            del counter.numbers[deeper]
        if level.bullet:
            return "•"
        if not level.form:
            return ""
        return _written(levels, counter, depth)


def _written(levels: dict[int, Level], counter: Counter, depth: int) -> str:
    level = levels[depth]

    def number(at: int) -> str:
        other = levels.get(at, Level())
        return _number(counter.numbers.get(at, other.start), other)

    if level.template:
        text = level.template
        for at in range(1, _MAX_LEVEL + 1):
            text = text.replace(f"%{at}%", number(at) if at <= depth else "")
        return text.strip()
    parts = [number(at) for at in range(max(1, depth - level.shown + 1), depth + 1)]
    return f"{level.prefix}{'.'.join(filter(None, parts))}{level.suffix}".strip()


def _number(number: int, level: Level) -> str:
    if level.form in ("a", "A") and not level.letters_double and number > _LATIN:
        letters = ""
        while number > 0:
            number, index = divmod(number - 1, _LATIN)
            letters = chr(ord(level.form) + index) + letters
        return letters
    return written_number(number, ODF_FORMS.get(level.form, "decimal"))


def _levels(style: Element) -> dict[int, Level]:
    levels: dict[int, Level] = {}
    for level in style:
        depth = str(level.get(f"{TEXT}level", ""))
        if not isinstance(level.tag, str) or not depth.isdecimal():
            continue
        if level.tag in (f"{TEXT}list-level-style-bullet", f"{TEXT}list-level-style-image"):
            levels[whole_number(depth, 0)] = Level(bullet="•")
            continue
        levels[whole_number(depth, 0)] = Level(
            form=str(level.get(f"{STYLE}num-format", "")),
            prefix=str(level.get(f"{STYLE}num-prefix", ""))[:_MOST_CHARS],
            suffix=str(level.get(f"{STYLE}num-suffix", ""))[:_MOST_CHARS],
            start=_whole(level.get(f"{TEXT}start-value"), 1),
            shown=_whole(level.get(f"{TEXT}display-levels"), 1),
            template=str(level.get(f"{LOEXT}num-list-format", ""))[:_MOST_CHARS],
            letters_double=level.get(f"{STYLE}num-letter-sync", "false") == "true",
        )
    return levels


def _whole(value: str | None, missing: int) -> int:
    return whole_number(value or "", missing)
