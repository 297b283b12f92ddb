"""Tells which elements of a web page a person never gets to see, from the page and the sheets that come with it.

A closed panel of an accordion or a tab is content: a click shows it. What no click shows (a text in white, off the
screen, of no size, for machines alone) is not, nor what was deleted or struck out for what stands beside it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from lxml import etree

from rag.parsers.markup.style_sheet import StyleSheets, is_white

_NO_SIZE = re.compile(r"0*(?:\.0*)?[01]?(?:px|pt|em|rem|%)?")
_FAR_OFF = re.compile(r"-\d{4,}(?:px|em)?")
_CUT_AWAY = re.compile(r"rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?\s*\)")
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
_NOTES = frozenset(("footnote", "endnote", "note", "rearnote", "doc-footnote", "doc-endnote"))
_STRUCK = frozenset(("s", "strike"))
_LINES = frozenset(("p", "li", "td", "th", "dt", "dd", "div", "section", "article", "body", *_HEADINGS))
_PICTURES = ("img", "picture", "video", "svg", "canvas")


class HiddenElements:
    """What is hidden on one page."""

    def __init__(self, root: etree._Element, sheets: Sequence[str] = ()) -> None:
        self._styles = StyleSheets([*sheets, *(sheet.text or "" for sheet in root.iter("style"))])
        linked = any("stylesheet" in (link.get("rel") or "") for link in root.iter("link")) and not sheets
        self._colours_known = not linked
        # White letters may stand on a picture that lies anywhere in the page.
        self._white_by_rule = not (linked or self._styles.sets_background or any(True for _ in root.iter(*_PICTURES)))
        self._opened_by = _targets(root)
        self._unstruck: dict[etree._Element, bool] = {}

    def __contains__(self, element: etree._Element) -> bool:
        if element.tag == "br":  # what takes its place (lines that are blocks) is not followed
            return False
        if element.tag == "del" or (element.tag in _STRUCK and self._is_replaced(element)):
            return True
        style = self._styles.style_of(element)
        classes = set((element.get("class") or "").split())
        if classes & _VISUALLY_HIDDEN or _cannot_be_read(style) or self._is_white(element, style):
            return True
        if element.get("aria-hidden") == "true" and element.tag in _INLINE:
            return True  # icons, and copies of what stands beside them
        closed = (
            element.get("hidden") is not None
            or style.get("display") == "none"
            or style.get("visibility") in ("hidden", "collapse")
        )
        return closed and not self._is_panel(element)

    def _is_replaced(self, struck: etree._Element) -> bool:
        """Whether something in the line of a struck-out text holds in its place; a line that is struck out as a whole
        is done."""
        line = next((one for one in struck.iterancestors() if one.tag in _LINES), None)
        if line is None:
            return False
        if line not in self._unstruck:
            self._unstruck[line] = _is_unstruck(line)
        return self._unstruck[line]

    def _is_panel(self, element: etree._Element) -> bool:
        """Tells whether a click or a search of the page would show the element."""
        named = f"{element.get('class') or ''} {element.get('id') or ''}"
        if _NEVER_CONTENT.search(named) or element.tag in _INLINE:
            return False
        if element.get("hidden") == "until-found" or element.get("role") in ("tabpanel", "region"):
            return True
        if is_note(element):
            return True  # shown above the page when its mark is touched
        if _PANEL.search(named) or element.get("id") in self._opened_by:
            return True
        previous = element.getprevious()
        return previous is not None and _opens(previous)

    def _is_white(self, element: etree._Element, style: Mapping[str, str]) -> bool:
        own = (element.get("color") or "").lower() in _WHITES or "color" in (element.get("style") or "").lower()
        if not (is_white(style.get("color", "black")) or (element.get("color") or "").lower() in _WHITES):
            return False
        if not own:
            return self._white_by_rule and not any(map(_has_background, (element, *element.iterancestors())))
        chain = (element, *element.iterancestors())
        return self._colours_known and not any(_has_background(one) or _is_classed(one) for one in chain)


_WHITES = frozenset(("white", "#fff", "#ffffff"))


def _cannot_be_read(style: Mapping[str, str]) -> bool:
    """Whether an element is of no size, far off the screen or cut away."""
    return bool(
        ("font-size" in style and _NO_SIZE.fullmatch(style["font-size"]))
        or any(_FAR_OFF.match(style[side]) for side in ("left", "top", "text-indent", "margin-left") if side in style)
        or ("clip" in style and _CUT_AWAY.match(style["clip"]))
    )


def _is_unstruck(line: etree._Element) -> bool:
    """Whether some text of a line is not struck out."""
    return any(
        text.strip(" \t\r\n\xa0.,;:") and not _STRUCK.intersection(one.tag for one in _within(text, line))
        for text in line.xpath(".//text()")
    )


def _within(text: etree._ElementUnicodeResult, line: etree._Element) -> Iterator[etree._Element]:
    """The elements of a line that hold one of its texts."""
    holder = text.getparent()
    if holder is not None and text.is_tail:
        holder = holder.getparent()
    while holder is not None and holder is not line:
        yield holder
        holder = holder.getparent()


def _has_background(element: etree._Element) -> bool:
    return "background" in (element.get("style") or "") or element.get("bgcolor") is not None


def _is_classed(element: etree._Element) -> bool:
    """Whether a class may give the element a background."""
    return element.tag not in ("html", "body") and element.get("class") is not None


def is_note(element: etree._Element) -> bool:
    """Whether an element is a footnote or an endnote."""
    return element.get("role") in _NOTES or not _NOTES.isdisjoint((element.get("epub:type") or "").split())


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
