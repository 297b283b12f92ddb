"""Tables in text form, RTF, e-mail, notebooks and subtitles."""

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.captions import Caption, merged
from rag.parsers.markup import eml
from rag.parsers.plain import csv, notebook, subtitles
from rag.parsers.registry import parse
from rag.parsers.rtf import parser as rtf
from rag.types import ParsedDocument


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parts(document: ParsedDocument) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_row_stands_by_itself(tmp_path: Path, delimiter: str) -> None:
    rows = [["Name", "City", "Born"], ["Ann", '"Rio' + delimiter + ' de"', "1990"], ["Bo", "Köln", ""]]
    data = "\r\n".join(delimiter.join(row) for row in rows)
    document = csv.parse(write(tmp_path, "people.csv", data.encode("cp1252")))
    rio = "Rio" + (" " if delimiter == "\t" else delimiter) + " de"
    assert document.text.splitlines() == [
        "Name | City | Born",
        f"Name: Ann | City: {rio.replace('  ', ' ')} | Born: 1990",
        "Name: Bo | City: Köln",
    ]


def test_tables_with_and_without_a_header(tmp_path: Path) -> None:
    assert parts(csv.parse(write(tmp_path, "a.csv", "1,2\n3,4\n"))) == ["1 | 2\n3 | 4"]
    assert parts(csv.parse(write(tmp_path, "a.csv", "sep=;\na;b\n1;2\n"))) == ["a | b\na: 1 | b: 2"]
    assert parts(csv.parse(write(tmp_path, "a.csv", "Report 2020\n\na,b\n1,2\n3,4\n"))) == [
        "Report 2020",
        "a | b\na: 1 | b: 2\na: 3 | b: 4",
    ]
    assert parts(csv.parse(write(tmp_path, "a.tsv", "a, b\tc\n1\t2\n"))) == ["a, b | c\na, b: 1 | c: 2"]
    assert parts(csv.parse(write(tmp_path, "a.csv", "a,b\n"))) == ["a | b"]
    assert parts(csv.parse(write(tmp_path, "a.csv", "a,b\n1,2,3\n"))) == ["a | b\na: 1 | b: 2 | 3"]


def test_names_of_columns_may_be_years_empty_or_repeated(tmp_path: Path) -> None:
    years = csv.parse(write(tmp_path, "a.csv", "Town,2030,2031\nOslo,12,14\nBergen,,9\n"))
    assert years.text.splitlines()[1:] == ["Town: Oslo | 2030: 12 | 2031: 14", "Town: Bergen | 2031: 9"]
    index = csv.parse(write(tmp_path, "a.csv", ",town,height\n0,Oslo,12\n1,Bergen,9\n"))
    assert index.text.splitlines()[1:] == ["0 | town: Oslo | height: 12", "1 | town: Bergen | height: 9"]
    twice = csv.parse(write(tmp_path, "a.csv", "Town,Q1,Note,Q2,Note\nOslo,good,,fair,wet floor\n"))
    assert twice.text.splitlines()[1:] == ["Town: Oslo | Q1: good | Q2: fair | Note (Q2): wet floor"]


def test_rows_of_a_long_table_keep_their_names(tmp_path: Path) -> None:
    lines = "".join(f"part {n},{n}\n" for n in range(2_500))
    document = csv.parse(write(tmp_path, "a.csv", "Name,Price\n" + lines))
    assert document.text.splitlines()[-1] == "Name: part 2499 | Price: 2499"
    last = document.blocks[-1].table
    assert last is not None and last.columns == ("Name", "Price")
    assert [document.text[cell.start : cell.end] for cell in last.rows[-1].cells] == ["part 2499", "2499"]


def test_an_open_quote_does_not_swallow_the_table(tmp_path: Path) -> None:
    document = csv.parse(write(tmp_path, "a.csv", 'name,size\n6" pipe,3\n"broken,5\nlast,7\n'))
    assert document.text.splitlines()[1:] == [
        'name: 6" pipe | size: 3',
        'name: "broken | size: 5',
        "name: last | size: 7",
    ]


def test_a_huge_cell_is_read(tmp_path: Path) -> None:
    document = csv.parse(write(tmp_path, "a.csv", "a,b\n1," + "x" * 500_000 + "\n"))
    assert document.text.endswith("x" * 500_000)


def test_rtf_text_tables_and_title(tmp_path: Path) -> None:
    content = (
        rb"{\rtf1\ansi\ansicpg1252{\info{\title My Letter}}{\fonttbl{\f0 Arial;}}"
        rb"Gr\'fc\'dfe \u8364? there\par Second\par"
        rb"\trowd a\cell b\cell\row\trowd 1\cell 2\cell\row\pard {\pict\bin5 {{}}}}Last\par}"
    )
    document = rtf.parse(write(tmp_path, "a.rtf", content))
    assert document.title == "My Letter"
    assert parts(document) == ["Grüße € there", "Second", "a | b\n1 | 2", "Last"]


def test_mail_prefers_plain_text_and_names_attachments(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße aus Köln"
    message["From"] = "Ann <ann@example.org>"
    message["To"] = "bo@example.org"
    message["Date"] = "Fri, 16 Dec 2022 17:04:16 -0500"
    message.set_content("First paragraph.\n\nSecond – paragraph.", charset="utf-8")
    message.add_alternative("<p>Marked-up twin</p>", subtype="html")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="bill.pdf")
    document = eml.parse(write(tmp_path, "a.eml", bytes(message)))
    assert document.title == "Grüße aus Köln"
    assert parts(document) == [
        "Grüße aus Köln",
        "From: Ann <ann@example.org>\nTo: bo@example.org\nDate: Fri, 16 Dec 2022 17:04:16 -0500",
        "First paragraph.",
        "Second – paragraph.",
        "Attachments: bill.pdf",
    ]


