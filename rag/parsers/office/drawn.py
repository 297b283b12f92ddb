"""Adds what a drawing shows to a document: the figures of a chart as a table, the words of a diagram as a list.

What is not read is counted. Word documents and presentations share it.
"""

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.left_out import LeftOut
from rag.parsers.office.charts import read_chart
from rag.parsers.office.diagrams import read_diagram
from rag.parsers.office.ooxml import RELATIONSHIPS, Package
from rag.parsers.tables.table import Table
from rag.parsers.zip_xml import Element

CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
NEWER_CHART = "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart"
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
OLE_OBJECT = "{urn:schemas-microsoft-com:office:office}OLEObject"
BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
VML_PICTURE = "{urn:schemas-microsoft-com:vml}imagedata"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
DRAWN = (CHART, NEWER_CHART, DIAGRAM, OLE_OBJECT, BLIP, VML_PICTURE)
_NAMES_OF_PROGRAMS = {
    "excel": "Excel workbook",
    "word": "Word document",
    "powerpoint": "presentation",
    "acroexch": "PDF",
    "equation": "formula",
    "visio": "Visio drawing",
    "package": "file",
    "msgraph": "chart",
}


class Drawings:
    """Reads the drawings of the parts of one package."""

    def __init__(self, package: Package, builder: DocumentBuilder, left_out: LeftOut) -> None:
        self._package = package
        self._builder = builder
        self._left_out = left_out

    def add(self, element: Element, part: str, page: int | None) -> None:
        """Adds what ``element``, a node of ``part`` with one of the tags in ``DRAWN``, refers to."""
        if element.tag in (CHART, NEWER_CHART):
            self._chart(element, part, page)
        elif element.tag == DIAGRAM:
            self._diagram(element, part, page)
        elif element.tag == OLE_OBJECT:
            self._left_out.add(f"embedded object ({program_name(element.get('ProgID', ''))})")
        elif element.tag in (BLIP, VML_PICTURE):
            # An object shows a picture of itself, which is no second thing.
            around = [str(one.tag) for one in element.iterancestors()]
            if not any(tag.endswith("}object") or tag == FALLBACK for tag in around):
                self._left_out.add("picture")

    def _chart(self, element: Element, part: str, page: int | None) -> None:
        root = self._related(element.get(f"{RELATIONSHIPS}id", ""), part)
        chart = read_chart(root) if root is not None else None
        if chart is None or not chart.rows:
            self._left_out.add("chart")
            self._builder.add(
                "caption", f"Chart: {chart.title}" if chart is not None and chart.title else "", page=page
            )
            return
        self._builder.add("caption", f"Chart: {chart.title}" if chart.title else "Chart", page=page)
        self._builder.table(Table.of_rows(chart.rows, header_rows=1), page=page)

    def _diagram(self, element: Element, part: str, page: int | None) -> None:
        root = self._related(element.get(f"{RELATIONSHIPS}dm", ""), part)
        lines = read_diagram(root) if root is not None else []
        if not lines:
            self._left_out.add("diagram")
        for line in lines:
            self._builder.list_item(f"• {line.text}", level=line.depth, page=page)

    def _related(self, identifier: str, part: str) -> Element | None:
        found = self._package.relationships(part).get(identifier)
        if found is None or found.external:
            return None
        try:
            return self._package.optional(found.target)
        except ReadError:
            return None


def program_name(identifier: str) -> str:
    """Returns a readable name of an embedded object's kind, by the identifier of its program ("Excel.Sheet.12")."""
    known = _NAMES_OF_PROGRAMS.get(identifier.partition(".")[0].lower())
    return known or identifier or "unknown"
