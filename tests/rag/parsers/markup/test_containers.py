"""Mail, mailboxes, archives, contacts and calendars: bodies, attachments, and what is in files within files."""

import plistlib
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.errors import SkippedError
from rag.parsers.registry import parse
from rag.types import ParsedDocument
from tests.rag.parsers.office.doc_writer import container


def message(subject: str, text: str, html: str = "") -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["Date"] = subject, "a@quay.example", "Tue, 03 Jun 2031 09:12:00 +0200"
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def saved(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def headings(document: ParsedDocument) -> list[tuple[int, str]]:
    return [(b.level, document.text[b.start : b.end]) for b in document.blocks if b.kind == "heading"]


def test_a_stub_of_plain_text_gives_way_to_its_html(tmp_path: Path) -> None:
    rich = "<p>Your room is number 14, with a view of the pier and of the old lighthouse.</p>"
    stub = message("Booking", "Please use a program that shows HTML.", rich * 3)
    assert "number 14" in parse(saved(tmp_path, "a.eml", stub.as_bytes())).text
    wordy = (
        "This message was written in HTML. Please switch on HTML in your program, or open it in a browser to read it."
    )
    assert "number 14" in parse(saved(tmp_path, "c.eml", message("Booking", wordy, rich).as_bytes())).text
    whole = message("Booking", "Your room is number 14, with a view of the pier.", rich)
    assert "lighthouse" not in parse(saved(tmp_path, "b.eml", whole.as_bytes())).text


def test_attachments_are_sections_with_their_names(tmp_path: Path) -> None:
    mail = message("Minutes", "See the files.")
    mail.add_attachment("City,Berths\nQuay,12\nPier,7\n", subtype="csv", filename="berths.csv")
    mail.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(50), maintype="image", subtype="png", filename="map.png")
    inner = message("Earlier", "The key is in the shed.")
    inner.add_attachment("A note.", filename="note.md")
    mail.add_attachment(inner)
    document = parse(saved(tmp_path, "a.eml", mail.as_bytes()))
    assert headings(document) == [(1, "Minutes"), (2, "Earlier"), (3, "note.md"), (2, "berths.csv")]
    assert "Attachments: berths.csv, map.png" in document.text
    assert document.warnings == ("The attachment map.png was not read.",)
    (table,) = [block.table for block in document.blocks if block.table is not None]
    assert [document.text[cell.start : cell.end] for row in table.rows for cell in row.cells][-2:] == ["Pier", "7"]


def test_a_mailbox_is_read_message_by_message(tmp_path: Path) -> None:
    first = message("Jetée: fermeture", "Le bac part désormais du quai numéro 7.\n\nFrom here on it is free.")
    second = message("Dinner", "Please tell Mira.")
    data = b""
    for mail in (first, second):
        body = mail.as_bytes().replace(b"\nFrom here", b"\n>From here")
        data += b"From a@quay.example Tue Jun  3 09:12:00 2031\n" + body + b"\n"
    document = parse(saved(tmp_path, "archive.mbox", data))
    assert headings(document) == [(1, "Jetée: fermeture"), (1, "Dinner")]
    assert "quai numéro 7" in document.text and "\nFrom here on it is free." in document.text
    assert parse(saved(tmp_path, "Inbox", data)).media_type == "application/mbox"


def test_an_archive_is_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "files.zip"
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("deep.txt", "Deep inside.")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes/a.md", "# Tides\n\nHigh at nine.")
        archive.writestr("b.bin", bytes(range(256)))
        archive.writestr("__MACOSX/._a.md", "junk")
        archive.write(tmp_path / "inner.zip", "inner.zip")
    document = parse(path)
    assert headings(document) == [(1, "inner.zip"), (2, "deep.txt"), (1, "notes/a.md"), (2, "Tides")]
    assert document.warnings == ("1 of 3 files in the archive were not read: b.bin.",)


def test_archives_within_archives_end(tmp_path: Path) -> None:
    inner = saved(tmp_path, "0.txt", "The core.")
    for depth in range(1, 9):
        outer = tmp_path / f"{depth}.zip"
        with zipfile.ZipFile(outer, "w") as archive:
            archive.write(inner, inner.name)
        inner = outer
    with pytest.raises(SkippedError):
        parse(inner)


