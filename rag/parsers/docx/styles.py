"""Tells what a Word paragraph is by its style, and how its runs are shown (hidden, raised, lowered).

A paragraph is a heading of some level, a list item with its number, a caption, a line of a table of contents, or text.

Styles are known by identifier, by name in any language (Word keeps the English name of its own styles) and by outline
level, each inherited from the style it is based on.
"""

import re
from dataclasses import dataclass, replace

from rag.parsers.docx.numbering import NumberedAs, Numbering
from rag.parsers.raised import Align
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(
    r"(?:heading|überschrift|titre|título|titulo|titolo|kop|rubrik|overskrift|otsikko|nagłówek|заголовок)\s*([1-9])",
    re.I,
)
_TITLE = re.compile(r"(?:title|titel|titre|título|titolo)$", re.I)
_LIST = re.compile(r"list (?:bullet|number|paragraph)|listenabsatz|list item", re.I)
_CAPTION = re.compile(r"caption|beschriftung|légende", re.I)
_CONTENTS = re.compile(
    r"(?:toc|verzeichnis|tm|indice|índice|inhopg|sommario|innehåll|оглавление)\s*[1-9]$|toc heading$"
    r"|table of (?:figures|authorities)",
    re.I,
)
_BULLET = "•"
_ALIGNS: dict[str, Align] = {"superscript": "super", "subscript": "sub", "baseline": ""}
_TINY = 2  # half-points; nobody reads letters of one point
_MAX_LEVEL = 8
_MAX_INHERITANCE = 20
_BODY_LEVEL = 9
"""The outline level that says "no heading"."""


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """``heading`` is 0 or a level from 1; ``depth`` is that of a list item, from 0; ``number`` is its number or bullet
    as shown. ``contents`` marks the lines of a table of contents."""

    heading: int = 0
    listed: bool = False
    depth: int = 0
    number: str = ""
    caption: bool = False
    contents: bool = False


@dataclass(frozen=True, slots=True)
class ParagraphLook:
    """What the runs of a paragraph inherit: hidden or white letters, and a ground that is not white."""

    hidden: bool = False
    white: bool = False
    shaded: bool = False


@dataclass(frozen=True, slots=True)
class RunLook:
    """How a run is shown."""

    hidden: bool = False
    align: Align = ""
    font: str = ""


@dataclass(slots=True)
class _Inherited:
    """What a paragraph style says, its ancestors included. ``list_style`` is the style that names the list."""

    heading: int = 0
    listed: bool = False
    caption: bool = False
    contents: bool = False
    list_id: str = ""
    level: int | None = None
    list_styles: tuple[str, ...] = ()
    look: ParagraphLook = ParagraphLook()


