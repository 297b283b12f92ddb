"""Which of a page's style rules hold for an element, as far as hiding needs it: selectors of names, classes and ids,
below one another; the more specific and the later rule goes first.

Rules for some media, states ("a:hover") and attributes are not followed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

_BRACE = re.compile(r"[{}]")
_STEP = re.compile(r"\s*(>?)\s*([a-z][\w-]*|\*)?((?:[.#][\w-]+)*)(?=[\s>]|$)", re.IGNORECASE)
_MARK = re.compile(r"([.#])([\w-]+)")
_PROPERTIES = frozenset(
    ("display", "visibility", "font-size", "left", "top", "text-indent", "margin-left", "clip", "color", "background")
)
_PARTS = ("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "p")
_MUCH_TEXT = 300  # characters
_MOST_RULES = 20_000
_MOST_STEPS = 12


class _Step(NamedTuple):
    """One element of a selector. ``child``: it stands right below the one in front."""

    tag: str
    classes: frozenset[str]
    id: str
    child: bool

    def fits(self, element: etree._Element) -> bool:
        return (
            (not self.tag or element.tag == self.tag)
            and (not self.id or element.get("id") == self.id)
            and (not self.classes or self.classes <= set((element.get("class") or "").split()))
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    steps: tuple[_Step, ...]
    declared: dict[str, str]
    weight: tuple[int, int, int, int]  # ids, classes, names, place in the sheets

    @property
    def is_class(self) -> bool:
        """Whether the selector is a class, with or without the name of the element."""
        return len(self.steps) == 1 and bool(self.steps[0].classes) and not self.steps[0].id

    def fits(self, element: etree._Element) -> bool:
        """Whether the element ends a chain of ancestors as the selector tells it; each step takes the nearest one."""
        if not self.steps[-1].fits(element):
            return False
        at, child = len(self.steps) - 2, self.steps[-1].child
        for ancestor in element.iterancestors():
            if at < 0:
                break
            if self.steps[at].fits(ancestor):
                at, child = at - 1, self.steps[at].child
            elif child:
                return False
        return at < 0


class StyleSheets:
    """The rules of a page's sheets. ``sets_background``: some rule, followed or not, gives one that is not white."""

    def __init__(self, sheets: Iterable[str]) -> None:
        self._rules: dict[str, list[_Rule]] = {}
        self.sets_background = False
        for number, (selectors, body) in enumerate(_rules(sheets)):
            declared = declarations(body)
            self.sets_background |= not is_white(declared.get("background", "white"))
            if not declared or number > _MOST_RULES:
                continue
            for selector in selectors.split(","):
                steps = _steps(selector.strip())
                if steps:
                    self._add(steps, declared, number)

    def _add(self, steps: tuple[_Step, ...], declared: dict[str, str], number: int) -> None:
        ids = sum(bool(step.id) for step in steps)
        classes, tags = sum(len(step.classes) for step in steps), sum(bool(step.tag) for step in steps)
        last = steps[-1]
        key = f"#{last.id}" if last.id else f".{min(last.classes)}" if last.classes else last.tag
        self._rules.setdefault(key, []).append(_Rule(steps, declared, (ids, classes, tags, number)))

    def style_of(self, element: etree._Element) -> dict[str, str]:
        """The properties of an element with their values, in lower case; its own ``style`` goes first.

        What a rule that is more than one class says of an element that holds a part of the page (a heading, a list,
        much text) does not count: scripts and rules for screens show such parts.
        """
        keys = [element.tag, *(f".{name}" for name in (element.get("class") or "").split()), f"#{element.get('id')}"]
        found = [rule for key in keys for rule in self._rules.get(key, ()) if rule.fits(element)]
        if any(not rule.is_class for rule in found) and _is_part(element):
            found = [rule for rule in found if rule.is_class]
        style: dict[str, str] = {}
        for rule in sorted(found, key=lambda rule: rule.weight):
            style.update(rule.declared)
        own = element.get("style")
        return style | declarations(own) if own else style


def declarations(body: str) -> dict[str, str]:
    """The properties of a rule or a ``style`` attribute that may hide something."""
    found: dict[str, str] = {}
    for declaration in body.lower().split(";"):
        name, _, value = declaration.partition(":")
        name = name.strip().replace("background-color", "background").replace("background-image", "background")
        if name in _PROPERTIES and value.strip():
            found[name] = value.replace("!important", "").strip()
    return found


def is_white(value: str) -> bool:
    """Whether a colour or background is that of paper."""
    plain = "".join(value.split())
    return plain in ("white", "#fff", "#ffffff", "none", "transparent", "inherit") or plain.startswith(
        ("rgb(255,255,255", "rgba(255,255,255")
    )


def _is_part(element: etree._Element) -> bool:
    if next(element.iterdescendants(*_PARTS), None) is not None:
        return True
    size = 0
    for piece in element.itertext():
        size += len(piece.strip())
        if size > _MUCH_TEXT:
            return True
    return False


def _rules(sheets: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields the selectors and declarations of the rules that hold on every screen, in one pass over the sheets."""
    for sheet in sheets:
        first, *rest = sheet.split("/*")
        text = first + "".join(part.partition("*/")[2] for part in rest)
        outer: list[bool] = []  # of the blocks around: whether one is an at-rule, which holds on some screens alone
        start, names = 0, ""
        for brace in _BRACE.finditer(text):
            before, start = text[start : brace.start()], brace.end()
            if brace[0] == "{":
                names = before.rpartition(";")[2].strip()
                outer.append(names.startswith("@") or any(outer[-1:]))
            elif outer:
                if not outer.pop() and names:
                    yield names, before
                names = ""


def _steps(selector: str) -> tuple[_Step, ...]:
    """The elements that a selector names, outermost first; empty for one that says more than names, classes, ids."""
    steps: list[_Step] = []
    at = 0
    while at < len(selector) and len(steps) < _MOST_STEPS:
        match = _STEP.match(selector, at)
        if match is None or match.end() == at or not (match[2] or match[3]):
            return ()
        marks = _MARK.findall(match[3])
        classes = frozenset(name for sign, name in marks if sign == ".")
        ids = [name for sign, name in marks if sign == "#"]
        tag = "" if match[2] in (None, "*") else match[2].lower()
        steps.append(_Step(tag, classes, ids[-1] if ids else "", bool(match[1])))
        at = match.end()
    last = steps[-1] if steps else None
    return tuple(steps) if at >= len(selector) and last is not None and (last.tag or last.classes or last.id) else ()