def test_contacts_and_calendars(tmp_path: Path) -> None:
    card = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Mira Holt\r\nTEL;TYPE=CELL:+46 12 345\r\n"
        "ADR;TYPE=home:;;Quay 4;Orrin;;12;SE\r\n"
        "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Schl=C3=BCssel\\, rot\r\nPHOTO;ENCODING=b:AAAA\r\nEND:VCARD\r\n"
    )
    document = parse(saved(tmp_path, "a.vcf", card))
    assert document.text.split("\n") == [
        "Mira Holt",
        "",
        "Name: Mira Holt | Telephone (cell): +46 12 345 | Address (home): Quay 4, Orrin, 12, SE | Note: Schlüssel, rot",
    ]
    assert [b.table.columns[1] for b in document.blocks if b.table] == ["Telephone (cell)"]
    event = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Crane te\n st\nDTSTART;TZID=Europe/Oslo:20310512T140000\n"
        "DTEND:20310512T150000Z\nATTENDEE;CN=Bo Marsh:mailto:bo@quay.example\nDESCRIPTION:Bring\\nweights\nUID:7\n"
        "BEGIN:VALARM\nDESCRIPTION:alarm\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    assert parse(saved(tmp_path, "b.ics", event)).text.split("\n") == [
        "Crane test",
        "",
        "Summary: Crane test",
        "Start: 2031-05-12 14:00",
        "End: 2031-05-12 15:00 UTC",
        "Attendee: Bo Marsh <bo@quay.example>",
        "Description: Bring",
        "weights",
    ]


def test_escapes_of_json_are_the_characters(tmp_path: Path) -> None:
    text = r'{"name": "\u017baneta", "path": "C:\\u0041", "said": "\"Go\"\n\ud83d\ude80", "link": "a\/b"}'
    shown = parse(saved(tmp_path, "a.json", text)).text
    assert shown == '{"name": "Żaneta", "path": "C:\\u0041", "said": ""Go"\n🚀", "link": "a/b"}'
    long = "[" + ",".join(['{"a":"\\u0142","b":{"c":{"d":[1,2]}}}'] * 60) + "]"
    assert '"a": "ł"' in parse(saved(tmp_path, "b.json", long)).text.splitlines()[2]


def test_files_written_as_text_are_left_out(tmp_path: Path) -> None:
    payload = "iVBORw0KGgoAAAANSUhEUgAA" * 40
    markdown = (
        f"# Walk\n\nStart ![map](data:image/png;base64,{payload}) here.\n\n[x]: data:image/png;base64,{payload}\n"
    )
    document = parse(saved(tmp_path, "a.md", markdown))
    assert document.text == "# Walk\n\nStart ![map]() here.\n\n[x]: \n"
    assert document.warnings == ("2 embedded files or pictures (2 KB written as text) were left out.",)
    lines = "\n".join([payload[i : i + 76] for i in range(0, 912, 76)])
    assert parse(saved(tmp_path, "b.txt", f"Key:\n{lines}\nEnd of it.")).text == "Key:\n\nEnd of it."
    words = "wordsoflowercasealone" * 20
    assert parse(saved(tmp_path, "c.txt", words)).text == words


def test_a_message_of_outlook(tmp_path: Path) -> None:
    texts = {"0037": "Jetée", "0C1A": "Ann", "0C1F": "ann@quay.example", "0E04": "Bo", "1000": "One.\r\n\r\nTwo."}
    streams = {f"__substg1.0_{number}001F": text.encode("utf-16-le") for number, text in texts.items()}
    streams["__substg1.0_007D001F"] = "To: bo\r\nDate: Tue, 3 Jun 2031\r\n".encode("utf-16-le")
    streams["__properties_version1.0"] = bytes(32)
    document = parse(saved(tmp_path, "a.msg", container(streams)))
    assert document.title == "Jetée"
    assert document.text.split("\n\n") == [
        "Jetée",
        "From: Ann <ann@quay.example>\nTo: Bo\nDate: Tue, 3 Jun 2031",
        "One.",
        "Two.",
    ]


