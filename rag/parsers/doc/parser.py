"""Parses Word 97-2003 documents (.doc): headings, paragraphs, lists, tables, notes, headers, text boxes.

``doc_format`` reads the container's streams as [MS-DOC] describes them; this module turns characters and paragraph
properties into blocks. Field codes are dropped and their results kept; deleted and hidden text and macros are left out.
"""

import logging
import re
import struct
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.doc.format import DocFile, Paragraph, Part
from rag.parsers.number_forms import written_number
from rag.parsers.office.field_codes import shown_by_code
from rag.parsers.raised import Align, compose
from rag.parsers.tables.edges import TableRow, table_of
from rag.types import ParsedDocument

MEDIA_TYPE = "application/msword"

_LONGEST_CODE = 2_000
_FIELD_BEGIN, _FIELD_SEPARATOR, _FIELD_END = "\x13", "\x14", "\x15"
_CHARACTERS = str.maketrans(
    {
        "\x0b": "\n",
        "\x0e": "\n",
        "\x1e": "-",
        "\x1f": None,
        "\xa0": " ",
        "\uf0b7": "•",
        "\x07": None,
        "\x0d": None,
        "\x0c": None,
        # Anchors of pictures, notes, comments and drawings.
        "\x01": None,
        "\x02": None,
        "\x03": None,
        "\x04": None,
        "\x05": None,
        "\x08": None,
    }
)
_LINE = "\n"
_CONTENTS = re.compile(r"toc [1-9]$", re.I)
_UNTITLED = re.compile(r"(?i)(untitled|document\s?\d*|microsoft word.*|.*\.docx?)?$")


def parse(path: Path) -> ParsedDocument:
    """Parses a document.

    Raises ReadError for a password, for Word 6 and 95, for damage and for containers of other programs.
    """
    import olefile

    # olefile reports oddities of the container as log lines; the document is read or refused all the same.
    logging.getLogger("olefile").setLevel(logging.CRITICAL)
    try:
        with olefile.OleFileIO(str(path)) as container:
            if container.exists("EncryptedPackage"):
                raise ReadError(
                    "The document is protected by a password.", "Save a copy without the password and add that."
                )
            document = DocFile.of(container)
            title, author = _properties(container)
        builder = DocumentBuilder(title=title, media_type=MEDIA_TYPE)
        if author:
            builder.metadata["author"] = author
        _add_headers(builder, document)
        first_heading = _add_main(builder, document)
        for paragraph in _visible(document.paragraphs("textboxes")):
            builder.paragraph(_text(paragraph))
        _add_notes(builder, document)
        if document.hidden:
            builder.warn("Hidden text was left out.")
    except (OSError, IndexError, ValueError, OverflowError, struct.error) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            raise
        raise ReadError("The document is damaged.", "Open it in Word or LibreOffice and save it as .docx.") from error
    builder.title = builder.title or first_heading
    return builder.build()


def _properties(container: object) -> tuple[str, str]:
    """Returns the title and author from the summary information; empty when missing or broken."""
    try:
        properties = container.get_metadata()  # type: ignore[attr-defined]
    # Property sets of old converters are broken in every way; they are not needed for the text.
    except Exception:  # noqa: BLE001
        return "", ""
    page = properties.codepage
    encoding = f"cp{page}" if isinstance(page, int) and 0 < page < 32768 else "utf-8"
    values: list[str] = []
    for value in (properties.title, properties.author):
        try:
            text = value.decode(encoding, "replace") if isinstance(value, bytes) else value
        except LookupError:
            text = value.decode("cp1252", "replace")
        values.append(text.strip("\x00 ") if isinstance(text, str) else "")
    return "" if _UNTITLED.match(values[0]) else values[0], values[1]


def _text(paragraph: Paragraph) -> str:
    return compose([(align, text.translate(_CHARACTERS)) for align, text in paragraph.runs]).strip()


def _add_notes(builder: DocumentBuilder, document: DocFile) -> None:
    """Adds footnotes and endnotes with their printed numbers; each begins with a mark of its own."""
    parts: tuple[tuple[Part, str], ...] = (("footnotes", "decimal"), ("endnotes", "lowerRoman"))
    for part, form in parts:
        count = 0
        for paragraph in _visible(document.paragraphs(part)):
            text = _text(paragraph)
            if any("\x02" in run for _, run in paragraph.runs):
                count += 1
                text = f"[{written_number(count, form)}] {text}" if text else ""
            builder.add("note", text)


