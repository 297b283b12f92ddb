"""Parses RTF documents: paragraphs and table rows as text. Pictures and embedded objects are left out."""

import re
from pathlib import Path

from striprtf.striprtf import rtf_to_text

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.table import Table
from rag.types import ParsedDocument

_TITLE = re.compile(r"\{\\title[ \n]([^{}]{1,500})\}")
_BINARY = re.compile(rb"\\bin(\d{1,9}) ?")
_BULLET = re.compile(r"\s*(?:[•·▪◦‣o–-]|\d{1,3}[.)])\s+\S")


def parse(path: Path) -> ParsedDocument:
    # RTF is ASCII; what is not belongs to the code page that it names and is passed through byte by byte.
    source = _without_binary(path.read_bytes()).decode("cp1252", "replace")
    try:
        text = _plain(source)
        title = _TITLE.search(source)
        name = _plain("{\\rtf1 " + title[1] + "}") if title else ""
    # striprtf is one loop over tokens without error classes of its own.
    except (ValueError, IndexError, KeyError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ReadError("The RTF document is damaged.", "Open it in a word processor and save it anew.") from error
    builder = DocumentBuilder(title=one_line(name) or path.stem, media_type="application/rtf")
    _add_lines(builder, text)
    return builder.build()


def _plain(source: str) -> str:
    return str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]


def _without_binary(data: bytes) -> bytes:
    r"""``\binN`` is followed by N raw bytes, in which braces mean nothing."""
    parts, position = [], 0
    while match := _BINARY.search(data, position):
        parts.append(data[position : match.start()])
        position = match.end() + int(match[1])
    return b"".join((*parts, data[position:]))


def _add_lines(builder: DocumentBuilder, text: str) -> None:
    rows: list[list[str]] = []
    for line in (*text.splitlines(), ""):
        # A table row comes with a bar after each cell.
        if line.count("|") >= 2 and line.rstrip().endswith("|"):
            rows.append(line.rstrip()[:-1].split("|"))
            continue
        if rows:
            builder.table(Table.of_rows(rows))
            rows = []
        if _BULLET.match(line):
            builder.list_item(line)
        else:
            builder.paragraph(line)
