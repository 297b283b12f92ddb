"""Parses the XML parts of ZIP-based formats into lxml trees; refuses entities and loads nothing from outside."""

import io
import re
import zipfile
from typing import Any

from rag.errors import ReadError

Element = Any
"""An lxml element; lxml has no types of its own."""

_DECLARES = re.compile(rb"<!ENTITY|<!DOCTYPE[^>]*\[")
_REMEDY = "Open it in its program and save it again."


def parse_part(data: bytes) -> Element:
    """Returns the root element. Small damage is passed over, as office programs do. Raises ReadError."""
    from lxml import etree

    # Markup is ASCII: without its NULs, UTF-16 shows it as well.
    if _DECLARES.search(data.replace(b"\x00", b"") if b"\x00" in data else data):
        raise ReadError("The file was refused: its XML declares entities, which no office program writes.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, recover=True)
    try:
        root = etree.parse(io.BytesIO(data), parser).getroot()
    except etree.XMLSyntaxError as error:
        raise ReadError("The file is damaged: a part of it holds no XML.", _REMEDY) from error
    if root is None:
        raise ReadError("The file is damaged: a part of it holds no XML.", _REMEDY)
    return root


def read_part(archive: zipfile.ZipFile, name: str) -> Element:
    """Returns the root element of the member ``name``. Raises ReadError when it is missing or broken."""
    try:
        return parse_part(archive.read(name))
    except KeyError as error:
        raise ReadError(f"The file is damaged: its part {name} is missing.", _REMEDY) from error
