"""Parses JSON, one value or one a line, as a person reads it: escaped characters are the characters themselves.

The layout of the file stays; what stands on one long line is laid out. The keys stay beside their values. Of
transcripts, what is said is read.
"""

import json
import re
from pathlib import Path

from rag.parsers.builder import DocumentBuilder, document_from_spans
from rag.parsers.captions import Caption, add_captions
from rag.parsers.encoding import decode
from rag.parsers.payload import without_payload
from rag.parsers.plain.json_captions import captions_of_json
from rag.parsers.plain.text import blocks_of_text
from rag.types import ParsedDocument

_LONG_LINE = 400  # characters on average from which lines mean nothing
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
