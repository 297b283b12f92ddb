"""Opens Office Open XML packages: parts, relationships, content; in a ZIP container or as one flat XML file.

Packages of the strict flavour (ISO/IEC 29500) differ in the names of their namespaces; parts come with the usual names.
"""

import base64
import binascii
import io
import posixpath
import re
import zipfile
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from rag.parsers.zip_xml import Element, parse_part

RELATIONSHIPS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_PACKAGE = "{http://schemas.microsoft.com/office/2006/xmlPackage}"
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_USUAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"


class Relationship(NamedTuple):
    """``kind`` is the last word of its type ("header"); ``target`` is a part, or an address where ``external``."""

    kind: str
    target: str
    external: bool


class Package:
    """The parts of one package by name, without a leading slash."""

    def __init__(self, source: zipfile.ZipFile | Mapping[str, bytes]) -> None:
        self._source = source
        self.names = frozenset(source.namelist() if isinstance(source, zipfile.ZipFile) else source)
        self._lower = {name.lower(): name for name in self.names}

    def data(self, name: str) -> bytes:
        """Raises KeyError where there is no such part."""
        return self._source.read(name) if isinstance(self._source, zipfile.ZipFile) else self._source[name]

    def root(self, name: str) -> Element:
        """Returns the root element of a part. Raises ReadError where it is broken."""
        return parse_part(usual_names(self.data(name)))

    def optional(self, name: str) -> Element | None:
        """Returns the root of a part, None where the package has no such part."""
        found = self._lower.get(name.lower())
        return self.root(found) if found is not None else None

    def main(self) -> str | None:
        """Returns the name of the part that holds the document."""
        for relationship in self.relationships("").values():
            if relationship.kind == "officeDocument" and relationship.target in self.names:
                return relationship.target
        return None

    def relationships(self, part: str) -> dict[str, Relationship]:
        """Returns the relationships of a part by identifier; of the package itself where ``part`` is ""."""
        folder, _, name = part.rpartition("/")
        where = posixpath.join(folder, "_rels", f"{name}.rels")
        root = self.optional(where)
        found: dict[str, Relationship] = {}
        for one in root if root is not None else ():
            if not isinstance(one.tag, str):
                continue
            target, external = str(one.get("Target", "")), one.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                target = self._lower.get(target.lower()) or self._lower.get(unquote(target).lower()) or target
            kind = str(one.get("Type", "")).rpartition("/")[2]
            found[str(one.get("Id", ""))] = Relationship(kind, target, external)
        return found

    def related(self, part: str, kind: str) -> str | None:
        """Returns the part that ``part`` names as its ``kind``, None where there is none."""
        for relationship in self.relationships(part).values():
            if relationship.kind == kind and not relationship.external and relationship.target in self.names:
                return relationship.target
        return None


def usual_names(data: bytes) -> bytes:
    """Replaces the namespaces of the strict flavour by the usual ones."""
    return _STRICT.sub(_USUAL, data) if b"purl.oclc.org/ooxml" in data else data


def flat_package(root: Element) -> Package:
    """Makes a package of the root element of a flat file ("Word XML Document")."""
    from lxml import etree

    parts: dict[str, bytes] = {}
    for part in root.iter(f"{_PACKAGE}part"):
        name = str(part.get(f"{_PACKAGE}name", "")).lstrip("/")
        markup, binary = part.find(f"{_PACKAGE}xmlData"), part.find(f"{_PACKAGE}binaryData")
        if markup is not None and len(markup):
            parts[name] = etree.tostring(markup[0])
        elif binary is not None:
            try:
                parts[name] = base64.b64decode(binary.text or "")
            except binascii.Error:
                continue
    return Package(parts)


def transitional(archive: zipfile.ZipFile) -> io.BytesIO | None:
    """Returns a strict package as one with the usual names, None where it has them already."""
    rels = archive.read("_rels/.rels") if "_rels/.rels" in archive.namelist() else b""
    if b"purl.oclc.org/ooxml" not in rels:
        return None
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as target:
        for name in archive.namelist():
            data = archive.read(name)
            target.writestr(name, usual_names(data) if name.endswith((".xml", ".rels")) else data)
    copy.seek(0)
    return copy
