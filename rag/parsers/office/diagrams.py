"""Reads the words of SmartArt diagrams, in order and with their depth (DrawingML diagrams, ECMA-376 part 1, 21.4)."""

from typing import NamedTuple

from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_MAX_DEPTH = 20


class DiagramLine(NamedTuple):
    """One entry; ``depth`` counts from 0."""

    text: str
    depth: int


def read_diagram(root: Element) -> list[DiagramLine]:
    """Reads the data model of a diagram, given its root element."""
    points = {str(point.get("modelId", "")): point for point in root.iter(f"{DGM}pt")}
    texts = {identifier: _text(point) for identifier, point in points.items() if _holds_text(point)}
    children: dict[str, list[tuple[int, str]]] = {}
    below: set[str] = set()
    for link in root.iter(f"{DGM}cxn"):
        if link.get("type", "parOf") != "parOf":
            continue
        order = link.get("srcOrd", "0")
        children.setdefault(link.get("srcId", ""), []).append((whole_number(order, 0), link.get("destId", "")))
        below.add(link.get("destId", ""))
    lines: list[DiagramLine] = []
    seen: set[str] = set()

    def add(identifier: str, depth: int) -> None:
        if identifier in seen or depth > _MAX_DEPTH:
            return
        seen.add(identifier)
        text = texts.get(identifier, "")
        if text:
            lines.append(DiagramLine(text, depth))
        for _, child in sorted(children.get(identifier, ())):
            add(child, depth + 1 if text else depth)

    for identifier in (*(one for one in points if one not in below), *points):
        add(identifier, 0)
    return lines


def _holds_text(point: Element) -> bool:
    return point.get("type", "node") in ("node", "asst", "doc", "sibTrans", "parTrans")


def _text(point: Element) -> str:
    lines = ["".join(run.text or "" for run in line.iter(f"{A}t")) for line in point.iterfind(f"{DGM}t//{A}p")]
    return "\n".join(filter(None, (line.strip() for line in lines)))
