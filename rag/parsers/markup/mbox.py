"""Parses mailboxes (mbox): every message with its headers, body and attachments, in the order of the file."""

import re
from collections.abc import Iterator
from pathlib import Path

from rag.parsers.builder import DocumentBuilder
from rag.parsers.embedded import container
from rag.parsers.markup.eml import add_message, message_of
from rag.types import ParsedDocument

MEDIA_TYPE = "application/mbox"

# A message begins behind a line "From sender date", which follows an empty line; its headers follow.
_BEGIN = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From (?=[^\r\n]*\d{4})[^\r\n]*+\r?\n(?=>?[\w-]+:|From )")
_QUOTED_FROM = re.compile(rb"^>(?=>*From )", re.MULTILINE)


def parse(path: Path) -> ParsedDocument:
    builder = DocumentBuilder(title=path.stem, media_type=MEDIA_TYPE)
    unread = 0
    for raw in _messages(path.read_bytes()):
        try:
            with container():
                add_message(builder, message_of(raw), 1)
        except RecursionError:
            unread += 1
    if unread:
        builder.warn(f"{unread} messages nest their parts too deep and were not read.")
    return builder.build()


def _messages(data: bytes) -> Iterator[bytes]:
    begins = list(_BEGIN.finditer(data))
    for index, begin in enumerate(begins):
        end = begins[index + 1].start() if index + 1 < len(begins) else len(data)
        yield _QUOTED_FROM.sub(b"", data[begin.end() : end])