def test_attachments_of_outlook_and_messages_within(tmp_path: Path) -> None:
    def stream(place: str, number: str, text: str) -> tuple[str, bytes]:
        return f"{place}__substg1.0_{number}001F", text.encode("utf-16-le")

    file, inner = "__attach_version1.0_#00000000/", "__attach_version1.0_#00000001/"
    message = f"{inner}__substg1.0_3701000D/"
    streams = dict(
        [
            stream("", "0037", "Keys"),
            stream("", "1000", "See below."),
            stream(file, "3707", "list.csv"),
            (f"{file}__substg1.0_37010102", b"Key,Door\nA4,Pier\nB2,Tower\n" + b"\n" * 4096),
            stream(inner, "3707", "forwarded"),
            stream(message, "0037", "Older message"),
            stream(message, "1000", "The spare key hangs in the tower."),
        ]
    )
    streams |= {"__properties_version1.0": bytes(32), f"{message}__properties_version1.0": bytes(24)}
    document = parse(saved(tmp_path, "a.msg", container(streams)))
    assert headings(document) == [(1, "Keys"), (2, "list.csv"), (2, "Older message")]
    assert "Key: A4 | Door: Pier" in document.text and "The spare key hangs in the tower." in document.text


def test_a_page_saved_with_its_parts(tmp_path: Path) -> None:
    page = EmailMessage()
    page["Subject"], page["Snapshot-Content-Location"] = "Tide table", "https://tide.example/"
    page.set_content("<html><body><h1>Tide</h1><p>High water at 06:12.</p></body></html>", subtype="html")
    page.make_related()
    page.attach(EmailMessage())
    page.add_related(b"body { color: red }", "text", "css", filename=None)
    page.add_related(b"\x89PNG\r\n\x1a\n", "image", "png", cid="<a>")
    document = parse(saved(tmp_path, "a.mht", bytes(page)))
    assert "High water at 06:12." in document.text and "color" not in document.text
    assert document.title == "Tide table"


@pytest.mark.parametrize("form", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_an_archive_of_safari(tmp_path: Path, form: plistlib.PlistFormat) -> None:
    def resource(markup: str) -> dict[str, object]:
        return {
            "WebResourceData": markup.encode("cp1252"),
            "WebResourceMIMEType": "text/html",
            "WebResourceTextEncodingName": "windows-1252",
        }

    archive = {
        "WebMainResource": resource("<title>Tide</title><p>Café at the pier.</p>"),
        "WebSubresources": [{"WebResourceData": b"body{}", "WebResourceMIMEType": "text/css"}],
        "WebSubframeArchives": [{"WebMainResource": resource("<p>In a frame.</p>")}],
    }
    document = parse(saved(tmp_path, "a.webarchive", plistlib.dumps(archive, fmt=form)))
    assert (document.title, document.text) == ("Tide", "Café at the pier.\n\nIn a frame.")


def test_minified_code_and_files_in_code_and_markup_are_left_out(tmp_path: Path) -> None:
    small = 'function a(b){return b+1}var d="Lamp";' * 60
    with pytest.raises(SkippedError, match="minified"):
        parse(saved(tmp_path, "a.min.js", small))
    mixed = parse(saved(tmp_path, "b.js", f"// The lamp.\n{small}\nlet x = 4471;\n"))
    assert mixed.text == "// The lamp.\nlet x = 4471;\n"
    assert mixed.warnings == ("Lines of minified code were left out.",)
    rows = ",".join(f"({number},'keeper{number}')" for number in range(500))
    dump = parse(saved(tmp_path, "c.sql", f"INSERT INTO keepers VALUES {rows};"))
    assert "(499,'keeper499')" in dump.text
    assert not dump.warnings
    payload = "iVBORw0KGgoAAAANSUhEUgAA" * 40
    for name, content in (
        ("a.py", f'KEY = "{payload}"\n\n\ndef lamp():\n    return 4471\n'),
        ("a.html", f"<p>Lamp 4471</p><p>{payload}</p>"),
        ("a.xml", f"<a><name>Lamp 4471</name><data>{payload}</data></a>"),
    ):
        document = parse(saved(tmp_path, name, content))
        assert payload[:50] not in document.text and "4471" in document.text
        assert "left out" in document.warnings[0]