def test_mail_in_html_only_and_a_forwarded_one(tmp_path: Path) -> None:
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Inner words")
    message = EmailMessage()
    message["Subject"] = "Outer"
    message.set_content("<h1>Hi</h1><script>x()</script><p>Body</p>", subtype="html")
    message.add_attachment(inner)
    document = eml.parse(write(tmp_path, "a.eml", bytes(message)))
    assert parts(document) == ["Outer", "Hi", "Body", "Inner", "Inner words"]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 1, 2]


def test_mail_with_a_wrong_or_unknown_charset(tmp_path: Path) -> None:
    head = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; charset="
    for charset in (b"no-such", b"utf-8", b"iso-8859-1"):
        data = head + charset + b"\r\n\r\n" + "Grüße – ja".encode("cp1252")
        assert parts(eml.parse(write(tmp_path, "a.eml", data))) == ["x", "Grüße – ja"]


def test_mail_nested_without_end_is_refused(tmp_path: Path) -> None:
    parts_of = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(3_000))
    with pytest.raises(ReadError, match="too deep"):
        eml.parse(write(tmp_path, "a.eml", f"MIME-Version: 1.0\n{parts_of}Content-Type: text/plain\n\nwords"))


@pytest.mark.parametrize("lines", [True, False])
def test_flat_records_are_rows_of_a_table(tmp_path: Path, lines: bool) -> None:
    records = [
        {"name": "\u017baneta", "age": 41, "keeper": True, "note": None},
        {"name": "Ole", "age": 7.5, "note": "x"},
    ]
    text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records)
    document = parse(write(tmp_path, "a.jsonl", text))
    assert document.text.split("\n") == [
        "name | age | keeper | note",
        "name: \u017baneta | age: 41 | keeper: yes",
        "name: Ole | age: 7.5 | note: x",
    ]


@pytest.mark.parametrize(
    "text", ['{"a": 1, "b": 2}', '[{"a": {"c": 1}, "b": 2}, {"a": 3, "b": 4}]', "[1, 2, 3]", "[{]"]
)
def test_other_json_keeps_its_layout(tmp_path: Path, text: str) -> None:
    assert parse(write(tmp_path, "a.json", text)).text == text


def test_a_notebook_without_its_pictures(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "Some *words*."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [{"text": ["1\n"]}, {"data": {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}}],
        },
    ]
    document = notebook.parse(write(tmp_path, "a.ipynb", json.dumps({"cells": cells})))
    assert parts(document) == ["Study", "Some *words*.", "print(1)", "1", "<Figure>"]
    assert [block.kind for block in document.blocks][:3] == ["heading", "paragraph", "code"]


@pytest.mark.parametrize("content", ["{", "[1]", '{"cells": [1]}', '{"cells": [{"source": 5}]}', "[" * 100_000])
def test_a_damaged_notebook_says_so(tmp_path: Path, content: str) -> None:
    with pytest.raises(ReadError, match="notebook is damaged"):
        notebook.parse(write(tmp_path, "a.ipynb", content))


VTT = """WEBVTT - My talk

STYLE
::cue { color: red }

NOTE not spoken

intro
00:00:01.000 --> 00:00:03.000 align:start position:0%
<v.loud Ann Lee>Hello <b>there</b> &amp; you</v>

00:00:03.000 --> 00:00:05.000
Hello there &amp; you
<00:00:03.500><c>new</c> line.

01:00:00.000 --> 01:00:02.000
Later.
"""


def test_web_captions(tmp_path: Path) -> None:
    document = subtitles.parse(write(tmp_path, "talk.vtt", VTT))
    assert document.title == "My talk"
    assert parts(document) == ["Ann Lee: Hello there & you new line.", "Later."]
    assert [(block.start_s, block.end_s) for block in document.blocks] == [(1.0, 5.0), (3600.0, 3602.0)]


def test_subrip(tmp_path: Path) -> None:
    content = (
        "1\r\n00:00:01,5 --> 00:00:03,250\r\n<i>Hi</i> {\\an8}there\r\n2 of us\r\n\r\n"
        "2\r\n00:01:04,000 --> 00:01:05,000\r\nBye.\r\n"
    )
    document = subtitles.parse(write(tmp_path, "talk.srt", content.encode("cp1252")))
    assert document.title == "talk"
    assert parts(document) == ["Hi there 2 of us", "Bye."]
    assert document.blocks[0].start_s == 1.5
    assert document.blocks[0].end_s == 3.25


def test_subtitles_without_times_fail_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no times"):
        subtitles.parse(write(tmp_path, "a.srt", "just words"))


def test_captions_end_with_their_sentence_or_after_half_a_minute() -> None:
    lines = [Caption(f"word {n}" + ("." if n % 4 == 3 else ""), n * 3.0, n * 3.0 + 3) for n in range(40)]
    blocks = list(merged(lines))
    assert " ".join(block.text for block in blocks) == " ".join(line.text for line in lines)
    assert all(block.text.endswith(".") for block in blocks)
    assert all(10 <= block.end_s - block.start_s <= 30 for block in blocks)
    endless = [Caption("word", n * 3.0, n * 3.0 + 3) for n in range(40)]
    assert all(block.end_s - block.start_s <= 30 for block in merged(endless))
