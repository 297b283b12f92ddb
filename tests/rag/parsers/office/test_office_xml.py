"""Documents that office programs save as one XML file are read as documents; old programs are named with a remedy."""

import zipfile
from pathlib import Path

import pytest

from rag.errors import ReadError, SkippedError
from rag.parsers.registry import parse
from rag.types import ParsedDocument

_W03 = "http://schemas.microsoft.com/office/word/2003/wordml"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PKG = "http://schemas.microsoft.com/office/2006/xmlPackage"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SS = "urn:schemas-microsoft-com:office:spreadsheet"


def kinds(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(b.kind, b.label or document.text[b.start : b.end]) for b in document.blocks]


def p(text: str, properties: str = "", more: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r>{more}</w:p>"


def test_word_2003(tmp_path: Path) -> None:
    lists = (
        '<w:lists><w:listDef w:listDefId="0"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:nfc w:val="2"/>'
        '<w:lvlText w:val="%1)"/></w:lvl></w:listDef><w:list w:ilfo="1"><w:ilst w:val="0"/></w:list></w:lists>'
    )
    styles = '<w:styles><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style></w:styles>'
    deletion = f'<aml:annotation w:type="Word.Deletion"><aml:content>{p("gone")}</aml:content></aml:annotation>'
    comment = (
        '<w:r><aml:annotation aml:author="Ida" w:type="Word.Comment"><aml:content><w:p><w:r><w:t>Check.</w:t></w:r>'
        "</w:p></aml:content></aml:annotation></w:r>"
    )
    added = "<aml:content><w:r><w:t>, added</w:t></w:r></aml:content>"
    insertion = f'<aml:annotation w:type="Word.Insertion">{added}</aml:annotation>'
    note = f"<w:r><w:footnote>{p('Low water.')}</w:footnote></w:r>"
    heading = '<w:pStyle w:val="H1"/>'
    numbered = '<w:listPr><w:ilvl w:val="0"/><w:ilfo w:val="1"/></w:listPr>'
    path = tmp_path / "a.xml"
    path.write_text(
        f'<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="{_W03}" '
        'xmlns:wx="http://schemas.microsoft.com/office/word/2003/auxHint" '
        'xmlns:aml="http://schemas.microsoft.com/aml/2001/core" xmlns:o="urn:schemas-microsoft-com:office:office">'
        f"<o:DocumentProperties><o:Title>Tides</o:Title><o:Author>Bo</o:Author></o:DocumentProperties>{lists}{styles}"
        f"<w:body><wx:sect>{p('Quays', heading)}"
        f"{p('ropes', numbered)}{p('buoys', numbered, insertion)}{deletion}{p('Depth', more=note + comment)}"
        f'<w:sectPr><w:hdr w:type="odd">{p("Harbour office")}</w:hdr></w:sectPr></wx:sect></w:body></w:wordDocument>',
        encoding="utf-8",
    )
    document = parse(path)
    assert kinds(document) == [
        ("margin", "Harbour office"),
        ("heading", "Quays"),
        ("list", "iii) ropes"),
        ("list", "iv) buoys, added"),
        ("paragraph", "Depth[1]"),
        ("note", "Comment by Ida: Check."),
        ("note", "[1] Low water."),
    ]
    assert (document.title, document.metadata["author"], document.warnings) == ("Tides", "Bo", ())


def test_a_word_package_in_one_file(tmp_path: Path) -> None:
    relationship = f'<Relationship Id="a" Type="{_R}/officeDocument" Target="word/document.xml"/>'
    (tmp_path / "a.xml").write_text(
        f'<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="{_PKG}">'
        f'<pkg:part pkg:name="/_rels/.rels"><pkg:xmlData><Relationships>{relationship}</Relationships></pkg:xmlData>'
        f'</pkg:part><pkg:part pkg:name="/word/document.xml"><pkg:xmlData><w:document xmlns:w="{_W}"><w:body>'
        f"{p('Text')}</w:body></w:document></pkg:xmlData></pkg:part></pkg:package>"
    )
    assert parse(tmp_path / "a.xml").text == "Text"


def test_excel_2003(tmp_path: Path) -> None:
    def row(*cells: str, more: str = "") -> str:
        return f"<Row {more}>{''.join(cells)}</Row>"

    def cell(text: str, kind: str = "String", more: str = "", inner: str = "") -> str:
        return f'<Cell {more}><Data ss:Type="{kind}">{text}</Data>{inner}</Cell>'

    remark = '<Comment ss:Author="Ida"><Data>Estimated</Data></Comment>'
    rows = (
        row(cell("Port"), cell("Share"), cell("Day"))
        + row(
            cell("Oslo"), cell("0.25", "Number", 'ss:StyleID="p"', remark), cell("2030-05-01T00:00:00.000", "DateTime")
        )
        + row(cell("secret"), more='ss:Hidden="1"')
        + row(cell("Bergen"), cell("2030-06-02T00:00:00.000", "DateTime", 'ss:Index="3"'))
    )
    (tmp_path / "a.xml").write_text(
        f'<?xml version="1.0"?><Workbook xmlns="{_SS}" xmlns:ss="{_SS}" '
        'xmlns:x="urn:schemas-microsoft-com:office:excel">'
        '<Styles><Style ss:ID="p"><NumberFormat ss:Format="0%"/></Style></Styles>'
        f'<Worksheet ss:Name="Ports"><Table>{rows}</Table></Worksheet><Worksheet ss:Name="Old"><Table>{row(cell("x"))}'
        "</Table><x:WorksheetOptions><x:Visible>SheetHidden</x:Visible></x:WorksheetOptions></Worksheet></Workbook>"
    )
    document = parse(tmp_path / "a.xml")
    assert kinds(document)[0] == ("heading", "Ports")
    assert "Port: Oslo | Share: 25% | Day: 2030-05-01\nPort: Bergen | Day: 2030-06-02" in document.text
    assert kinds(document)[-1] == ("note", "Comment by Ida on B2 (Oslo | 25% | 2030-05-01): Estimated")
    assert document.warnings == ("1 hidden row and 1 hidden sheet (Old) were not read.",)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xffWPC\x10\x00\x00\x00", "WordPerfect"),
        (b"\xdb\xa5\x2d\x00\x00\x00", "Word 2"),
        (b"\x31\xbe\x00\x00\x00\xab\x00\x00", "Word for DOS or Write"),
    ],
)
def test_documents_of_old_programs_are_named_with_a_remedy(tmp_path: Path, head: bytes, name: str) -> None:
    (tmp_path / "a.doc").write_bytes(head + bytes(200))
    with pytest.raises(ReadError, match=name) as error:
        parse(tmp_path / "a.doc")
    assert "LibreOffice" in error.value.remedy


def test_a_link_to_google_docs_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.gsheet").write_text('{"url": "https://docs.google.com/open?id=1", "doc_id": "1"}')
    with pytest.raises(SkippedError, match="a link to a table of Google Sheets") as error:
        parse(tmp_path / "plan.gsheet")
    assert "Download" in error.value.remedy


def test_documents_of_apple_say_where_to_export_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pages", "w") as archive:
        archive.writestr("Index/Document.iwa", b"x")
        archive.writestr("preview.jpg", b"x")
    with pytest.raises(ReadError, match="Apple's Pages") as error:
        parse(tmp_path / "a.pages")
    assert "Export" in error.value.remedy
