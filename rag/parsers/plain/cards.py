"""Parses contacts (vCard, .vcf) and calendars (iCalendar, .ics): one section a contact, event or task; a contact is a
row of a table, so that each entry is found by its name.

Lines are unfolded and their escapes and quoted-printable text decoded; what only programs need is left out.
"""

import quopri
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rag.parsers.builder import DocumentBuilder, one_line
from rag.parsers.encodings.decode import decode, decode_declared
from rag.parsers.tables.table import Grid
from rag.types import ParsedDocument

_SECTIONS = {"VCARD": "FN", "VEVENT": "SUMMARY", "VTODO": "SUMMARY", "VJOURNAL": "SUMMARY"}
_NAMES = {
    "TEL": "Telephone", "EMAIL": "E-mail", "ADR": "Address", "ORG": "Organisation", "TITLE": "Title", "ROLE": "Role",
    "BDAY": "Birthday", "NOTE": "Note", "URL": "Address on the web", "NICKNAME": "Nickname", "CATEGORIES": "Categories",
    "ANNIVERSARY": "Anniversary", "DTSTART": "Start", "DTEND": "End", "DUE": "Due", "DURATION": "Duration",
    "LOCATION": "Place", "DESCRIPTION": "Description", "ORGANIZER": "Organiser", "ATTENDEE": "Attendee",
    "RRULE": "Repeats", "STATUS": "Status", "COMMENT": "Comment", "CONTACT": "Contact", "PRIORITY": "Priority",
    "COMPLETED": "Completed", "SUMMARY": "Summary", "FN": "Name",
}  # fmt: skip
_FOLD = re.compile(r"\r?\n[ \t]")
_SOFT_BREAK = re.compile(r"(?<==)\r?\n(?![A-Z-]+[;:])")
_LINE = re.compile(r'(?:[\w-]+\.)?(?P<name>[\w-]+)(?P<options>(?:;(?:"[^"]*"|[^":;])*)*):(?P<value>.*)')
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?\d{0,2}(Z?))?")
_TYPE = re.compile(r";(?:TYPE=)?\"?(home|work|cell|mobile|fax|pager|pref)\b", re.IGNORECASE)
_COMMON_NAME = re.compile(r";CN=\"?([^\";:]+)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([nN,;:\\])")
_SEPARATED = frozenset(("ADR", "ORG"))


class _Field(NamedTuple):
    name: str
    options: str
    value: str


def parse(path: Path) -> ParsedDocument:
    decoded = decode(path.read_bytes())
    is_card = "BEGIN:VCARD" in decoded.text[:4096].upper()
    builder = DocumentBuilder(title=path.stem, media_type="text/vcard" if is_card else "text/calendar")
    if decoded.warning:
        builder.warn(decoded.warning)
    opened: list[str] = []
    fields: list[_Field] = []
    for field in _fields(decoded.text):
        if field.name == "BEGIN":
            opened.append(field.value.strip().upper())
            fields = [] if opened[-1] in _SECTIONS else fields
        elif field.name == "END" and opened:
            kind = opened.pop()
            if kind in _SECTIONS:
                _add_section(builder, kind, fields)
                fields = []
        elif opened and opened[-1] in _SECTIONS:
            fields.append(field)
    return builder.build()


def _fields(text: str) -> Iterator[_Field]:
    for line in _SOFT_BREAK.sub("\n ", _FOLD.sub("", text)).replace("=\n ", "").splitlines():
        match = _LINE.match(line.strip())
        if match:
            options, value = match["options"], match["value"]
            if "QUOTED-PRINTABLE" in options.upper():
                charset = re.search(r"CHARSET=([\w-]+)", options, re.IGNORECASE)
                value = decode_declared(quopri.decodestring(value.encode()), charset[1] if charset else "utf-8").text
            yield _Field(match["name"].upper(), options, value)


def _add_section(builder: DocumentBuilder, kind: str, fields: list[_Field]) -> None:
    title = next((_plain(field) for field in fields if field.name == _SECTIONS[kind]), "")
    builder.heading(title, 1)
    shown = [(f"{_NAMES[field.name]}{_kind(field)}", _shown(field)) for field in fields if field.name in _NAMES]
    named = [(name, value) for name, value in shown if value]
    if kind == "VCARD" and named:
        named.sort(key=lambda pair: pair[0] != "Name")
        names, values = zip(*named, strict=True)
        builder.grid(Grid((tuple(map(one_line, values)),), 0, 0, int(names[0] == "Name"), names, records=True))
    else:
        builder.paragraph("\n".join(f"{name}: {value}" for name, value in named))


def _kind(field: _Field) -> str:
    found = _TYPE.search(field.options)
    return f" ({found[1].lower()})" if found and found[1].lower() != "pref" else ""


def _shown(field: _Field) -> str:
    date = _DATE.fullmatch(field.value.strip())
    if date:
        year, month, day, hour, minute, zone = date.groups()
        return f"{year}-{month}-{day}" + (f" {hour}:{minute}{' UTC' if zone else ''}" if hour else "")
    if field.name in ("ORGANIZER", "ATTENDEE"):
        name = _COMMON_NAME.search(field.options)
        address = re.sub(r"(?i)^mailto:", "", field.value)
        return f"{name[1]} <{address}>" if name else address
    return _plain(field)


def _plain(field: _Field) -> str:
    value = field.value
    if field.name in _SEPARATED:
        value = ", ".join(part for part in re.split(r"(?<!\\);", value) if part.strip())
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value).strip()
