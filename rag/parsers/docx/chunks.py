"""Adds the parts that a Word document takes in whole from other formats (``w:altChunk``): web page, RTF, text, Word."""

import io
import zipfile
from collections.abc import Callable

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.encodings.decode import decode
from rag.parsers.office.ooxml import RELATIONSHIPS, Package
from rag.parsers.zip_xml import Element

_MAX_DEPTH = 5
_LEFT_OUT = "A part that was inserted from another file was not read."


AddDocument = Callable[[Package], None]
"""Adds a whole Word document."""


def add_chunk(
    package: Package, main: str, chunk: Element, builder: DocumentBuilder, depth: int, add_document: AddDocument
) -> None:
    """Adds the part that ``chunk`` names. ``depth`` counts the documents around this one."""
    found = package.relationships(main).get(chunk.get(f"{RELATIONSHIPS}id", ""))
    if found is None or found.external or found.target not in package.names or depth >= _MAX_DEPTH:
        builder.warn(_LEFT_OUT)
        return
    try:
        _add(package.data(found.target), builder, add_document)
    except (ReadError, zipfile.BadZipFile):
        builder.warn(_LEFT_OUT)


def _add(data: bytes, builder: DocumentBuilder, add_document: AddDocument) -> None:
    from rag.parsers.markup.html import add_html
    from rag.parsers.rtf import parser as rtf

    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            add_document(Package(archive))
    elif start.startswith(b"{\\rtf"):
        rtf.add_rtf(builder, data)
    elif b"mime-version:" in start:
        from rag.parsers.markup.eml import message_of

        page = message_of(data).get_body(("html", "plain"))
        text = page.get_content() if page is not None else ""
        add_html(builder, text)
    elif b"<html" in start or b"<body" in start or b"<!doctype" in start or start.startswith(b"<"):
        add_html(builder, decode(data).text)
    else:
        for paragraph in decode(data).text.split("\n"):
            builder.paragraph(paragraph)
