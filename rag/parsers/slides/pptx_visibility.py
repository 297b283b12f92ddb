"""Tells which letters on a slide nobody sees: white on a white ground, or smaller than anybody reads.

What lies below a shape (pictures, filled shapes, a ground that is not plainly white) makes white letters visible.
"""

from collections.abc import Callable, Iterator
from typing import Any

from rag.parsers.slides.pptx_text import A
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_LEAST_SIZE = 400  # hundredths of a point
_FILLS = tuple(f"{A}{name}" for name in ("solidFill", "gradFill", "blipFill", "pattFill", "grpFill"))

_Box = tuple[int, int, int, int]  # left, top, right, bottom


class Visibility:
    """What is seen on one slide of python-pptx."""

    def __init__(self, slide: Any) -> None:
        layers = (slide, slide.slide_layout, slide.slide_layout.slide_master)
        self._white_ground = _is_white_ground(layers)
        self._covers = [(shape._element, box) for layer in layers for shape, box in _filled(layer)]

    def of(self, shape: Any) -> Callable[[Element], bool]:
        """Returns what tells whether a run of letters of a shape is seen."""
        white_is_seen = not self._white_ground or _is_filled(shape._element) or self._lies_on_something(shape)

        def seen(run: Element) -> bool:
            properties = run.find(f"{A}rPr")
            if properties is None:
                return True
            size = str(properties.get("sz", ""))
            if whole_number(size, _LEAST_SIZE) < _LEAST_SIZE:
                return False
            return white_is_seen or not _is_white(properties)

        return seen

    def _lies_on_something(self, shape: Any) -> bool:
        own = _box(shape)
        return own is None or any(element is not shape._element and _overlap(own, box) for element, box in self._covers)


def _is_white_ground(layers: tuple[Any, ...]) -> bool:
    """Whether the ground of the slide, else of its layout, else of its master, is white for certain."""
    for layer in layers:
        ground = layer._element.find(f"{P}cSld/{P}bg")
        if ground is None:
            continue
        color = ground.find(f"{P}bgPr/{A}solidFill/{A}srgbClr")
        if color is not None:
            return str(color.get("val", "")).upper() == "FFFFFF" and not len(color)
        scheme = next(ground.iter(f"{A}schemeClr"), None)
        named = ground.find(f"{P}bgRef") is not None or ground.find(f"{P}bgPr/{A}solidFill") is not None
        return named and scheme is not None and scheme.get("val") == "bg1" and not len(scheme) and _is_light(layers[-1])
    return True


def _is_light(master: Any) -> bool:
    """Whether the first ground colour of the master is its light one: white in nearly every theme."""
    mapping = master._element.find(f"{P}clrMap")
    return mapping is not None and mapping.get("bg1") == "lt1"


def _filled(layer: Any) -> Iterator[tuple[Any, _Box]]:
    for shape in layer.shapes:
        box = _box(shape)
        if box is not None and (shape._element.tag == f"{P}pic" or _is_filled(shape._element)):
            yield shape, box


def _is_filled(element: Element) -> bool:
    """Whether a shape, or one in a group, has a ground of its own."""
    if element.tag == f"{P}graphicFrame":
        return True
    for properties in element.iter(f"{P}spPr", f"{P}grpSpPr"):
        if any(child.tag in _FILLS for child in properties):
            return True
        styled = properties.getparent().find(f"{P}style/{A}fillRef") if properties.getparent() is not None else None
        if styled is not None and styled.get("idx", "0") != "0" and properties.find(f"{A}noFill") is None:
            return True
    return next(element.iter(f"{P}pic"), None) is not None


def _is_white(properties: Element) -> bool:
    fill = properties.find(f"{A}solidFill")
    if fill is None or not len(fill):
        return False
    color = fill[0]
    if len(color):  # a shade or tint
        return False
    if color.tag == f"{A}srgbClr":
        return str(color.get("val", "")).upper() == "FFFFFF"
    return color.tag == f"{A}schemeClr" and color.get("val") in ("bg1", "lt1")


def _box(shape: Any) -> _Box | None:
    values = (shape.left, shape.top, shape.width, shape.height)
    if any(value is None for value in values):
        return None
    left, top, width, height = map(int, values)
    return left, top, left + width, top + height


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
