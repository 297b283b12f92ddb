"""Parses web archives of Safari (.webarchive): the page they were made of, and the pages in its frames.

An archive is a property list; pictures, styles and scripts in it are left out.
"""

import plistlib
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.encodings.decode import decode, decode_declared
from rag.parsers.markup.html import add_html
from rag.types import ParsedDocument

MEDIA_TYPE = "application/x-webarchive"

_MAX_FRAMES = 50


def parse(path: Path) -> ParsedDocument:
    """Parses an archive. Raises ReadError where the property list is broken."""
    try:
        archive = plistlib.loads(path.read_bytes())
    except (plistlib.InvalidFileException, ExpatError, ValueError, IndexError, OverflowError, RecursionError) as error:
        raise ReadError("The web archive is damaged.", "Save the page again.") from error
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    builder.title = _add(builder, archive, [_MAX_FRAMES]) or path.stem
    return builder.build()


def _add(builder: DocumentBuilder, archive: Any, left: list[int]) -> str:
    """Adds the page of an archive and those in its frames; returns its title."""
    main = archive.get("WebMainResource") if isinstance(archive, dict) else None
    if not isinstance(main, dict) or left[0] < 1:
        return ""
    left[0] -= 1
    title = ""
    data, encoding = main.get("WebResourceData"), main.get("WebResourceTextEncodingName")
    if isinstance(data, bytes) and str(main.get("WebResourceMIMEType", "text/html")).startswith(
        ("text/", "application/x")
    ):
        decoded = decode_declared(data, encoding) if isinstance(encoding, str) and encoding else decode(data)
        if decoded.warning:
            builder.warn(decoded.warning)
        title = add_html(builder, decoded.text)
    for frame in archive.get("WebSubframeArchives") or ():
        _add(builder, frame, left)
    return title
