"""Parses JSON, one value or one a line, as a person reads it: escaped characters are the characters themselves.

Records that hold plain values, or short lists of these, are the rows of a table, with their keys as its columns;
numbers are written as in the file. Elsewhere the layout of the file stays; what stands on one long line is
laid out, and the keys stay beside their values. Of transcripts, what is said is read.
"""

import json
import re
from pathlib import Path

from rag.parsers.builder import DocumentBuilder, document_from_spans, one_line
from rag.parsers.captions import Caption, add_captions
from rag.parsers.encodings.decode import decode
from rag.parsers.payload import without_payload
from rag.parsers.plain.json_captions import captions_of_json
from rag.parsers.plain.text import blocks_of_text
from rag.parsers.tables.table import Table
from rag.types import ParsedDocument

_LONG_LINE = 400  # characters on average from which lines mean nothing
_MOST_RECORDS = 20_000
_MOST_KEYS = 60
_LONGEST_VALUE = 300
_TIMED = re.compile(r'"(?:tStartMs|start|start_time|from)"\s*:\s*\d')
_STRING = re.compile(r'"(?:[^"\\\r\n]|\\.)*"')
_ESCAPE = re.compile(
    r'\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(["\\/bfnrt]))'
)
_SIGNS = {"n": "\n", "t": "\t", "r": "", "b": "", "f": " "}


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    if _TIMED.search(decoded.text) and (transcript := _transcript(decoded.text)):
        builder = DocumentBuilder(title=path.stem, media_type="application/json")
        add_captions(builder, transcript)
        return builder.build()
    if (table := _table(decoded.text)) is not None:
        builder = DocumentBuilder(title=path.stem, media_type="application/json")
        builder.metadata["encoding"] = decoded.encoding
        if decoded.warning:
            builder.warn(decoded.warning)
        builder.table(table)
        return builder.build()
    readable = without_payload(_STRING.sub(_shown, _laid_out(decoded.text)))
    return document_from_spans(
        readable.text,
        blocks_of_text(readable.text),
        title=path.stem,
        media_type="application/json",
        warnings=[note for note in (decoded.warning, readable.warning) if note],
        metadata={"encoding": decoded.encoding},
    )


def _transcript(text: str) -> list[Caption] | None:
    try:
        return captions_of_json(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _table(text: str) -> Table | None:
    """A list of records, or a record a line, as a table; None where some value is no plain one or more than a name, a
    number or a sentence, and for a single record."""
    lines = filter(str.strip, text.split("\n"))
    try:
        found = (
            json.loads(text, parse_float=str)
            if text.lstrip().startswith("[")
            else [json.loads(line, parse_float=str) for line in lines]
        )
    except (ValueError, RecursionError):
        return None
    if not 1 < len(found) <= _MOST_RECORDS or not all(isinstance(one, dict) and one for one in found):
        return None
    names = list(dict.fromkeys(name for record in found for name in record))
    if not 1 < len(names) <= _MOST_KEYS or sum(map(len, found)) * 2 < len(found) * len(names):
        return None
    rows = [[_plain(record.get(name)) for name in names] for record in found]
    if any(value is None for row in rows for value in row):
        return None
    return Table.of_rows([names, *([value or "" for value in row] for row in rows)], header_rows=1, records=True)


def _plain(value: object) -> str | None:
    """A value as text, a list of plain values with commas; None for a nested or a long one."""
    if isinstance(value, list):
        parts = [None if isinstance(part, list) else _plain(part) for part in value]
        text = ", ".join(part for part in parts if part is not None)
        return text if None not in parts and len(text) <= _LONGEST_VALUE else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    written = one_line(str(value)) if isinstance(value, str | int | float) else None
    return written if written is not None and len(written) <= _LONGEST_VALUE else None


def _laid_out(text: str) -> str:
    """Returns JSON with a line for each value where it came in long lines; what is not JSON as it is."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or len(text) < _LONG_LINE * len(lines):
        return text
    try:
        values = [json.loads(text)]
    except (ValueError, RecursionError):
        try:
            values = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            return text
    return "\n\n".join(json.dumps(value, indent=1) for value in values)


def _shown(string: re.Match[str]) -> str:
    return _ESCAPE.sub(_character, string[0]) if "\\" in string[0] else string[0]


def _character(escape: re.Match[str]) -> str:
    high, low, code, sign = escape.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    if sign:
        return _SIGNS.get(sign, sign)
    char = chr(int(code, 16))
    return char if char.isprintable() or char == "\u00a0" else " "
