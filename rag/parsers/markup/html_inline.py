"""Rewrites what stands inside the lines of a web page into plain text, before the page is read.

Raised and lowered characters (10^5, m², H2O, 320 ¹), fractions and formulas are written in the line. Readings printed
over characters (ruby) are given apart; the characters stay in the line.
"""

from collections.abc import Iterator

from lxml import etree

from rag.parsers.builder import one_line
from rag.parsers.markup.mathml import formulas, linear_math
from rag.parsers.raised import LOOK_BACK, fraction, subscript, superscript

_RUBY_SIDE = ("rt", "rp", "rtc")
_WRITTEN = "docent-written"  # the tag of what was put in an element's place
_MAX_SCRIPT_CHARS = 12  # longer raised text is small print, not an exponent


_INLINE = frozenset(("span", "b", "i", "em", "strong", "small", "font", "a", "var"))


def rewrite_inline(root: etree._Element) -> list[str]:
    """Rewrites a page in place; returns its readings, each as "characters: reading", in order and once."""
    for math in formulas(root):
        _replace(math, f" {linear_math(math)} ")
    for element in list(root.iter("sup", "sub")):
        _rewrite_script(element)
    for link in list(root.iter("a")):
        if "noteref" in (link.get("epub:type") or link.get("role") or "") and link.getparent().tag != "sup":
            _rewrite_note_mark(link)
    readings: dict[str, None] = {}
    for ruby in list(root.iter("ruby")):
        for base, reading in _base_and_readings(ruby):
            if base and reading:
                readings[f"{base}: {reading}"] = None
        _replace(ruby, "".join(base for base, _ in _base_and_readings(ruby)))
    return list(readings)


def _rewrite_note_mark(link: etree._Element) -> None:
    """Sets the mark of a note off from the word before it."""
    text = one_line("".join(map(str, link.itertext()))).strip("[]()")
    if text.isdecimal():
        _replace(link, superscript(f"{_text_before(link)} note", text))


def _rewrite_script(element: etree._Element) -> None:
    """Writes a raised or lowered stretch of a line so that it does not join what stands before."""
    text = one_line("".join(map(str, element.itertext())))
    before = _text_before(element)
    if not text or len(text) > _MAX_SCRIPT_CHARS or element.getparent() is None:
        return
    is_linked = next(element.iter("a"), None) is not None
    if element.tag == "sup" and is_linked and text.isdecimal():
        _replace(element, superscript(f"{before} note", text))
    elif (denominator := _denominator(element)) is not None:
        below = one_line("".join(map(str, denominator.itertext())))
        element.tail = ""  # the slash
        _replace(denominator, "")
        _replace(element, fraction(before, text, below))
    elif element.tag == "sup":
        _replace(element, superscript(before, text))
    else:
        _replace(element, subscript(before, text))


def _denominator(sup: etree._Element) -> etree._Element | None:
    """Returns the lowered text behind raised text and a slash: 3/4."""
    following = sup.getnext() if sup.tag == "sup" and (sup.tail or "").strip() in ("/", "⁄") else None
    return following if following is not None and following.tag == "sub" else None


def _text_before(element: etree._Element) -> str:
    """Returns the end of what stands before an element in its line, as far as it says how to write the element."""
    pieces: list[str] = []
    length = 0
    previous = element.getprevious()
    while previous is not None and length < LOOK_BACK:
        pieces.append(str(previous.tail or ""))
        length += len(pieces[-1])
        if previous.tag != _WRITTEN:
            if not length:
                pieces.append("".join(map(str, previous.itertext())))
            break
        pieces.append(str(previous.text or ""))
        length += len(pieces[-1])
        previous = previous.getprevious()
    else:
        parent = element.getparent()
        if previous is None and parent is not None:
            pieces.append(str(parent.text or ""))
            if not "".join(pieces) and parent.tag in _INLINE:
                return _text_before(parent)
    return "".join(reversed(pieces))


def _base_and_readings(ruby: etree._Element) -> Iterator[tuple[str, str]]:
    """Yields what stands on the line and what is printed over it, pair by pair."""
    base = ruby.text or ""
    reading = ""
    for child in ruby:
        text = "".join(map(str, child.itertext())) if isinstance(child.tag, str) else ""
        if child.tag in ("rt", "rtc"):
            reading += text
        elif child.tag not in _RUBY_SIDE:
            if reading:
                yield one_line(base), one_line(reading)
                base = reading = ""
            base += text
        tail = child.tail or ""
        if tail.strip():
            if reading:
                yield one_line(base), one_line(reading)
                base = reading = ""
            base += tail
    yield one_line(base), one_line(reading)


def _replace(element: etree._Element, text: str) -> None:
    """Puts text in the place of an element; what follows it stays."""
    parent = element.getparent()
    if parent is None:
        return
    written = parent.makeelement(_WRITTEN)
    written.text, written.tail = text, element.tail
    parent.replace(element, written)
