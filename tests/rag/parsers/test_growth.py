"""Work grows with a file's length, not its square, and never doubles with what is nested.

The sizes are such that a quadratic (or doubling) reader would run into the suite's limit of five minutes.
"""

import zipfile
from pathlib import Path

import openpyxl
import pytest

from rag.errors import ReadError
from rag.parsers.registry import parse
from rag.types import ParsedDocument

_ODF = "".join(
    f' xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("text", "text"), ("draw", "drawing"), ("table", "table"))
)
_WORD = (
    ' xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:v="urn:schemas-microsoft-com:vml"'
)
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def read(folder: Path, name: str, content: str) -> ParsedDocument:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return parse(path)


def _docx(folder: Path, body: str) -> Path:
    with zipfile.ZipFile(folder / "a.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{_PACKAGE}/content-types"/>')
        relation = f'<Relationship Id="r" Type="{_MAIN}" Target="word/document.xml"/>'
        related = f'<Relationships xmlns="{_PACKAGE}/relationships">{relation}</Relationships>'
        archive.writestr("_rels/.rels", related)
        archive.writestr("word/document.xml", f"<w:document{_WORD}><w:body>{body}</w:body></w:document>")
    return folder / "a.docx"


def nested(opening: str, closing: str, levels: int = 40) -> str:
    return opening * levels + "<text:p>innermost</text:p>" + closing * levels


@pytest.mark.parametrize(
    "body",
    [
        nested("<text:p>a<draw:frame><draw:text-box>", "</draw:text-box></draw:frame></text:p>"),
        nested("<text:p>a<draw:custom-shape>", "</draw:custom-shape></text:p>"),
        nested("<text:p>a<text:note><text:note-body>", "</text:note-body></text:note></text:p>"),
        nested("<text:p>a<office:annotation>", "</office:annotation></text:p>"),
    ],
    ids=["boxes", "shapes", "notes", "comments"],
)
def test_what_is_nested_in_an_odt_is_read_once(tmp_path: Path, body: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.odt", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        content = f"<office:document-content{_ODF}><office:body><office:text>{body}</office:text></office:body>"
        archive.writestr("content.xml", f"{content}</office:document-content>")
    assert parse(tmp_path / "a.odt").text.count("innermost") <= 1


def test_boxes_in_boxes_of_a_docx_are_read_once(tmp_path: Path) -> None:
    opening = "<w:p><w:r><w:t>a</w:t><w:pict><v:textbox><w:txbxContent>"
    closing = "</w:txbxContent></v:textbox></w:pict></w:r></w:p>"
    body = opening * 40 + "<w:p><w:r><w:t>innermost</w:t></w:r></w:p>" + closing * 40
    text = parse(_docx(tmp_path, body)).text
    assert text.count("innermost") == 1 and text.split() == ["a"] * 40 + ["innermost"]


@pytest.mark.parametrize("unit", ["[a", "<", "![](", "*a ", "_a"])
def test_a_heading_of_markup_is_no_work_for_the_title(tmp_path: Path, unit: str) -> None:
    document = read(tmp_path, "a.md", "# " + unit * 150_000)
    assert len(document.title) <= 400


def test_many_attributes_of_one_element(tmp_path: Path) -> None:
    many = " ".join(f"a{number}='x > y'" for number in range(300_000))
    assert "the text" in read(tmp_path, "a.html", f"<p {many}>the text</p>").text
    assert read(tmp_path, "b.html", f"<p class='{'x ' * 5000}' title='a'>kept</p>").text == "kept"


def test_of_many_attributes_of_an_xml_element_the_first_are_read(tmp_path: Path) -> None:
    many = " ".join(f'a{number}="x{number}"' for number in range(300_000))
    document = read(tmp_path, "a.xml", f"<log {many}><entry>the text</entry></log>")
    assert "a0: x0" in document.text and "the text" in document.text and len(document.text) < 10_000
    assert document.warnings == ("Of an element with more than 500 attributes the first ones were read.",)


def test_many_raised_characters_in_one_paragraph(tmp_path: Path) -> None:
    line = "the lamp keeper wrote of 10<sup>5</sup> gulls<sup>3</sup> "
    document = read(tmp_path, "a.html", f"<p>{line * 20_000}</p>")
    assert document.text.count("10^5 gulls ³") == 20_000


@pytest.mark.parametrize(
    "header",
    [
        "To: " + ",\n ".join(f"Keeper {number} <k{number}@example.org>" for number in range(40_000)),
        "To: " + ", ".join(f"k{number}@example.org" for number in range(40_000)),
        "Subject: " + "word " * 200_000,
        "Subject: " + "=?utf-8?q?l=C3=A4mp?= " * 50_000,
        "Subject: " + "=?utf-8?q?" * 100_000,
        "Content-Type: text/plain; " + "; ".join(f"a{number}=b" for number in range(100_000)),
    ],
    ids=["folded", "addresses", "words", "encoded", "broken", "type"],
)
def test_a_header_of_a_megabyte(tmp_path: Path, header: str) -> None:
    document = read(tmp_path, "a.eml", f"{header}\nFrom: a@example.org\n\nThe lamp was lit.")
    assert "The lamp was lit." in document.text and "a@example.org" in document.text
    assert ("k39999@example.org" in document.text) == header.startswith("To")
    assert document.text.count("lämp") in (0, 1, 50_000) and (document.text.count("lämp") > 1) == ("C3=A4" in header)


def test_many_parts_of_a_mail(tmp_path: Path) -> None:
    part = "--b\nContent-Type: text/plain; " + "; ".join(f"a{n}=b" for n in range(60)) + "\n\nhello\n"
    document = read(tmp_path, "a.eml", f"Content-Type: multipart/mixed; boundary=b\n\n{part * 8000}--b--\n")
    assert document.text.count("hello") == 8000


def test_a_line_of_digits_in_a_mailbox(tmp_path: Path) -> None:
    mail = "From a@b Thu 2020\nTo: a\n\nThe lamp.\n\n"
    document = read(tmp_path, "a.mbox", f"{mail}From {'1' * 1_000_000}\nnot a header\n")
    assert "The lamp." in document.text


def test_long_names_of_columns_are_not_repeated_in_a_large_table(tmp_path: Path) -> None:
    names = ",".join(f"measurement of the lamp in district {number}" for number in range(40))
    row = ",".join("7" for _ in range(40))
    small = read(tmp_path, "small.csv", f"{names}\n" + f"{row}\n" * 100)
    large = read(tmp_path, "large.csv", f"{names}\n" + f"{row}\n" * 40_000)
    assert small.text.count("district 39") == 101 and large.text.count("district 39") == 1
    table = large.blocks[-1].table
    assert table is not None and table.columns[39].endswith("district 39") and not table.records


def test_columns_that_are_empty_further_down(tmp_path: Path) -> None:
    names = ",".join(f"column {number}" for number in range(4000))
    document = read(tmp_path, "a.csv", f"{names}\n" + "1\n" * 60_000)
    kept = sum(len(block.table.columns) for block in document.blocks if block.table is not None)
    assert kept < 10_000


@pytest.mark.parametrize("unit", ["a", "@", "/*", "{", "}", "@a{", ".a{}", "/**/"])
def test_a_long_style_sheet(tmp_path: Path, unit: str) -> None:
    sheet = unit * (1_000_000 // len(unit))
    assert read(tmp_path, "a.html", f"<style>{sheet}</style><p>The lamp was lit.</p>").text == "The lamp was lit."


def test_rules_hold_around_comments_and_at_rules(tmp_path: Path) -> None:
    sheet = "@import 'x'; .a /* { */ {display: none} @media print {.b {display: none}} .c, .d{display:none}"
    body = "".join(f"<p class='{name}'>{name} text</p>" for name in "abcd")
    assert read(tmp_path, "a.html", f"<style>{sheet}</style>{body}").text == "b text"


@pytest.mark.parametrize("number", ["9" * 21, "9" * 5000, "1048575"])
def test_cells_merged_over_more_than_there_can_be(tmp_path: Path, number: str) -> None:
    ss = "urn:schemas-microsoft-com:office:spreadsheet"
    cells = (
        f"<Cell ss:MergeAcross='{number}' ss:MergeDown='{number}'><Data ss:Type='String'>Lamp</Data></Cell>"
        f"<Cell ss:Index='{number}'/>"
    )
    content = (
        "<?xml version='1.0'?><?mso-application progid='Excel.Sheet'?>"
        f"<Workbook xmlns='{ss}' xmlns:ss='{ss}'><Worksheet ss:Name='A'><Table><Column ss:Span='{number}'/>"
        f"<Row>{cells}</Row><Row ss:Index='{number}'/></Table></Worksheet></Workbook>"
    )
    assert "Lamp" in read(tmp_path, "a.xml", content).text


def test_tables_in_tables_of_a_page(tmp_path: Path) -> None:
    opening, closing = "<table><tr><td>", "</td></tr></table>"
    for body in (opening * 1500 + "lamp", opening * 1500 + "lamp" + closing * 1500):
        assert read(tmp_path, "a.html", body).text == "lamp"


def test_cells_of_a_page_that_cover_what_no_table_has(tmp_path: Path) -> None:
    row = "<tr>" + "<td colspan=1000 rowspan=65534>lamp" * 100
    assert "lamp" in read(tmp_path, "a.html", f"<table>{row * 100}</table>").text


def test_many_columns_of_one_name(tmp_path: Path) -> None:
    names = "".join(f"<th>{name}" for name in ("Year", *["Comment"] * 20_000))
    assert (
        "1868" in read(tmp_path, "a.html", f"<table><tr>{names}<tr><td>1868<td>lit<td>a<tr><td>1869<td>b</table>").text
    )


def test_spans_and_repetitions_of_an_opendocument_table(tmp_path: Path) -> None:
    huge = "2147483647"
    cell = f'<table:table-cell table:number-columns-spanned="{huge}" table:number-rows-spanned="{huge}"><text:p>lamp'
    for kind, empty in (("text", huge), ("spreadsheet", "100")):  # a sheet ends after many empty rows
        rows = (
            f'<table:table-row table:number-rows-repeated="{empty}"><table:table-cell/></table:table-row>'
            f"<table:table-row>{cell}</text:p></table:table-cell></table:table-row>"
        )
        body = f"<office:body><office:{kind}><table:table>{rows}</table:table></office:{kind}></office:body>"
        with zipfile.ZipFile(tmp_path / "a.odf", "w") as archive:
            archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
            archive.writestr("content.xml", f"<office:document-content{_ODF}>{body}</office:document-content>")
        assert "lamp" in parse(tmp_path / "a.odf").text


def test_columns_of_a_docx_are_no_more_than_there_can_be(tmp_path: Path) -> None:
    cell = '<w:tc><w:tcPr><w:gridSpan w:val="2147483647"/></w:tcPr><w:p><w:r><w:t>lamp</w:t></w:r></w:p></w:tc>'
    path = _docx(tmp_path, f"<w:tbl>{f'<w:tr>{cell * 2}</w:tr>' * 20}</w:tbl>")
    assert 40 <= parse(path).text.count("lamp") <= 5_000


@pytest.mark.parametrize("opening", ["<w:tbl><w:tr><w:tc>", "<w:sdt><w:sdtContent>"])
def test_what_is_nested_too_deep_is_not_called_empty(tmp_path: Path, opening: str) -> None:
    closing = "".join(f"</{name}" for name in reversed(opening.split("<")[1:]))
    path = _docx(tmp_path, opening * 100 + "<w:p><w:r><w:t>lamp</w:t></w:r></w:p>" + closing * 100)
    with pytest.raises(ReadError, match="nested too deeply"):
        parse(path)


def test_events_within_events_repeat_nothing(tmp_path: Path) -> None:
    many = 3_000
    notes = "".join(f"COMMENT:note {number}\n" for number in range(many))
    events = "BEGIN:VEVENT\n" * many + notes + "SUMMARY:lamp\n" + "END:VEVENT\n" * many
    assert read(tmp_path, "a.ics", f"BEGIN:VCALENDAR\n{events}END:VCALENDAR\n").text.count("note 7\n") == 1


def test_a_short_number_format_costs_no_more_for_being_long(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number in range(1, 2_000):
        cell = book.active.cell(number, 1, number + 0.5)
        cell.number_format = "0" * 30_000 + "." + "0" * 30_000
    book.save(tmp_path / "a.xlsx")
    assert "1999.5" in parse(tmp_path / "a.xlsx").text


def test_what_stands_around_numbers_is_not_repeated_without_end(tmp_path: Path) -> None:
    properties = '<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>'
    item = f"<w:p>{properties}<w:r><w:t>ferry</w:t></w:r></w:p>"
    level = f'<w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:lvlText w:val="{"%1." * 2_000}"/></w:lvl>'
    numbering = (
        f'<w:numbering{_WORD}><w:abstractNum w:abstractNumId="0">{level}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )
    path = _docx(tmp_path, item * 500)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/numbering.xml", numbering)
        target = f'<Relationship Id="n" Type="{_MAIN.replace("officeDocument", "numbering")}" Target="numbering.xml"/>'
        archive.writestr(
            "word/_rels/document.xml.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{target}</Relationships>'
        )
    text = parse(path).text
    assert text.count("ferry") == 500
    assert len(text) < 500 * 1_000


def test_fields_within_fields(tmp_path: Path) -> None:
    def mark(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    depth = 60_000
    opened = mark("begin") + '<w:r><w:instrText>HYPERLINK "x"</w:instrText></w:r>' + mark("separate")
    body = f"<w:p>{opened * depth}<w:r><w:t>ferry</w:t></w:r>{mark('end') * depth}<w:r><w:t> noon</w:t></w:r></w:p>"
    assert parse(_docx(tmp_path, body)).text == "ferry noon"


@pytest.mark.parametrize("sheet", [True, False])
def test_rows_that_stand_there_a_million_times(tmp_path: Path, sheet: bool) -> None:
    kind = "spreadsheet" if sheet else "text"
    row = (
        '<table:table-row table:number-rows-repeated="900"><table:table-cell table:number-columns-repeated="900">'
        "<text:p>ferry</text:p></table:table-cell></table:table-row>"
    )
    last = "<table:table-row><table:table-cell><text:p>noon</text:p></table:table-cell></table:table-row>"
    body = f"<office:body><office:{kind}><table:table>{row * 50}{last}</table:table></office:{kind}></office:body>"
    with zipfile.ZipFile(tmp_path / "a.odf", "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr("content.xml", f"<office:document-content{_ODF}>{body}</office:document-content>")
    document = parse(tmp_path / "a.odf")
    assert "ferry" in document.text and "noon" in document.text
    assert len(document.text) < 2_000_000
    if sheet:
        assert any("alike" in warning for warning in document.warnings)


@pytest.mark.parametrize("unit", ["{\\", "{\\p1", "<v.a", "<v a"])
def test_marks_of_subtitles_that_are_never_closed(tmp_path: Path, unit: str) -> None:
    line = f"Dialogue: 0,0:00:01.00,0:00:02.00,{unit * 200_000}ferry"
    read(tmp_path, "a.ass", f"[Events]\nFormat: Layer, Start, End, Text\n{line}\n")
    read(tmp_path, "a.vtt", f"WEBVTT\n\n00:01.000 --> 00:02.000\n{unit * 200_000}ferry\n")
