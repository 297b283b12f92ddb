"""Reads what is embedded in an OpenDocument text: formulas as a line, charts as tables, forms as their values.

An object is a folder of the container with a content of its own; in a flat file it stands in place.
"""

import posixpath
import zipfile

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.left_out import LeftOut
from rag.parsers.markup.mathml import linear_math
from rag.parsers.tables.table import Table
from rag.parsers.zip_xml import Element, parse_part

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
TEXT, TABLE, DRAW, CHART, FORM, OFFICE = (
    _NS % name for name in ("text", "table", "drawing", "chart", "form", "office")
)
XLINK = "{http://www.w3.org/1999/xlink}"
MATH = "{http://www.w3.org/1998/Math/MathML}math"
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


class Objects:
    """The objects of one document; ``archive`` is None for a flat file."""

    def __init__(
        self, content: Element, archive: zipfile.ZipFile | None, builder: DocumentBuilder, left_out: LeftOut
    ) -> None:
        self._archive = archive
        self._names = set(archive.namelist()) if archive is not None else set()
        self._builder = builder
        self._left_out = left_out
        self._forms = {
            str(control.get(f"{FORM}id") or control.get(_XML_ID) or ""): control
            for forms in content.iter(f"{OFFICE}forms")
            for control in forms.iter()
            if isinstance(control.tag, str)
        }

    def in_line(self, element: Element) -> str:
        """Returns what stands in the line of text: a formula, or the value of a form's field."""
        if element.tag == f"{DRAW}control":
            return self._form_value(element)
        if element.find(f"{DRAW}text-box") is not None:
            return ""
        root = self._content_of(element)
        math = next(root.iter(MATH), None) if root is not None else None
        return linear_math(math) if math is not None else ""

    def add(self, frame: Element, page: int | None) -> None:
        """Adds what stands by itself in a frame: a chart. Counts what is not read."""
        root = self._content_of(frame)
        if root is None:
            if frame.find(f"{DRAW}object-ole") is not None:
                self._left_out.add("embedded object")
            elif frame.find(f"{DRAW}image") is not None:
                self._left_out.add("picture")
            return
        if next(root.iter(MATH), None) is not None:
            return
        chart = next(root.iter(f"{CHART}chart"), None)
        if chart is None:
            self._left_out.add("embedded object")
            return
        rows = [_cells(row) for row in chart.iter(f"{TABLE}table-row")]
        if not any(any(row) for row in rows):
            self._left_out.add("chart")
            return
        title = " ".join(_text(line) for line in chart.findall(f"{CHART}title/{TEXT}p"))
        self._builder.add("caption", f"Chart: {title}" if title else "Chart", page=page)
        self._builder.table(Table.of_rows(rows, header_rows=1), page=page)

    def _content_of(self, frame: Element) -> Element | None:
        found = frame.find(f"{DRAW}object")
        if found is None:
            return None
        folder = posixpath.normpath(str(found.get(f"{XLINK}href", "")))
        name = posixpath.join(folder, "content.xml")
        if self._archive is None or name not in self._names:
            return found if len(found) else None
        try:
            return parse_part(self._archive.read(name))
        except ReadError:
            return None

    def _form_value(self, control: Element) -> str:
        form = self._forms.get(str(control.get(f"{DRAW}control", "")))
        if form is None:
            return ""
        kind = str(form.tag).removeprefix(FORM)
        label = str(form.get(f"{FORM}label", ""))
        if kind in ("checkbox", "radio"):
            state = form.get(f"{FORM}current-state") or form.get(f"{FORM}state", "unchecked")
            selected = form.get(f"{FORM}current-selected") or form.get(f"{FORM}selected", "false")
            ticked = state == "checked" or selected == "true"
            return f"{'☒' if ticked else '☐'} {label}".strip()
        if kind == "listbox":
            return ", ".join(
                str(option.get(f"{FORM}label", ""))
                for option in form.iter(f"{FORM}option")
                if option.get(f"{FORM}current-selected", option.get(f"{FORM}selected", "false")) == "true"
            )
        return str(form.get(f"{FORM}current-value") or form.get(f"{FORM}value") or "") if kind != "button" else ""


def _cells(row: Element) -> list[str]:
    return [" ".join(_text(line) for line in cell.iter(f"{TEXT}p")) for cell in row.iter(f"{TABLE}table-cell")]


def _text(line: Element) -> str:
    return " ".join("".join(line.itertext()).split())
