"""Makes damaged copies of small files, the same for the same seed."""

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from app.settings.paths import resource

_TOKENS = (
    b"\x00", b"\xff\xfe", b"<", b">", b"&", b"&#x110000;", b"/", b"]]>", b"{", b"}", b"\\", b"\n\n", b"%", b'"', b"-1",
    b"99999999999999999999", b"1e999", "\u00b2".encode(), b"NaN", b"<!DOCTYPE a [", b"endobj", b"stream", b"../", b":",
    b"\xed\xa0\x80", b"=?utf-16?b?%?=", b"xml:", b"\\u-99999999", b"R", b"<<", b"=", b"\r", b"\x1b", b" ",
)  # fmt: skip

WRITTEN = {
    "table.csv": 'Name;City;Value\nAda;Oslo;1,5\n"Ben ""B""";Bergen;2\n' * 4,
    "table.tsv": "Name\tCity\nAda\tOslo\n" * 4,
    "data.json": '{"lamp": {"lit": 1868, "keepers": ["Ada", "Ben", null], "height": 1.5e2}, "open": true}',
    "lines.jsonl": '{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n',
    "notes.rtf": r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0 The \b lamp\b0  was lit.\par\trowd\cellx100\cellx200 a\cell b"
    r"\cell\row\pard {\field{\*\fldinst PAGE}{\fldrslt 1}}\'e4\u8364?{\*\x secret}\par}",
    "calendar.ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Lamp\\, lit\nDTSTART:20260102T030405Z\nRRULE:FREQ=DAILY\n"
    "DESCRIPTION;LANGUAGE=en:A long\n  line\nEND:VEVENT\nEND:VCALENDAR\n",
    "people.vcf": "BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nTEL;TYPE=home:123\nNOTE;ENCODING=QUOTED-PRINTABLE:a=20b\n"
    "END:VCARD\n",
    "mails.mbox": "From a@b Thu Jan 1 2020\nSubject: =?utf-8?q?L=C3=A4mp?=\nTo: a@b, c@d\n\nThe lamp.\n\n" * 3,
    "talk.srt": "1\n00:00:01,000 --> 00:00:02,500\nThe <i>lamp</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nwas lit\n\n",
    "page.md": "---\ntitle: Lamp\n---\n# The [lamp](a)\n\nIt *was* lit.\n\n- a\n  - b\n\n|a|b|\n|-|-|\n"
    "|1|2|\n\n```\nx\n```\n",
    "code.py": '"""Doc."""\n\ndef lamp(a):\n    """Lights."""\n    return [a] * 3\n\n\nclass Keeper:\n    x = 1\n',
    "book.ipynb": '{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "markdown", "source": ["# a"], '
    '"metadata": {}}, {"cell_type": "code", "source": "1+1", "outputs": [{"output_type": "stream", '
    '"text": ["2"]}], "metadata": {}}]}',
    "flat.fodt": '<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:mimetype="application/vnd.oasis.opendocument.'
    'text"><office:body><office:text><text:h text:outline-level="1">Lamp</text:h><text:p>It was <text:s text:c="3"/>'
    "lit.</text:p></office:text></office:body></office:document>",
    "sheet.xml": '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:'
    'schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
    '<Worksheet ss:Name="A"><Table><Row>'
    '<Cell ss:Index="2"><Data ss:Type="Number">1.5</Data></Cell><Cell ss:MergeAcross="1"><Data ss:Type="String">Lamp'
    "</Data></Cell></Row></Table></Worksheet></Workbook>",
}


def originals() -> dict[str, bytes]:
    """Small files by name: the samples, and one of each kind of text."""
    files = {sample.name: sample.read_bytes() for sample in sorted(resource("samples").iterdir())}
    return files | {name: text.encode() for name, text in WRITTEN.items()}


def mutants(folder: Path, count: int, seed: int) -> Iterator[Path]:
    """Writes and yields ``count`` damaged files, in turn of each original."""
    chance = random.Random(seed)
    files = list(originals().items())
    for number in range(count):
        name, data = files[number % len(files)]
        path = folder / f"{number:05d} {name}"
        inside = data.startswith(b"PK\x03\x04") and chance.random() < 0.7
        path.write_bytes(_damaged_inside(data, chance) if inside else _damaged(data, chance))
        yield path


def _damaged_inside(data: bytes, chance: random.Random) -> bytes:
    """Damages one member of an archive, which stays whole around it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        members = archive.namelist()
        victim = chance.choice(
            [name for name in members if name.endswith((".xml", ".rels", ".xhtml", ".opf"))] or members
        )
        for name in members:
            if name != victim:
                made.writestr(name, archive.read(name))
            elif chance.random() < 0.95:
                made.writestr(name, _damaged(archive.read(name), chance))
    return out.getvalue()


def _damaged(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not damaged:
            break
        at = chance.randrange(len(damaged))
        size = min(chance.choice((1, 2, 8, 64, 1024)), len(damaged) - at)
        way = chance.randrange(6)
        if way == 0:
            damaged[at] ^= 1 << chance.randrange(8)
        elif way == 1:
            del damaged[at : at + size]
        elif way == 2:
            damaged[at:at] = damaged[at : at + size] * chance.choice((1, 2, 50))
        elif way == 3:
            damaged[at:at] = chance.choice(_TOKENS)
        elif way == 4:
            damaged[at : at + 4] = chance.choice(_TOKENS)
        else:
            other = chance.randrange(len(damaged))
            damaged[at : at + size] = damaged[other : other + size]
    return bytes(damaged if chance.random() < 0.95 else damaged[: chance.randrange(len(damaged) + 1)])
