"""Parses Word documents saved as one XML file: "Word XML Document" (flat package) and "Word 2003 XML Document".

The vocabulary of 2003 is that of today with other names in places; it is rewritten into the parts of a package, which
the parser of .docx reads.
"""

from pathlib import Path

from rag.errors import ReadError
from rag.parsers.docx import parser as docx
from rag.parsers.number_forms import BINARY_FORMS
from rag.parsers.office.ooxml import Package, flat_package
from rag.parsers.zip_xml import Element, parse_part
from rag.types import ParsedDocument

W03 = "{http://schemas.microsoft.com/office/word/2003/wordml}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
AML = "{http://schemas.microsoft.com/aml/2001/core}"
OFFICE = "{urn:schemas-microsoft-com:office:office}"
_WX = "{http://schemas.microsoft.com/office/word/2003/auxHint}"
_DC = "http://purl.org/dc/elements/1.1/"
_RELATIONSHIP = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RENAMED = {
    f"{W}listPr": f"{W}numPr",
    f"{W}ilfo": f"{W}numId",
    f"{W}listDef": f"{W}abstractNum",
    f"{W}list": f"{W}num",
    f"{W}ilst": f"{W}abstractNumId",
    f"{W}nfc": f"{W}numFmt",
    f"{W}vmerge": f"{W}vMerge",
    f"{W}hlink": f"{W}hyperlink",
}
_RENAMED_ATTRIBUTES = {f"{W}listDefId": f"{W}abstractNumId", f"{W}ilfo": f"{W}numId"}
_HEADER_KINDS = {"odd": "default", "even": "even", "first": "first"}


def parse(path: Path) -> ParsedDocument:
    """Parses a document. Raises ReadError for broken XML and for what holds no Word document."""
    root = parse_part(path.read_bytes())
    if root.tag == f"{W03}wordDocument":
        return docx.parse_package(_package_of_2003(root))
    return docx.parse_package(flat_package(root))


def _package_of_2003(root: Element) -> Package:
    if root.find(f"{W03}body") is None:
        raise ReadError("The document is damaged: it has no body.", "Open it in Word and save it as .docx.")
    properties = root.find(f"{OFFICE}DocumentProperties")
    converted = _Converter(root)
    converted.rename()
    converted.unwrap()
    converted.take_out()
    parts = {f"word/{name}.xml": data for name, data in converted.parts().items()}
    relations = "".join(
        f'<Relationship Id="{name}" Type="{_RELATIONSHIP}/{kind}" Target="{name}.xml"/>'
        for name, kind in converted.margins.items()
    )
    parts["word/_rels/document.xml.rels"] = f"<Relationships>{relations}</Relationships>".encode()
    if properties is not None:
        parts["docProps/core.xml"] = _core(properties)
    return Package(parts)


class _Converter:
    """Rewrites one document in place."""

    def __init__(self, root: Element) -> None:
        self._root = root
        self.margins: dict[str, str] = {}
        """Kinds of the headers and footers ("header") by name of part."""
        self._inserted: dict[str, Element] = {}

    def rename(self) -> None:
        """Gives elements and attributes their names of today."""
        for element in self._root.iter():
            if not isinstance(element.tag, str):
                continue
            if element.tag.startswith(W03):
                element.tag = W + element.tag.removeprefix(W03)
            element.tag = _RENAMED.get(element.tag, element.tag)
            for name, value in list(element.attrib.items()):
                if name.startswith(W03):
                    today = W + name.removeprefix(W03)
                    del element.attrib[name]
                    element.set(_RENAMED_ATTRIBUTES.get(today, today), value)
            if element.tag == f"{W}numFmt":
                code = element.get(f"{W}val", "0")
                element.set(f"{W}val", BINARY_FORMS.get(int(code), "decimal") if code.isdecimal() else code)

    def unwrap(self) -> None:
        """Opens the wrappers of sections and insertions, and drops what was deleted."""
        for element in list(self._root.iter(f"{_WX}sect", f"{_WX}sub-section")):
            _open(element)
        for element in list(self._root.iter(f"{AML}annotation")):
            kind = element.get(f"{W}type", "")
            content = element.find(f"{AML}content")
            if kind == "Word.Insertion" and content is not None:
                _open(content)
                _open(element)
            elif kind == "Word.Comment" and content is not None:
                self._comment(element, content)
            elif kind == "Word.Deletion":
                _drop(element)

    def take_out(self) -> None:
        """Puts notes, headers and footers, which stand in place, into parts of their own."""
        for kind in ("footnote", "endnote"):
            body = self._root.find(f"{W}body")
            for number, note in enumerate(list(body.iter(f"{W}{kind}")), 1):
                reference = note.makeelement(f"{W}{kind}Reference", {f"{W}id": str(number)})
                note.getparent().replace(note, reference)
                note.set(f"{W}id", str(number))
                note.attrib.pop(f"{W}type", None)
                self._part(f"{kind}s").append(note)
        for tag, kind in ((f"{W}hdr", "header"), (f"{W}ftr", "footer")):
            for margin in list(self._root.iter(tag)):
                name = f"{kind}{len(self.margins) + 1}"
                shown = _HEADER_KINDS.get(margin.get(f"{W}type", "odd"), "default")
                attributes = {f"{R}id": name, f"{W}type": shown}
                margin.getparent().replace(margin, margin.makeelement(f"{W}{kind}Reference", attributes))
                self.margins[name] = kind
                self._inserted[name] = margin

    def parts(self) -> dict[str, bytes]:
        """Returns the parts by name, without folder and ending."""
        from lxml import etree

        parts = {name: etree.tostring(root, with_tail=False) for name, root in self._inserted.items()}
        for name, tag in (("styles", "styles"), ("numbering", "lists"), ("settings", "docPr")):
            found = self._root.find(f"{W}{tag}")
            if found is not None:
                parts[name] = etree.tostring(found, with_tail=False)
        parts["document"] = etree.tostring(self._root)
        return parts

    def _comment(self, annotation: Element, content: Element) -> None:
        number = str(len(self._part("comments")) + 1)
        comment = annotation.makeelement(
            f"{W}comment", {f"{W}id": number, f"{W}author": annotation.get(f"{AML}author", "")}
        )
        comment.extend(list(content))
        self._part("comments").append(comment)
        annotation.getparent().replace(annotation, annotation.makeelement(f"{W}commentReference", {f"{W}id": number}))

    def _part(self, name: str) -> Element:
        if name not in self._inserted:
            self._inserted[name] = self._root.makeelement(f"{W}{name}", {})
        return self._inserted[name]


def _open(element: Element) -> None:
    """Puts the children of an element in its place."""
    parent = element.getparent()
    at = parent.index(element)
    parent[at : at + 1] = list(element)


def _drop(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _core(properties: Element) -> bytes:
    from lxml import etree

    core = etree.Element("core", nsmap={"dc": _DC})
    for name, today in (("Title", "title"), ("Author", "creator")):
        etree.SubElement(core, f"{{{_DC}}}{today}").text = properties.findtext(f"{OFFICE}{name}") or ""
    return bytes(etree.tostring(core))