def _comments(document: DocFile) -> list[str]:
    """Returns the comments as they stand in the text, in the order of their numbers."""
    said: list[list[str]] = []
    for paragraph in _visible(document.paragraphs("comments")):
        if any("\x05" in run for _, run in paragraph.runs):
            said.append([])
        if said and (text := _text(paragraph)):
            said[-1].append(text)
    named = zip_longest(said, document.anchors.authors[: len(said)], fillvalue="")
    return [f"Comment{f' by {author}' if author else ''}: {_LINE.join(lines)}" for lines, author in named]


def _visible(paragraphs: Iterator[Paragraph]) -> Iterator[Paragraph]:
    """Yields the paragraphs without field codes. A field may begin in one paragraph and end in another."""
    in_result: list[bool] = []
    codes: list[str] = []
    for paragraph in paragraphs:
        if not in_result and not any(_FIELD_BEGIN in text for _, text in paragraph.runs):
            yield paragraph
            continue
        runs: list[tuple[Align, str]] = []
        for align, text in paragraph.runs:
            kept: list[str] = []
            for character in text:
                if character == _FIELD_BEGIN:
                    in_result.append(False)
                    codes.append("")
                elif character == _FIELD_SEPARATOR and in_result:
                    in_result[-1] = True
                elif character == _FIELD_END and in_result:
                    code, had_result = codes.pop(), in_result.pop()
                    if not had_result and all(in_result):
                        kept.append(shown_by_code(code))
                elif all(in_result):
                    kept.append(character)
                elif not in_result[-1] and len(codes[-1]) < _LONGEST_CODE:
                    codes[-1] += character
            runs.append((align, "".join(kept)))
        yield Paragraph(tuple(runs), paragraph.mark, paragraph.properties, paragraph.comments)


def _add_main(builder: DocumentBuilder, document: DocFile) -> str:
    """Adds the main text and returns its first heading."""
    first_heading = ""
    rows: list[TableRow] = []
    cells: list[str] = []
    cell: list[str] = []
    comments = _comments(document)
    for paragraph in _visible(document.paragraphs("main")):
        text = _text(paragraph)
        style = paragraph.properties
        number, level = document.number(style) if text else ("", 0)
        remarks = [comments[place] for place in paragraph.comments if place < len(comments)]
        numbered = f"{number} {text}" if number else text
        if paragraph.mark == "\x07":
            if style.row_end or (not style.known and not text and not cell):
                rows.append(TableRow(cells, style.row))
                cells = []
            else:
                cells.append(" ".join(filter(None, [*cell, numbered])))
            cell = []
            continue
        if style.in_table and (paragraph.mark == "\r"):
            cell.append(numbered)
            continue
        if rows or cells or cell:
            _add_table(builder, rows, cells, cell)
            rows, cells, cell = [], [], []
        if style.heading and text:
            builder.heading(text if number == "•" else numbered, style.heading)
            first_heading = first_heading or " ".join(text.split())
        elif _CONTENTS.match(document.sheet.of(style.style).name):
            builder.add("contents", text)
        elif number:
            builder.list_item(numbered, level=level)
        else:
            builder.paragraph(text)
        for remark in remarks:
            builder.add("note", remark)
    _add_table(builder, rows, cells, cell)
    return first_heading


def _add_table(builder: DocumentBuilder, rows: list[TableRow], cells: list[str], cell: list[str]) -> None:
    if cell:
        cells = [*cells, " ".join(filter(None, cell))]
    all_rows = [*rows, TableRow(cells)] if cells else rows
    if max((len(row.texts) for row in all_rows), default=0) == 1:
        # A frame around text, not a table.
        for row in all_rows:
            builder.paragraph(" ".join(row.texts))
    else:
        builder.table(table_of(all_rows))


def _add_headers(builder: DocumentBuilder, document: DocFile) -> None:
    said: set[str] = set()
    part: Part = "headers"
    for paragraph in _visible(document.paragraphs(part)):
        text = _text(paragraph)
        # A page number alone says nothing.
        if text and text not in said and any(map(str.isalpha, text)):
            said.add(text)
            builder.add("margin", text)
