"""Parses Outlook messages (.msg, [MS-OXMSG]): headers, body, attachments, messages within.

Properties lie in streams of an OLE container, named after their number and type.
"""

from pathlib import Path

import olefile

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.embedded import container, include_file
from rag.parsers.encodings.decode import decode
from rag.parsers.markup.html import add_html
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.ms-outlook"

_SUBJECT, _BODY, _HTML = "0037", "1000", "1013"
_SENDER_NAME, _SENDER_ADDRESS, _TO, _CC, _HEADERS = "0C1A", "0C1F", "0E04", "0E03", "007D"
_ATTACHED_NAME, _ATTACHED_SHORT_NAME, _ATTACHED_DATA = "3707", "3704", "3701"
_TEXT, _OLD_TEXT, _BYTES, _OBJECT = "001F", "001E", "0102", "000D"
_MAX_DEPTH = 5
_REMEDY = "Open it in Outlook and save it anew."

_Place = tuple[str, ...]


def parse(path: Path) -> ParsedDocument:
    """Parses a message. Raises ReadError where its container is damaged."""
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    try:
        with olefile.OleFileIO(str(path)) as ole, container():
            message = _Message(ole, ())
            message.add_to(builder, 1)
            builder.title = message.text(_SUBJECT) or path.stem
    except (OSError, IndexError, ValueError) as error:  # olefile's ways to say that a container is damaged
        raise ReadError("The message is damaged.", _REMEDY) from error
    return builder.build()


class _Message:
    """A message at one place of the container: the root, or an attachment."""

    def __init__(self, ole: olefile.OleFileIO, place: _Place) -> None:
        self._ole, self._place = ole, place

    def add_to(self, builder: DocumentBuilder, level: int) -> None:
        builder.heading(self.text(_SUBJECT), level)
        sender = " ".join(dict.fromkeys(filter(None, (self.text(_SENDER_NAME), self._address()))))
        date = _header(self.text(_HEADERS), "date")
        fields = (("From", sender), ("To", self.text(_TO)), ("Cc", self.text(_CC)), ("Date", date))
        builder.paragraph("\n".join(f"{name}: {one_line(value)}" for name, value in fields if value))
        body = self.text(_BODY)
        if body.strip():
            for paragraph in body.replace("\r\n", "\n").split("\n\n"):
                builder.paragraph(paragraph)
        elif html := self._bytes(self._place, _HTML):
            add_html(builder, decode(html).text)
        else:
            builder.warn("The message keeps its text in a form that is not read; save it as .eml.")
        self._add_attachments(builder, level)

    def _address(self) -> str:
        address = self.text(_SENDER_ADDRESS)
        return f"<{address}>" if "@" in address else ""

    def _add_attachments(self, builder: DocumentBuilder, level: int) -> None:
        folders = sorted(
            {
                entry[len(self._place)]
                for entry in map(tuple, self._ole.listdir())
                if entry[: len(self._place)] == self._place
                and len(entry) > len(self._place) + 1
                and entry[len(self._place)].lower().startswith("__attach")
            }
        )
        places = [(*self._place, folder) for folder in folders]
        names = [self._text(place, _ATTACHED_NAME) or self._text(place, _ATTACHED_SHORT_NAME) for place in places]
        if shown := [one_line(name) for name in names if name]:
            builder.paragraph("Attachments: " + ", ".join(shown))
        for place, name in zip(places, names, strict=True):
            within = (*place, f"__substg1.0_{_ATTACHED_DATA}{_OBJECT}")
            if self._ole.exists("/".join((*within, "__properties_version1.0"))) and level < _MAX_DEPTH:
                _Message(self._ole, within).add_to(builder, level + 1)
            elif name and not include_file(builder, name, self._bytes(place, _ATTACHED_DATA), level + 1):
                builder.warn(f"The attachment {one_line(name)} was not read.")

    def text(self, number: str) -> str:
        return self._text(self._place, number)

    def _text(self, place: _Place, number: str) -> str:
        wide = self._stream(place, f"{number}{_TEXT}")
        if wide:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self._stream(place, f"{number}{_OLD_TEXT}").rstrip(b"\0")
        return decode(narrow).text if narrow else ""

    def _bytes(self, place: _Place, number: str) -> bytes:
        return self._stream(place, f"{number}{_BYTES}")

    def _stream(self, place: _Place, name: str) -> bytes:
        path = "/".join((*place, f"__substg1.0_{name}"))
        if not self._ole.exists(path) or self._ole.get_type(path) != olefile.STGTY_STREAM:
            return b""
        with self._ole.openstream(path) as stream:
            return bytes(stream.read())


def _header(headers: str, name: str) -> str:
    lines = (line.partition(":") for line in headers.splitlines())
    return next((value.strip() for field, _, value in lines if field.lower() == name), "")
