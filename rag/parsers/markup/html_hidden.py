"""Tells which elements of a web page a person never gets to see, from the page itself; no style sheet is loaded.

A closed panel of an accordion or a tab is content: a click shows it. What no click shows (a text in white, off the
screen, of no size, for machines alone) is not.
"""

import re
from collections.abc import Set

from lxml import etree

_HIDDEN_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)
_UNREADABLE_STYLE = re.compile(
    r"(?:^|;)\s*(?:font-size\s*:\s*0*(?:\.0*)?[01]?(?:px|pt|em|rem|%)?\s*(?:!important\s*)?(?:;|$)"
    r"|(?:left|top|text-indent|margin-left)\s*:\s*-\d{4,}(?:px|em)?"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?\s*\))",
    re.IGNORECASE,
)
_WHITE = re.compile(
    r"(?:^|;)\s*color\s*:\s*(?:white|#f{3}\b|#f{6}\b|rgba?\(\s*255\s*,\s*255\s*,\s*255\b|transparent)", re.IGNORECASE
)
_BACKGROUND = re.compile(r"(?:^|;)\s*background", re.IGNORECASE)
_VISUALLY_HIDDEN = frozenset(
    ("sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text", "screen-reader-only", "u-hidden-visually")
)
_PANEL = re.compile(
    r"panel|accordion|collaps|(?:^|[\W_])tab(?:s|\W|_|$)|faq|answer|toggle|expand|spoiler|reveal|disclosure",
    re.IGNORECASE,
)
_NEVER_CONTENT = re.compile(
    r"modal|dialog|popup|pop-up|overlay|cookie|consent|menu|(?:^|[\W_])nav|tooltip|dropdown|lightbox|preheader|preview|"
    r"honeypot|captcha|template|loading",
    re.IGNORECASE,
)
_INLINE = frozenset(("span", "i", "b", "em", "strong", "small", "a", "svg", "img", "sup", "sub", "font", "code"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"))
_AT_RULE = re.compile(r"@[^{}]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CLASS_SELECTOR = re.compile(r"\s*[a-z]*\.([\w-]+)\s*", re.IGNORECASE)


class HiddenElements:
    """What is hidden on one page."""

    def __init__(self, root: etree._Element) -> None:
        rules = [(match[1], match[2]) for sheet in root.iter("style") for match in _rules(sheet.text or "")]
        self._hidden_classes = _classes(rules, _HIDDEN_STYLE) | _classes(rules, _UNREADABLE_STYLE)
        self._white_classes = _classes(rules, _WHITE) - _classes(rules, _BACKGROUND)
        self._colours_known = not any("stylesheet" in (link.get("rel") or "") for link in root.iter("link"))
        self._opened_by = _targets(root)

    def __contains__(self, element: etree._Element) -> bool:
        classes = set((element.get("class") or "").split())
        style = element.get("style") or ""
        if classes & _VISUALLY_HIDDEN or _UNREADABLE_STYLE.search(style) or self._is_white(element, style, classes):
            return True
        if element.get("aria-hidden") == "true" and element.tag in _INLINE:
            return True  # icons, and copies of what stands beside them
        closed = element.get("hidden") is not None or _HIDDEN_STYLE.search(style) or classes & self._hidden_classes
        return bool(closed) and not self._is_panel(element)

    def _is_panel(self, element: etree._Element) -> bool:
        """Tells whether a click or a search of the page would show the element."""
        named = f"{element.get('class') or ''} {element.get('id') or ''}"
        if _NEVER_CONTENT.search(named) or element.tag in _INLINE:
            return False
        if element.get("hidden") == "until-found" or element.get("role") in ("tabpanel", "region", "doc-footnote"):
            return True
        if element.get("epub:type") in ("footnote", "endnote", "note", "rearnote"):
            return True  # shown above the page when its mark is touched
        if _PANEL.search(named) or element.get("id") in self._opened_by:
            return True
        previous = element.getprevious()
        return previous is not None and _opens(previous)

    def _is_white(self, element: etree._Element, style: str, classes: Set[str]) -> bool:
        if not (
            _WHITE.search(style) or classes & self._white_classes or (element.get("color") or "").lower() in _WHITES
        ):
            return False
        chain = (element, *element.iterancestors())
        return self._colours_known and not any(_has_background(one) for one in chain)


_WHITES = frozenset(("white", "#fff", "#ffffff"))


def _has_background(element: etree._Element) -> bool:
    style = element.get("style") or ""
    classed = element.tag not in ("html", "body") and element.get("class") is not None
    return bool(_BACKGROUND.search(style)) or element.get("bgcolor") is not None or classed


def _opens(element: etree._Element) -> bool:
    """Tells whether an element is what a person clicks on, or a question whose answer follows."""
    if element.tag in _HEADINGS and "".join(map(str, element.itertext())).rstrip().endswith(("?", "？")):
        return True
    return any(
        one.tag in ("button", "summary", "label") or one.get("aria-expanded") is not None or one.get("role") == "button"
        for one in (element, *element.iterdescendants())
        if isinstance(one.tag, str)
    )


def _targets(root: etree._Element) -> frozenset[str]:
    """Returns the ids of what buttons, tabs and links of the page open."""
    found: set[str] = set()
    for element in root.iter("button", "a", "li", "div", "label"):
        for name in ("aria-controls", "data-target", "data-bs-target", "for"):
            found.update((element.get(name) or "").replace("#", "").split())
        href = element.get("href") or ""
        if href.startswith("#") and (element.get("role") == "tab" or element.get("data-toggle") is not None):
            found.add(href[1:])
    return frozenset(found)


def _rules(sheet: str) -> list[re.Match[str]]:
    """Returns the rules of a style sheet that hold on every screen."""
    return list(_RULE.finditer(_AT_RULE.sub("", _COMMENT.sub("", sheet))))


def _classes(rules: list[tuple[str, str]], wanted: re.Pattern[str]) -> frozenset[str]:
    """Returns the classes to which a bare rule gives a style."""
    selectors = (selector for names, style in rules if wanted.search(style) for selector in names.split(","))
    matches = (_CLASS_SELECTOR.fullmatch(selector) for selector in selectors)
    return frozenset(match[1] for match in matches if match)
