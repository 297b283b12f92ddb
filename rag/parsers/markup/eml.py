"""Parses e-mails (.eml) and web archives (.mht): headers, the better of the bodies, attachments, forwarded messages.

Attachments that a parser takes are read below a heading with their name; the others are named.
"""

import email
import re
from collections import Counter
from email.message import EmailMessage, Message
from pathlib import Path
from typing import cast

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.embedded import container, include_file
from rag.parsers.encodings.decode import Decoded, decode, decode_declared
from rag.parsers.markup.html import add_html, text_of_html
from rag.parsers.markup.mail_headers import POLICY
from rag.types import ParsedDocument

_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_MAX_FORWARDED = 20  # messages within messages
_WORD = re.compile(r"\w+")
_STUB_WORDS = 60
_STUB_SHARE = 0.5  # of the words of the HTML twin; a plain part with fewer of them stands for it, not beside it


def message_of(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data, policy=POLICY)


def parse(path: Path) -> ParsedDocument:
    builder = DocumentBuilder(media_type="message/rfc822")
    try:
        message = message_of(path.read_bytes())
        with container():
            add_message(builder, message, 1)
    except RecursionError as error:  # the standard library's parser descends part by part
        raise ReadError("The e-mail nests its parts too deep to be read.") from error
    builder.title = _header(message, "Subject") or path.stem
    return builder.build()


def add_message(builder: DocumentBuilder, message: EmailMessage, level: int) -> None:
    """Adds a message below a heading with its subject. Needs ``container`` for its attachments."""
    builder.heading(_header(message, "Subject"), level)
    headers = [f"{name}: {value}" for name in _HEADERS[1:] if (value := _header(message, name))]
    builder.paragraph("\n".join(headers))
    attachments: list[EmailMessage] = []
    _add_part(builder, message, level, attachments)
    if attachments:
        names = [_file_name(part) or "without a name" for part in attachments]
        builder.paragraph("Attachments: " + ", ".join(names))
    for part in attachments:
        name = _file_name(part)
        if name and not include_file(builder, name, _payload(part), level + 1):
            builder.warn(f"The attachment {name} was not read.")


def _add_part(builder: DocumentBuilder, part: EmailMessage, level: int, attachments: list[EmailMessage]) -> None:
    kind = part.get_content_type()
    if kind == "message/rfc822" and part.is_multipart():
        if level < _MAX_FORWARDED:
            add_message(builder, cast(EmailMessage, part.get_payload(0)), level + 1)
    elif kind == "multipart/alternative":
        best = _better_body([cast(EmailMessage, child) for child in part.iter_parts()])
        if best is not None:
            _add_part(builder, best, level, attachments)
    elif part.is_multipart():
        for child in part.iter_parts():
            _add_part(builder, cast(EmailMessage, child), level, attachments)
    elif _file_name(part) or part.get_content_disposition() == "attachment":
        attachments.append(part)
    elif kind == "text/html":
        add_html(builder, _text(builder, part).text)
    elif kind.startswith("text/") and kind not in ("text/css", "text/javascript"):
        for paragraph in re.split(r"\n\s*\n", _text(builder, part).text.replace("\r\n", "\n")):
            builder.paragraph(paragraph)


def _better_body(parts: list[EmailMessage]) -> EmailMessage | None:
    """Returns plain text where it says what its HTML twin says, else the twin (alone or with its pictures)."""
    plain = next((part for part in parts if part.get_content_type() == "text/plain" and _payload(part).strip()), None)
    rich = next((part for part in parts if _html_in(part) is not None), None)
    if plain is None or rich is None:
        return plain or rich or next(iter(parts), None)
    markup = _html_in(rich)
    assert markup is not None
    shown = Counter(_WORD.findall(text_of_html(_decoded(markup).text).lower()))
    said = Counter(_WORD.findall(_decoded(plain).text.lower()))
    if (shown & said).total() >= _STUB_SHARE * shown.total():
        return plain
    # Of two that say different things the longer one is the message, unless the plain one only points to the other.
    points_there = "html" in said and said.total() < _STUB_WORDS
    return rich if points_there or shown.total() >= said.total() else plain


def _html_in(part: EmailMessage) -> EmailMessage | None:
    """Returns the part itself or the first part within it that is HTML."""
    found = (inner for inner in part.walk() if inner.get_content_type() == "text/html")
    return next(found, None)


def _text(builder: DocumentBuilder, part: EmailMessage) -> Decoded:
    decoded = _decoded(part)
    if decoded.warning:
        builder.warn(decoded.warning)
    return decoded


def _decoded(part: EmailMessage) -> Decoded:
    charset = part.get_content_charset()
    data = _payload(part)
    if not data:
        return Decoded("", "utf-8")
    return decode_declared(data, charset) if charset else decode(data)


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _header(message: EmailMessage, name: str) -> str:
    try:
        return one_line(str(message.get(name, "")))
    # The parser of headers fails in many ways on broken ones; without that header the message still reads.
    except Exception:  # noqa: BLE001
        return ""


def _file_name(part: EmailMessage) -> str:
    try:
        return one_line(part.get_filename() or "")
    except Exception:  # noqa: BLE001  (as above)
        return "with a broken name"