class Styles:
    """Looks paragraphs and runs up in the two parts; either may be missing (None)."""

    def __init__(self, styles: Element | None, numbering: Element | None) -> None:
        self._paragraph: dict[str, Element] = {}
        self._character: dict[str, Element] = {}
        self._default = ""
        lists: dict[str, str] = {}
        for style in styles.iter(f"{W}style") if styles is not None else ():
            kind, identifier = style.get(f"{W}type", "paragraph"), str(style.get(f"{W}styleId", ""))
            if kind == "paragraph":
                self._paragraph[identifier] = style
                if style.get(f"{W}default", "") in ("1", "true", "on"):
                    self._default = identifier
            elif kind == "character":
                self._character[identifier] = style
            elif kind == "numbering" and (found := style.find(f"{W}pPr/{W}numPr")) is not None:
                lists[identifier] = _value(found, "numId")
        self._numbering = Numbering(numbering, lists)
        self._known: dict[str, _Inherited] = {}
        self._known_runs: dict[str, tuple[bool | None, Align, bool]] = {}

    def of(self, paragraph: Element, *, shown: bool = True) -> ParagraphStyle:
        """Returns the style of a paragraph. Where it is ``shown``, the counters of its list go on."""
        properties = paragraph.find(f"{W}pPr")
        if properties is None:
            return ParagraphStyle()
        inherited = self._inherited(_value(properties, "pStyle") or self._default)
        heading = inherited.heading
        level = _value(properties, "outlineLvl")
        if level.isdecimal():
            heading = whole_number(level, 0) + 1 if whole_number(level, 0) < _BODY_LEVEL else 0
        numbered = self._numbered(properties, inherited)
        if inherited.contents:
            return ParagraphStyle(contents=True, number=self._next(numbered, shown))
        if heading:
            number = self._next(numbered, shown)
            return ParagraphStyle(heading=heading, number=number if number != _BULLET else "")
        if numbered is not None:
            number = self._next(numbered, shown) if self._numbering.known(numbered.list_id) else _BULLET
            return ParagraphStyle(listed=bool(number), depth=numbered.level, number=number, caption=inherited.caption)
        off = _numbering_of(properties)[0] == "0" or inherited.list_id == "0"
        if inherited.listed and not off:
            return ParagraphStyle(listed=True, number=_BULLET)
        return ParagraphStyle(caption=inherited.caption)

    def paragraph_look(self, paragraph: Element) -> ParagraphLook:
        properties = paragraph.find(f"{W}pPr")
        identifier = _value(properties, "pStyle") if properties is not None else ""
        look = self._inherited(identifier or self._default).look
        shaded = look.shaded or (properties is not None and _is_shaded(properties))
        return replace(look, shaded=shaded) if shaded != look.shaded else look

    def run_look(self, run: Element, around: ParagraphLook) -> RunLook:
        """``around`` is the look of its paragraph."""
        properties = run.find(f"{W}rPr")
        if properties is None:
            return RunLook(around.hidden or (around.white and not around.shaded))
        style_hidden, align, style_white = self._run_style(_value(properties, "rStyle"))
        hidden = _switch(properties, "vanish")
        if hidden is None:
            hidden = around.hidden if style_hidden is None else style_hidden
        align = _ALIGNS.get(_value(properties, "vertAlign"), align)
        color = properties.find(f"{W}color")
        white = _is_white(properties) if color is not None else style_white or around.white
        fonts = properties.find(f"{W}rFonts")
        font = str(fonts.get(f"{W}ascii", "") or fonts.get(f"{W}hAnsi", "")) if fonts is not None else ""
        unseen = (white and not around.shaded and not _is_shaded(properties)) or _is_tiny(properties)
        return RunLook(hidden or unseen, align, font)

    def _next(self, numbered: NumberedAs | None, shown: bool) -> str:
        return self._numbering.next(numbered) if numbered is not None and shown else ""

    def _numbered(self, properties: Element, inherited: _Inherited) -> NumberedAs | None:
        own_list, own_level = _numbering_of(properties)
        list_id = own_list or inherited.list_id
        if list_id in ("", "0"):
            return None
        level = own_level
        if level is None and (not own_list or own_list == inherited.list_id):
            tied = (self._numbering.level_of_style(list_id, style) for style in inherited.list_styles)
            level = next((depth for depth in tied if depth is not None), inherited.level)
        return NumberedAs(list_id, min(level or 0, _MAX_LEVEL))

    def _inherited(self, identifier: str) -> _Inherited:
        if identifier in self._known:
            return self._known[identifier]
        found = _Inherited()
        hidden: bool | None = None
        white: bool | None = None
        shaded = False
        current, chain = identifier, []
        for _ in range(_MAX_INHERITANCE):
            style = self._paragraph.get(current)
            name = _value(style, "name") if style is not None else current
            chain.append(current)
            _add_name(found, name, current)
            if style is None:
                break
            properties, run = style.find(f"{W}pPr"), style.find(f"{W}rPr")
            if properties is not None:
                _add_properties(found, properties)
                shaded = shaded or _is_shaded(properties)
            if run is not None:
                hidden = _switch(run, "vanish") if hidden is None else hidden
                white = _is_white(run) if white is None and run.find(f"{W}color") is not None else white
                shaded = shaded or _is_shaded(run)
            current = _value(style, "basedOn")
            if not current or current in chain:
                break
        found.list_styles = tuple(chain)
        found.look = ParagraphLook(bool(hidden), bool(white), shaded)
        self._known[identifier] = found
        return found

    def _run_style(self, identifier: str) -> tuple[bool | None, Align, bool]:
        """Returns whether a character style hides its text (None: it does not say), raises it, and makes it white."""
        if identifier in self._known_runs:
            return self._known_runs[identifier]
        hidden: bool | None = None
        align: Align | None = None
        white: bool | None = None
        current, seen = identifier, 0
        while current and seen < _MAX_INHERITANCE and (style := self._character.get(current)) is not None:
            properties = style.find(f"{W}rPr")
            if properties is not None:
                hidden = _switch(properties, "vanish") if hidden is None else hidden
                align = align or _ALIGNS.get(_value(properties, "vertAlign"))
                if white is None and properties.find(f"{W}color") is not None:
                    white = _is_white(properties)
            current, seen = _value(style, "basedOn"), seen + 1
        self._known_runs[identifier] = hidden, align or "", bool(white)
        return self._known_runs[identifier]


