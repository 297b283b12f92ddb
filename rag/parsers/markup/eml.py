"""Parses e-mails (.eml) and web archives (.mht): headers, text, the names of attachments, forwarded messages.

The plain part of a message is preferred over its HTML twin. Attachments are named, not read.
"""

import email
import email.policy
import re
from email.message import EmailMessage, Message
from pathlib import Path
from typing import cast

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.encoding import Decoded, decode, decode_declared
from rag.parsers.markup.html import add_html
from rag.types import ParsedDocument

_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_MAX_FORWARDED = 20  # messages within messages


def parse(path: Path) -> ParsedDocument:
    builder = DocumentBuilder(media_type="message/rfc822")
    try:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        _add_message(builder, message, 1)
    except RecursionError as error:  # the standard library's parser descends part by part
        raise ReadError("The e-mail nests its parts too deep to be read.") from error
    builder.title = _header(message, "Subject") or path.stem
    return builder.build()


def _add_message(builder: DocumentBuilder, message: EmailMessage, level: int) -> None:
    subject = _header(message, "Subject")
    builder.heading(subject, level)
    headers = [f"{name}: {value}" for name in _HEADERS[1:] if (value := _header(message, name))]
    builder.paragraph("\n".join(headers))
    attachments: list[str] = []
    _add_part(builder, message, level, attachments)
    if attachments:
        builder.paragraph("Attachments: " + ", ".join(attachments))


def _add_part(builder: DocumentBuilder, part: EmailMessage, level: int, attachments: list[str]) -> None:
    kind = part.get_content_type()
    name = _file_name(part)
    if kind == "message/rfc822" and part.is_multipart():
        if level < _MAX_FORWARDED:
            _add_message(builder, cast(EmailMessage, part.get_payload(0)), level + 1)
    elif kind == "multipart/alternative":
        alternatives = [cast(EmailMessage, child) for child in part.iter_parts()]
        best = min(alternatives, key=_preference, default=None)
        if best is not None:
            _add_part(builder, best, level, attachments)
    elif part.is_multipart():
        for child in part.iter_parts():
            _add_part(builder, cast(EmailMessage, child), level, attachments)
    elif name or part.get_content_disposition() == "attachment":
        attachments.append(name or "without a name")
    elif kind == "text/html":
        add_html(builder, _text(builder, part).text)
    elif kind.startswith("text/") and kind not in ("text/css", "text/javascript"):
        for paragraph in re.split(r"\n\s*\n", _text(builder, part).text.replace("\r\n", "\n")):
            builder.paragraph(paragraph)


def _preference(part: EmailMessage) -> int:
    """Ranks the parts of a message: plain text first if there is any, then HTML (alone or with its pictures)."""
    if part.get_content_type() == "text/plain" and _payload(part).strip():
        return 0
    return 1 if part.get_content_type() in ("text/html", "multipart/related", "multipart/mixed") else 2


def _text(builder: DocumentBuilder, part: EmailMessage) -> Decoded:
    charset = part.get_content_charset()
    data = _payload(part)
    if not data:
        return Decoded("", "utf-8")
    decoded = decode_declared(data, charset) if charset else decode(data)
    if decoded.warning:
        builder.warn(decoded.warning)
    return decoded


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
