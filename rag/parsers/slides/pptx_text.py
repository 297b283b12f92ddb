"""Reads the text of a shape on a slide: paragraphs with their generated numbers, raised letters and formulas."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rag.parsers.number_forms import written_number
from rag.parsers.office.omml import M, math_text
from rag.parsers.raised import Align, compose
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_FORMS = {
    "arabic": "decimal", "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman",
    "romanUc": "upperRoman", "circleNum": "decimalEnclosedCircle", "hebrew2": "hebrew2", "ea1": "chineseCounting",
}  # fmt: skip
_ENDS = (("ParenBoth", "({})"), ("ParenR", "{})"), ("Period", "{}."), ("Plain", "{}"), ("Minus", "{}-"))


class SlideLine(NamedTuple):
    """A paragraph of a shape. ``number`` is its generated number, "" where it has none."""

    text: str
    level: int
    number: str
    bulleted: bool


Seen = Callable[[Element], bool]
"""Tells whether a run is seen."""


def slide_lines(body: Element, seen: Seen | None = None) -> Iterator[SlideLine]:
    """Yields the paragraphs of a text body that hold text; runs that nobody sees are left out."""
    counted: dict[int, tuple[str, int]] = {}
    for paragraph in body.iterfind(f"{A}p"):
        text = line_text(paragraph, seen)
        properties = paragraph.find(f"{A}pPr")
        level = str(properties.get("lvl", "0")) if properties is not None else "0"
        depth = whole_number(level, 0)
        if not text:
            continue
        for deeper in [key for key in counted if key > depth]:
            del counted[deeper]
        numbered = properties.find(f"{A}buAutoNum") if properties is not None else None
        number = ""
        if numbered is None:
            counted.pop(depth, None)
        else:
            kind, start = str(numbered.get("type", "arabicPeriod")), str(numbered.get("startAt", "1"))
            first = whole_number(start, 1)
            held = counted.get(depth)
            count = held[1] + 1 if held is not None and held[0] == kind + start else first
            counted[depth] = kind + start, count
            number = _written(count, kind)
        bullet = properties is not None and properties.find(f"{A}buChar") is not None
        yield SlideLine(text, depth, number, bullet)


def line_text(paragraph: Element, seen: Seen | None = None) -> str:
    """Returns the visible text of one paragraph."""
    pieces: list[tuple[Align, str]] = []
    _read(paragraph, pieces, seen)
    return compose(pieces).strip()


def body_text(body: Element | None) -> str:
    """Returns all paragraphs of a text body as lines."""
    lines = (line_text(paragraph) for paragraph in body.iter(f"{A}p")) if body is not None else ()
    return "\n".join(filter(None, lines))


def chosen(alternate: Element) -> Element | None:
    """Returns what is shown of ``mc:AlternateContent``: the first choice with something in it, else the fallback."""
    for choice in alternate.iterfind(f"{MC}Choice"):
        if len(choice):
            return choice
    return alternate.find(f"{MC}Fallback")


def _read(parent: Element, pieces: list[tuple[Align, str]], seen: Seen | None) -> None:
    for node in parent:
        tag = node.tag
        if tag in (f"{A}r", f"{A}fld"):
            text = node.findtext(f"{A}t") or ""
            if seen is not None and not seen(node):
                continue
            pieces.append((_align(node.find(f"{A}rPr")), text.replace("\x0b", "\n")))
        elif tag == f"{A}br":
            pieces.append(("", "\n"))
        elif tag == f"{MC}AlternateContent":
            shown = chosen(node)
            if shown is not None:
                _read(shown, pieces, seen)
        elif tag in (f"{M}oMath", f"{M}oMathPara"):
            pieces.append(("", math_text(node)))
        elif isinstance(tag, str) and tag.endswith("}m"):
            _read(node, pieces, seen)


def _align(properties: Element | None) -> Align:
    baseline = str(properties.get("baseline", "0")) if properties is not None else "0"
    try:
        raised_by = float(baseline.rstrip("%"))
    except ValueError:
        return ""
    return "super" if raised_by > 0 else "sub" if raised_by < 0 else ""


def _written(number: int, kind: str) -> str:
    form = next((form for prefix, form in _FORMS.items() if kind.startswith(prefix)), "decimal")
    shape = next((shape for end, shape in _ENDS if kind.endswith(end)), "{}")
    return shape.format(written_number(number, form))
