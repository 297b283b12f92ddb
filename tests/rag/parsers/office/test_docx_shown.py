"""What Word shows is what is read: generated numbers, results of fields and forms, formulas; nothing that is hidden."""

import zipfile
from pathlib import Path

import pytest

from rag.parsers.docx import parser as docx
from rag.types import ParsedDocument

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_M = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_W14 = "http://schemas.microsoft.com/office/word/2010/wordml"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
_DGM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"


def write(path: Path, body: str, relations: dict[str, tuple[str, str, bytes]] | None = None, **parts: str) -> Path:
    """``relations`` maps an identifier to (kind, part in word/, content); ``parts`` are known by their names."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{_W}" xmlns:r="{_R}" xmlns:m="{_M}" xmlns:w14="{_W14}" xmlns:c="{_C}" '
            f'xmlns:dgm="{_DGM}" xmlns:o="urn:schemas-microsoft-com:office:office"><w:body>{body}</w:body>'
            "</w:document>",
        )
        for name, xml in parts.items():
            archive.writestr(f"word/{name}.xml", f'<w:{name} xmlns:w="{_W}">{xml}</w:{name}>')
        rows = []
        for identifier, (kind, name, data) in (relations or {}).items():
            archive.writestr(f"word/{name}", data)
            rows.append(f'<Relationship Id="{identifier}" Type="{_R}/{kind}" Target="{name}"/>')
        archive.writestr("word/_rels/document.xml.rels", f"<Relationships>{''.join(rows)}</Relationships>")
    return path


def p(inner: str, properties: str = "") -> str:
    run = inner if inner.startswith("<") else r(inner)
    return f"<w:p><w:pPr>{properties}</w:pPr>{run}</w:p>"


def r(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def numbered(text: str, level: int, list_id: int = 1) -> str:
    return p(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>')


def level(depth: int, form: str, text: str, more: str = "", start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def lists(*definitions: str, more: str = "") -> str:
    abstract = "".join(
        f'<w:abstractNum w:abstractNumId="{n}">{d}</w:abstractNum>' for n, d in enumerate(definitions, 1)
    )
    numbers = "".join(
        f'<w:num w:numId="{n}"><w:abstractNumId w:val="{n}"/></w:num>' for n in range(1, len(definitions) + 1)
    )
    return abstract + numbers + more


def lines(document: ParsedDocument) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


def kinds(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_levels_count_restart_and_show_their_forms(tmp_path: Path) -> None:
    numbering = lists(
        level(0, "upperRoman", "Article %1.")
        + level(1, "decimal", "%1.%2", "<w:isLgl/>")
        + level(2, "lowerLetter", "(%3)")
    )
    body = (
        numbered("one", 0) + numbered("two", 1) + numbered("three", 2) + numbered("four", 2) + numbered("five", 1)
        + numbered("six", 2) + numbered("seven", 0) + numbered("eight", 1)
    )  # fmt: skip
    assert lines(docx.parse(write(tmp_path / "a.docx", body, numbering=numbering))) == [
        "Article I. one", "1.1 two", "(a) three", "(b) four", "1.2 five", "(a) six", "Article II. seven", "2.1 eight",
    ]  # fmt: skip


def test_a_list_goes_on_or_begins_where_it_is_told(tmp_path: Path) -> None:
    again = (
        '<w:num w:numId="7"><w:abstractNumId w:val="1"/></w:num><w:num w:numId="8"><w:abstractNumId w:val="1"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>'
    )
    numbering = lists(
        level(0, "decimalZero", "%1)", start=9) + level(1, "lowerRoman", "%2", '<w:lvlRestart w:val="0"/>')
    )
    body = (
        numbered("a", 0) + numbered("b", 0, 7) + numbered("c", 1) + numbered("d", 0) + numbered("e", 1)
        + numbered("f", 0, 8) + numbered("g", 0, 8)
    )  # fmt: skip
    assert lines(docx.parse(write(tmp_path / "a.docx", body, numbering=numbering + again))) == [
        "09) a", "10) b", "i c", "11) d", "ii e", "05) f", "06) g",
    ]  # fmt: skip


def test_styles_carry_numbers_by_the_level_tied_to_them(tmp_path: Path) -> None:
    styles = """<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr>
      <w:numId w:val="1"/></w:numPr></w:pPr></w:style>
      <w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/><w:basedOn w:val="H1"/></w:style>
      <w:style w:type="paragraph" w:styleId="Plain"><w:name w:val="Unnumbered"/><w:basedOn w:val="H1"/><w:pPr><w:numPr>
      <w:numId w:val="0"/></w:numPr></w:pPr></w:style>"""
    numbering = lists(
        level(0, "decimal", "%1", '<w:pStyle w:val="H1"/>') + level(1, "decimal", "%1.%2", '<w:pStyle w:val="H2"/>')
    )
    body = "".join(
        p(text, f'<w:pStyle w:val="{style}"/>') for text, style in (("A", "H1"), ("B", "H2"), ("C", "Plain"))
    )
    document = docx.parse(write(tmp_path / "a.docx", body, styles=styles, numbering=numbering))
    assert kinds(document) == [("heading", "1 A"), ("heading", "1.1 B"), ("heading", "C")]


def test_hidden_white_and_deleted_text_is_left_out_and_said(tmp_path: Path) -> None:
    styles = """<w:style w:type="character" w:styleId="Secret"><w:name w:val="s"/><w:rPr><w:vanish/></w:rPr></w:style>
      <w:style w:type="paragraph" w:styleId="Draft"><w:name w:val="d"/><w:rPr><w:vanish/></w:rPr></w:style>"""
    white, secret = '<w:color w:val="FFFFFF"/>', '<w:rStyle w:val="Secret"/>'
    body = (
        p(r("Seen ") + r("no1 ", "<w:vanish/>") + r("yes ", '<w:vanish w:val="0"/>') + r("no2 ", secret))
        + p(r("no3"), '<w:pStyle w:val="Draft"/>')
        + p(r("no4 ", white) + r("on black", white + '<w:shd w:val="clear" w:fill="000000"/>'))
        + p("kept ", "<w:rPr><w:del/></w:rPr>")
        + p("together")
    )  # fmt: skip
    document = docx.parse(write(tmp_path / "a.docx", body, styles=styles))
    assert lines(document) == ["Seen yes", "on black", "kepttogether"]
    assert document.warnings == ("Hidden text was left out.",)


def test_fields_show_results_and_forms_their_values(tmp_path: Path) -> None:
    def field(code: str, result: str = "", data: str = "") -> str:
        shown = f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{result}' if result else ""
        return (
            f'<w:r><w:fldChar w:fldCharType="begin">{data}</w:fldChar></w:r>'
            f"<w:r><w:instrText>{code}</w:instrText></w:r>"
            f'{shown}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )

    entries = '<w:result w:val="1"/><w:listEntry w:val="red"/><w:listEntry w:val="blue"/>'
    choice = f"<w:ffData><w:ddList>{entries}</w:ddList></w:ffData>"
    ticked = "<w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData>"
    control = "<w:sdt><w:sdtPr>%s</w:sdtPr><w:sdtContent>%s</w:sdtContent></w:sdt>"
    body = (
        p(r("See ") + field(" REF _1 \\r ", r("section 4")))
        + p(r("Paint ") + field(" FORMDROPDOWN ", data=choice) + r(" boat ") + field(" FORMCHECKBOX ", data=ticked))
        + p(field(" IF " + field(" X ", r("inner")) + " = 1 ", r("outer")))
        + p(r("Agreed ") + control % ('<w14:checkbox><w14:checked w14:val="0"/></w14:checkbox>', r("☐")))
        + p(
            r("Port ")
            + control % ("<w:dropDownList/>", r("Oslo"))
            + control % ("<w:showingPlcHdr/>", r(" Choose one."))
        )
    )
    assert lines(docx.parse(write(tmp_path / "a.docx", body))) == [
        "See section 4", "Paint blue boat ☒", "outer", "Agreed ☐", "Port Oslo",
    ]  # fmt: skip


def test_a_table_of_contents_is_marked_as_one(tmp_path: Path) -> None:
    toc = '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> TOC \\o </w:instrText></w:r>'
    body = (
        p(f'{toc}<w:r><w:fldChar w:fldCharType="separate"/></w:r>{r("Harbour 3")}')
        + p(r("Tides 9") + '<w:r><w:fldChar w:fldCharType="end"/></w:r>')
        + p("Text")
    )
    assert kinds(docx.parse(write(tmp_path / "a.docx", body))) == [
        ("contents", "Harbour 3"), ("contents", "Tides 9"), ("paragraph", "Text"),
    ]  # fmt: skip


def test_notes_show_their_printed_numbers_and_comments_their_author(tmp_path: Path) -> None:
    body = p(
        r("One") + '<w:r><w:footnoteReference w:id="9"/></w:r>' + r(" two")
        + '<w:r><w:footnoteReference w:id="4"/></w:r>'
        + r(" three") + '<w:r><w:endnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="0"/></w:r>'
        + r(" 320") + r("1", '<w:vertAlign w:val="superscript"/>')
    )  # fmt: skip
    parts = {
        "footnotes": f'<w:footnote w:id="4">{p("later")}</w:footnote><w:footnote w:id="9">{p("first")}</w:footnote>',
        "endnotes": f'<w:endnote w:id="2">{p("last")}</w:endnote><w:endnote w:id="3">{p("unused")}</w:endnote>',
        "comments": f'<w:comment w:id="0" w:author="Ida">{p("Check it.")}</w:comment>',
    }
    assert kinds(docx.parse(write(tmp_path / "a.docx", body, **parts))) == [
        ("paragraph", "One[1] two[2] three[i] 320 ¹"),
        ("note", "Comment by Ida: Check it."),
        ("note", "[1] first"),
        ("note", "[2] later"),
        ("note", "[i] last"),
    ]


@pytest.mark.parametrize(
    ("math", "written"),
    [
        ("<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>", "(a+b)/2"),
        ("<m:sSubSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sub><m:r><m:t>i</m:t></m:r></m:sub><m:sup><m:r><m:t>2</m:t>"
         "</m:r></m:sup></m:sSubSup>", "x_i^2"),
        ('<m:rad><m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/><m:e><m:r><m:t>b+c</m:t></m:r></m:e></m:rad>',
         "√(b+c)"),
        ("<m:rad><m:deg><m:r><m:t>3</m:t></m:r></m:deg><m:e><m:r><m:t>27</m:t></m:r></m:e></m:rad>", "³√27"),
        ('<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub><m:r><m:t>i=1</m:t></m:r></m:sub><m:sup><m:r><m:t>n'
         "</m:t></m:r></m:sup><m:e><m:r><m:t>i</m:t></m:r></m:e></m:nary>", "∑_(i=1)^n i"),
        ("<m:d><m:e><m:r><m:t>x</m:t></m:r></m:e><m:e><m:r><m:t>y</m:t></m:r></m:e></m:d>", "(x|y)"),
        ("<m:func><m:fName><m:r><m:t>sin</m:t></m:r></m:fName><m:e><m:r><m:t>x</m:t></m:r></m:e></m:func>", "sin x"),
        ("<m:m><m:mr><m:e><m:r><m:t>1</m:t></m:r></m:e><m:e><m:r><m:t>2</m:t></m:r></m:e></m:mr><m:mr><m:e><m:r><m:t>3</m:t>"
         "</m:r></m:e><m:e><m:r><m:t>4</m:t></m:r></m:e></m:mr></m:m>", "[1, 2; 3, 4]"),
    ],
)  # fmt: skip
def test_formulas_are_one_readable_line(tmp_path: Path, math: str, written: str) -> None:
    document = docx.parse(write(tmp_path / "a.docx", p(r("so ") + f"<m:oMath>{math}</m:oMath>" + r(" holds"))))
    assert document.text == f"so {written} holds"


def test_charts_are_tables_diagrams_lists_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    point = '<c:pt idx="{}"><c:v>{}</c:v></c:pt>'
    cache = "".join(point.format(n, v) for n, v in enumerate(("Mon", "Tue")))
    shares = "<c:formatCode>0%</c:formatCode>" + "".join(point.format(n, v) for n, v in enumerate((0.25, 0.5)))
    chart = (
        f'<c:chartSpace xmlns:c="{_C}" xmlns:a="{_A}"><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Load</a:t></a:r>'
        f"</a:p></c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser><c:tx><c:strRef><c:strCache>"
        f"{point.format(0, 'Share')}</c:strCache></c:strRef></c:tx><c:cat>"
        f"<c:strRef><c:strCache>{cache}</c:strCache></c:strRef></c:cat>"
        f"<c:val><c:numRef><c:numCache>{shares}</c:numCache></c:numRef></c:val></c:ser></c:barChart></c:plotArea></c:chart>"
        "</c:chartSpace>"
    )
    node = '<dgm:pt modelId="{0}"><dgm:t><a:p><a:r><a:t>{1}</a:t></a:r></a:p></dgm:t></dgm:pt>'
    diagram = (
        f'<dgm:dataModel xmlns:dgm="{_DGM}" xmlns:a="{_A}"><dgm:ptLst><dgm:pt modelId="0" type="doc"/>'
        f"{node.format(2, 'Reef')}{node.format(1, 'Sail')}{node.format(3, 'Jib')}</dgm:ptLst><dgm:cxnLst>"
        '<dgm:cxn srcId="0" destId="1" srcOrd="0"/><dgm:cxn srcId="0" destId="2" srcOrd="1"/>'
        '<dgm:cxn srcId="1" destId="3" srcOrd="0"/></dgm:cxnLst></dgm:dataModel>'
    )
    body = (
        p('<w:r><w:drawing><c:chart r:id="c"/></w:drawing></w:r>')
        + p('<w:r><w:drawing><dgm:relIds r:dm="d"/></w:drawing></w:r>')
        + p(
            '<w:r><w:drawing><c:chart r:id="none"/></w:drawing></w:r>'
            '<w:r><w:object><o:OLEObject ProgID="Excel.Sheet.12"/></w:object></w:r>'
        )
    )
    relations = {
        "c": ("chart", "charts/c.xml", chart.encode()),
        "d": ("diagramData", "diagrams/d.xml", diagram.encode()),
    }
    document = docx.parse(write(tmp_path / "a.docx", body, relations))
    found = kinds(document)
    assert found[0] == ("caption", "Chart: Load")
    assert found[1][0] == "table" and "Mon | 25%\nTue | 50%" in found[1][1]
    assert found[2:] == [("list", "• Sail"), ("list", "• Jib"), ("list", "• Reef")]
    assert [block.level for block in document.blocks[2:]] == [0, 1, 0]
    assert document.warnings == ("1 chart and 1 embedded object (Excel workbook) were not read.",)


def test_parts_from_other_formats_are_taken_in_where_they_stand(tmp_path: Path) -> None:
    relations = {
        "h": ("aFChunk", "h.html", b"<html><body><p>From a page</p></body></html>"),
        "r": ("aFChunk", "r.rtf", rb"{\rtf1 From RTF\par}"),
        "t": ("aFChunk", "t.txt", b"From text"),
    }
    body = p("Before") + "".join(f'<w:altChunk r:id="{one}"/>' for one in "hrt") + p("After")
    document = docx.parse(write(tmp_path / "a.docx", body, relations))
    assert lines(document) == ["Before", "From a page", "From RTF", "From text", "After"]


def test_only_headers_that_a_page_shows_are_read(tmp_path: Path) -> None:
    def header(text: str) -> bytes:
        return f'<w:hdr xmlns:w="{_W}">{p(text)}</w:hdr>'.encode()

    relations = {
        "a": ("header", "header1.xml", header("On every page")),
        "b": ("header", "header2.xml", header("On no first page")),
        "c": ("header", "header3.xml", header("Of nobody")),
    }
    reference = '<w:headerReference w:type="{}" r:id="{}"/>'
    section = f"<w:sectPr>{reference.format('default', 'a')}{reference.format('first', 'b')}</w:sectPr>"
    document = docx.parse(write(tmp_path / "a.docx", p("Body") + section, relations))
    assert kinds(document) == [("margin", "On every page"), ("paragraph", "Body")]


def test_readings_are_kept_apart(tmp_path: Path) -> None:
    ruby = "<w:r><w:ruby><w:rubyPr/><w:rt>{}</w:rt><w:rubyBase>{}</w:rubyBase></w:ruby></w:r>"
    document = docx.parse(write(tmp_path / "a.docx", p(ruby.format(r("とうだい"), r("灯台")) + r("守がいた。"))))
    assert document.text == "灯台守がいた。\n\n灯台: とうだい"
