"""Reads the data of charts as they are stored beside the drawing: a title, and a table of categories by series.

DrawingML charts (ECMA-376 part 1, 21.2) and the newer kinds (waterfall, treemap, funnel: the chartex schema).
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
CX = "{http://schemas.microsoft.com/office/drawing/2014/chartex}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_PERCENT = re.compile(r"0(?:\.(0+))?%")
_DATE = re.compile(r"[dy]|mmm", re.I)
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_DAY_ZERO = datetime(1899, 12, 30)
_MAX_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class Chart:
    """``rows`` begin with the header: an empty corner and the names of the series. Without data there are no rows."""

    title: str
    rows: list[list[str]]


_MOST_POINTS = 100_000  # of a series; a program writes 32,000 at most


def read_chart(root: Element) -> Chart:
    """Reads the part of a chart, given its root element."""
    if root.tag.startswith(CX):
        return _newer_chart(root)
    title = root.find(f"{C}chart/{C}title")
    series = [_series(one) for one in root.iter(f"{C}ser")]
    columns: list[tuple[str, dict[int, str]]] = []
    labels: dict[int, str] = {}
    for name, categories, values in series:
        labels = {**categories, **labels}
        columns.extend((name if len(values) == 1 else f"{name} {part}".strip(), points) for part, points in values)
    count = max([index + 1 for _, points in columns for index in points], default=0)
    header = [_corner(root), *(name for name, _ in columns)]
    rows = [
        [labels.get(index, str(index + 1) if not labels else ""), *(points.get(index, "") for _, points in columns)]
        for index in range(min(count, _MAX_POINTS))
    ]
    return Chart(_rich_text(title), [header, *rows] if rows else [])


def _corner(root: Element) -> str:
    """Returns the title of the axis of categories, which heads the column of their names."""
    for axis in root.iter(f"{C}catAx", f"{C}dateAx"):
        title = axis.find(f"{C}title")
        if title is not None:
            return _rich_text(title)
    return ""


def _series(series: Element) -> tuple[str, dict[int, str], list[tuple[str, dict[int, str]]]]:
    """Returns the name, the categories by index and the columns of values (named where there are several)."""
    name = " ".join(value.text or "" for value in series.findall(f"{C}tx//{C}v"))
    values: list[tuple[str, dict[int, str]]] = []
    for part, label in (("val", ""), ("yVal", "y"), ("bubbleSize", "size")):
        found = series.find(f"{C}{part}")
        if found is not None:
            values.append((label, _points(found)))
    category = series.find(f"{C}cat")
    category = category if category is not None else series.find(f"{C}xVal")
    return name.strip(), _points(category) if category is not None else {}, values


def _points(parent: Element) -> dict[int, str]:
    levels = parent.findall(f".//{C}lvl")
    if levels:
        return _nested_categories(levels)
    form = parent.findtext(f".//{C}formatCode") or ""
    points: dict[int, str] = {}
    for point in parent.iter(f"{C}pt"):
        index = whole_number(point.get("idx", ""), _MOST_POINTS)
        if index < _MOST_POINTS:
            points[index] = shown_number(point.findtext(f"{C}v") or "", point.get("formatCode", "") or form)
    return points


def _nested_categories(levels: list[Element]) -> dict[int, str]:
    """Categories of several levels, innermost first; an outer one holds until the next begins."""
    named: dict[int, list[str]] = {}
    count = 0
    for level in levels:
        places = ((whole_number(point.get("idx", "0"), 0), point) for point in level.iter(f"{C}pt"))
        found = {place: point.findtext(f"{C}v") or "" for place, point in places if place < _MOST_POINTS}
        count = max(count, max(found, default=-1) + 1)
        held = ""
        for index in range(count):
            held = found.get(index, held)
            named.setdefault(index, []).insert(0, held)
    return {index: " ".join(filter(None, names)) for index, names in named.items()}


def shown_number(value: str, form: str) -> str:
    """Writes a stored number as a chart shows it: per cent and dates by their format, noise of binary fractions cut."""
    try:
        number = float(value)
    except ValueError:
        return value
    bare = _QUOTED.sub("", form)
    if percent := _PERCENT.search(bare):
        return f"{number * 100:.{len(percent[1] or '')}f}%"
    if _DATE.search(bare) and bare.lower() != "general" and 0 < number < 2_958_466:
        moment = _DAY_ZERO + timedelta(days=number)
        return moment.strftime("%Y-%m-%d" if "d" in bare.lower() else "%Y-%m" if "m" in bare.lower() else "%Y")
    return f"{number:.12g}" if "e" not in f"{number:.12g}" else value


def _rich_text(element: Element | None) -> str:
    if element is None:
        return ""
    lines = ["".join(run.text or "" for run in line.iter(f"{A}t")) for line in element.iter(f"{A}p")]
    lines = lines or [value.text or "" for value in element.iter(f"{C}v")]
    return " ".join(filter(None, (" ".join(line.split()) for line in lines)))


def _newer_chart(root: Element) -> Chart:
    title = root.find(f"{CX}chart/{CX}title")
    columns: list[list[str]] = []
    names = [value.text or "" for value in root.findall(f".//{CX}series/{CX}tx//{CX}v")]
    for data in root.iter(f"{CX}data"):
        for dimension in data:
            for level in dimension.findall(f"{CX}lvl"):
                form = level.get("formatCode", "")
                columns.append([shown_number(point.text or "", form) for point in level.findall(f"{CX}pt")])
    rows = [list(row) for row in zip_longest(*columns, fillvalue="")]
    header = ["", *names][: len(columns)] + [""] * max(0, len(columns) - len(names) - 1)
    return Chart(_rich_text(title), [header, *rows[:_MAX_POINTS]] if rows else [])
