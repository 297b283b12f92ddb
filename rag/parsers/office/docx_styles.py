"""Tells what a Word paragraph is by its style: a heading of some level, a list item, a caption, or plain text.

Styles are known by identifier, by name in any language (Word keeps the English name of its own styles) and by outline
level, each inherited from the style it is based on.
"""

import re
from dataclasses import dataclass
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(
    r"(?:heading|überschrift|titre|título|titulo|titolo|kop|rubrik|overskrift|otsikko|nagłówek|заголовок)\s*([1-9])",
    re.I,
)
_TITLE = re.compile(r"(?:title|titel|titre|título|titolo)$", re.I)
_LIST = re.compile(r"list (?:bullet|number|paragraph)|listenabsatz|list item", re.I)
_CAPTION = re.compile(r"caption|beschriftung|légende", re.I)
_MAX_INHERITANCE = 20
_BODY_LEVEL = 9
"""The outline level that says "no heading"."""


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """``heading`` is 0 or a level from 1; ``depth`` is that of a list item, from 0."""

    heading: int = 0
    listed: bool = False
    depth: int = 0
    bullet: str = ""
    caption: bool = False


class Styles:
    """Looks paragraphs up in the two parts; either may be missing (None)."""

    def __init__(self, styles: Any | None, numbering: Any | None) -> None:
        self._styles = {
            style.get(f"{W}styleId", ""): style
            for style in (styles.iter(f"{W}style") if styles is not None else ())
            if style.get(f"{W}type", "paragraph") == "paragraph"
        }
        self._formats = _number_formats(numbering)
        self._known: dict[str, tuple[int, bool, bool, tuple[str, int] | None]] = {}
        self._counters: dict[tuple[str, int], int] = {}

    def of(self, paragraph: Any) -> ParagraphStyle:
        """Returns the style of a paragraph; the counter of a numbered list goes on with every call."""
        properties = paragraph.find(f"{W}pPr")
        if properties is None:
            return ParagraphStyle()
        heading, listed, caption, numbering = self._inherited(_value(properties, "pStyle"))
        level = _value(properties, "outlineLvl")
        if level.isdigit():
            heading = int(level) + 1 if int(level) < _BODY_LEVEL else 0
        numbering = _numbering_of(properties) or numbering
        if heading:
            return ParagraphStyle(heading=heading)
        if numbering is not None and numbering[0] != "0":
            return ParagraphStyle(listed=True, depth=numbering[1], bullet=self._bullet(numbering))
        if listed and numbering is None:
            return ParagraphStyle(listed=True, bullet="•")
        return ParagraphStyle(caption=caption)

    def _inherited(self, identifier: str) -> tuple[int, bool, bool, tuple[str, int] | None]:
        if identifier in self._known:
            return self._known[identifier]
        heading, listed, caption = 0, False, False
        numbering: tuple[str, int] | None = None
        current = identifier
        for _ in range(_MAX_INHERITANCE):
            style = self._styles.get(current)
            name = _value(style, "name") if style is not None else current
            match = _HEADING.match(name) or _HEADING.match(current)
            if not heading and match:
                heading = int(match.group(1))
            elif not heading and _TITLE.match(name):
                heading = 1
            listed = listed or (_LIST.match(name) is not None and "paragraph" not in name.lower())
            caption = caption or _CAPTION.match(name) is not None
            if style is None:
                break
            properties = style.find(f"{W}pPr")
            if properties is not None:
                level = _value(properties, "outlineLvl")
                if not heading and level.isdigit() and int(level) < _BODY_LEVEL:
                    heading = int(level) + 1
                numbering = numbering or _numbering_of(properties)
            current = _value(style, "basedOn")
            if not current:
                break
        self._known[identifier] = heading, listed, caption, numbering
        return self._known[identifier]

    def _bullet(self, numbering: tuple[str, int]) -> str:
        form = self._formats.get(numbering, "bullet")
        if form in ("bullet", "none"):
            return "•"
        number = self._counters.get(numbering, 0) + 1
        self._counters[numbering] = number
        for deeper in [key for key in self._counters if key[0] == numbering[0] and key[1] > numbering[1]]:
            del self._counters[deeper]
        if form in ("lowerLetter", "upperLetter") and number <= 26:
            letter = chr(ord("a") + number - 1)
            return f"{letter.upper() if form == 'upperLetter' else letter}."
        return f"{number}."


def _value(parent: Any, name: str) -> str:
    child = parent.find(f"{W}{name}")
    return str(child.get(f"{W}val", "")) if child is not None else ""


def _numbering_of(properties: Any) -> tuple[str, int] | None:
    numbering = properties.find(f"{W}numPr")
    if numbering is None:
        return None
    level = _value(numbering, "ilvl")
    identifier = _value(numbering, "numId")
    return (identifier, int(level) if level.isdigit() else 0) if identifier else None


def _number_formats(numbering: Any | None) -> dict[tuple[str, int], str]:
    """Maps (numbering id, level) to Word's name for the form of its numbers."""
    if numbering is None:
        return {}
    abstract: dict[str, dict[int, str]] = {}
    for definition in numbering.iter(f"{W}abstractNum"):
        levels = abstract.setdefault(definition.get(f"{W}abstractNumId", ""), {})
        for level in definition.iter(f"{W}lvl"):
            depth = level.get(f"{W}ilvl", "")
            if depth.isdigit():
                levels[int(depth)] = _value(level, "numFmt") or "decimal"
    return {
        (number.get(f"{W}numId", ""), depth): form
        for number in numbering.iter(f"{W}num")
        for depth, form in abstract.get(_value(number, "abstractNumId"), {}).items()
    }