def _add_name(found: _Inherited, name: str, identifier: str) -> None:
    match = _HEADING.match(name) or _HEADING.match(identifier)
    if not found.heading and match:
        found.heading = int(match.group(1))
    elif not found.heading and _TITLE.match(name):
        found.heading = 1
    found.listed = found.listed or (_LIST.match(name) is not None and "paragraph" not in name.lower())
    found.caption = found.caption or _CAPTION.match(name) is not None
    found.contents = found.contents or _CONTENTS.match(name) is not None


def _add_properties(found: _Inherited, properties: Element) -> None:
    level = _value(properties, "outlineLvl")
    if not found.heading and whole_number(level, _BODY_LEVEL) < _BODY_LEVEL:
        found.heading = whole_number(level, 0) + 1
    list_id, depth = _numbering_of(properties)
    found.list_id = found.list_id or list_id
    found.level = depth if found.level is None else found.level


def _value(parent: Element, name: str) -> str:
    child = parent.find(f"{W}{name}")
    return str(child.get(f"{W}val", "")) if child is not None else ""


def _switch(properties: Element, name: str) -> bool | None:
    """Returns what an on/off property says; None where it is not there."""
    found = properties.find(f"{W}{name}")
    return None if found is None else found.get(f"{W}val", "1") not in ("0", "false", "off")


def _is_white(properties: Element) -> bool:
    color = properties.find(f"{W}color")
    if color is None:
        return False
    theme = color.get(f"{W}themeColor", "")
    # Tints and shades make a grey of the theme's white.
    if theme and (color.get(f"{W}themeShade") or color.get(f"{W}themeTint")):
        return False
    return color.get(f"{W}val", "").upper() == "FFFFFF" and theme in ("", "background1")


def _is_shaded(properties: Element) -> bool:
    shade, highlight = properties.find(f"{W}shd"), properties.find(f"{W}highlight")
    filled = shade is not None and (
        shade.get(f"{W}fill", "auto").upper() not in ("AUTO", "FFFFFF")
        or shade.get(f"{W}val", "clear") not in ("clear", "nil")
    )
    return filled or (highlight is not None and highlight.get(f"{W}val", "none") not in ("none", "white"))


def _is_tiny(properties: Element) -> bool:
    size = _value(properties, "sz")
    return whole_number(size, _TINY + 1) <= _TINY


def _numbering_of(properties: Element) -> tuple[str, int | None]:
    """Returns the identifier of the list ("" where it is not named) and the level (None where it is not)."""
    numbering = properties.find(f"{W}numPr")
    if numbering is None:
        return "", None
    level = _value(numbering, "ilvl")
    return _value(numbering, "numId"), whole_number(level, None)
