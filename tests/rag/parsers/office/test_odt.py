"""OpenDocument texts keep headings, lists, tables and notes."""

import zipfile
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.odf import odt
from rag.parsers.registry import parse
from rag.types import ParsedDocument

_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
        ("style", "style"), ("manifest", "manifest"), ("meta", "meta"), ("form", "form"), ("chart", "chart"),
        ("fo", "xsl-fo-compatible"),
    )
)  # fmt: skip
_NAMESPACES += ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'
ASSORTED = Path(__file__).parents[4].parent / "shared/data/documents/assorted"


def found(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def write_odt(path: Path, body: str, **parts: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", odt.MEDIA_TYPE)
        archive.writestr(
            "content.xml",
            f"<office:document-content {_NAMESPACES}><office:body><office:text>{body}</office:text></office:body>"
            "</office:document-content>",
        )
        for name, xml in parts.items():
            archive.writestr(name, xml)
    return path


def test_structure_is_kept_in_order(tmp_path: Path) -> None:
    body = """
    <text:h text:outline-level="2">A heading</text:h>
    <text:p>One<text:s text:c="2"/>two<text:tab/>three<text:line-break/>four <text:span>five</text:span>.</text:p>
    <text:list><text:list-item><text:p>item</text:p>
      <text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list></text:list-item></text:list>
    <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>
      <table:table-cell table:number-columns-repeated="2"><text:p>b</text:p></table:table-cell></table:table-row>
      <table:table-row><table:covered-table-cell/><table:table-cell><text:p>c</text:p></table:table-cell>
      </table:table-row></table:table>
    <text:section><text:p>In a section<text:note><text:note-citation>1</text:note-citation><text:note-body>
      <text:p>A remark</text:p></text:note-body></text:note></text:p></text:section>
    <text:p>Anchor<draw:frame><draw:text-box><text:p>Boxed</text:p></draw:text-box></draw:frame></text:p>"""
    document = odt.parse(write_odt(tmp_path / "a.odt", body))
    assert found(document) == [
        ("heading", "A heading"),
        ("paragraph", "One  two\tthree\nfour five."),
        ("list", "• item"),
        ("list", "• inner"),
        ("table", "a | b | b\n| c"),
        ("paragraph", "In a section[1]"),
        ("paragraph", "Anchor"),
        ("paragraph", "Boxed"),
        ("note", "[1] A remark"),
    ]
    assert document.blocks[0].level == 2
    assert document.title == "A heading"


def test_deleted_text_is_left_out_and_comments_are_read_as_such(tmp_path: Path) -> None:
    body = """<text:tracked-changes><text:changed-region><text:p>deleted</text:p></text:changed-region>
    </text:tracked-changes><text:p>Kept<office:annotation><dc:creator>Ida</dc:creator><text:p>a remark</text:p>
    </office:annotation></text:p>"""
    document = odt.parse(write_odt(tmp_path / "a.odt", body))
    assert found(document) == [("paragraph", "Kept"), ("note", "Comment by Ida: a remark")]


def list_style(name: str, *levels: str) -> str:
    return f'<text:list-style style:name="{name}">{"".join(levels)}</text:list-style>'


def level(depth: int, form: str, more: str = "") -> str:
    number = f'text:level="{depth}" style:num-format="{form}" {more}'
    return f"<text:list-level-style-number {number}/>"


def item(text: str, inner: str = "", more: str = "") -> str:
    return f"<text:list-item {more}><text:p>{text}</text:p>{inner}</text:list-item>"


def test_lists_and_headings_carry_their_numbers(tmp_path: Path) -> None:
    outline = (
        "<text:outline-style>"
        '<text:outline-level-style text:level="1" style:num-format="I" style:num-suffix="."/>'
        '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style>'
    )
    numbers = list_style(
        "L", level(1, "1", 'style:num-suffix=")"'), level(2, "a", 'style:num-prefix="(" style:num-suffix=")"'),
        level(3, "i", 'text:display-levels="3" style:num-suffix="."'),
    )  # fmt: skip
    from_seven = 'text:start-value="7"'
    inner = f"<text:list>{item('b', f'<text:list>{item(chr(99))}</text:list>')}{item('d')}</text:list>"
    body = (
        '<text:h text:outline-level="1">One</text:h><text:h text:outline-level="2">Two</text:h>'
        f'<text:list text:style-name="L">{item("a", inner)}{item("e")}</text:list>'
        f'<text:list text:style-name="L" text:continue-numbering="true">{item("f")}</text:list>'
        f'<text:list text:style-name="L">{item("g", more=from_seven)}</text:list>'
        '<text:h text:outline-level="1">Three</text:h>'
    )
    styles = {"styles.xml": f"<r {_NAMESPACES}>{outline}{numbers}</r>"}
    assert [text for _, text in found(odt.parse(write_odt(tmp_path / "a.odt", body, **styles)))] == [
        "I. One", "I.1 Two", "1) a", "(a) b", "1.a.i. c", "(b) d", "2) e", "3) f", "7) g", "II. Three",
    ]  # fmt: skip


def test_hidden_text_raised_letters_forms_and_contents(tmp_path: Path) -> None:
    def style(name: str, properties: str, family: str = "text") -> str:
        inner = f"<style:text-properties {properties}/>"
        return f'<style:style style:name="{name}" style:family="{family}">{inner}</style:style>'

    styles = (
        style("H", 'text:display="none"') + style("P", 'text:display="none"', "paragraph")
        + style("W", 'fo:color="#ffffff"') + style("U", 'style:text-position="super 58%"')
    )  # fmt: skip
    form = '<form:checkbox form:id="c" form:label="Insured" form:current-state="checked"/>'
    body = (
        f"<office:forms>{form}</office:forms>"
        "<text:table-of-content><text:index-body><text:p>One 3</text:p></text:index-body></text:table-of-content>"
        '<text:p>Seen<text:span text:style-name="H"> no</text:span><text:span text:style-name="W"> no</text:span>'
        ' 10<text:span text:style-name="U">3</text:span> <draw:control draw:control="c"/></text:p>'
        '<text:p text:style-name="P">no</text:p><text:section text:display="none"><text:p>no</text:p></text:section>'
    )
    document = odt.parse(write_odt(tmp_path / "a.odt", body, **{"styles.xml": f"<r {_NAMESPACES}>{styles}</r>"}))
    assert found(document) == [("contents", "One 3"), ("paragraph", "Seen 10^3 ☒ Insured")]
    assert document.warnings == ("Hidden text was left out.",)


def test_formulas_stand_in_the_line_and_charts_are_tables(tmp_path: Path) -> None:
    math = (
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn>'
        "</mfrac></math>"
    )
    row = "<table:table-row>{}</table:table-row>"
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = "".join(row.format("".join(map(cell.format, cells))) for cells in (("", "Load"), ("Mon", "4")))
    chart = (
        f"<r {_NAMESPACES}><chart:chart><chart:title><text:p>Week</text:p></chart:title><table:table>{rows}"
        "</table:table></chart:chart></r>"
    )
    frame = '<draw:frame><draw:object xlink:href="./{}"/></draw:frame>'
    body = f"<text:p>The mean {frame.format('M')} counts.</text:p><text:p>{frame.format('C')}</text:p>"
    document = odt.parse(write_odt(tmp_path / "a.odt", body, **{"M/content.xml": math, "C/content.xml": chart}))
    assert document.text.startswith("The mean (a + b)/2 counts.\n\nChart: Week\n\n")
    assert "Mon | 4" in document.text


def test_a_flat_file_is_read_as_the_document_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.fodt"
    path.write_text(
        f'<?xml version="1.0"?><office:document {_NAMESPACES} office:mimetype="{odt.MEDIA_TYPE}"><office:body>'
        "<office:text>"
        "<text:h>Quays</text:h><text:p>Three of them.</text:p></office:text></office:body></office:document>"
    )
    assert found(parse(path)) == [("heading", "Quays"), ("paragraph", "Three of them.")]


def test_headers_are_margins(tmp_path: Path) -> None:
    styles = f"<r {_NAMESPACES}><style:header><text:p>Running head</text:p></style:header></r>"
    document = odt.parse(write_odt(tmp_path / "a.odt", "<text:p>Body</text:p>", **{"styles.xml": styles}))
    assert found(document) == [("margin", "Running head"), ("paragraph", "Body")]


def test_a_password_and_entities_are_refused(tmp_path: Path) -> None:
    manifest = f"<manifest:manifest {_NAMESPACES}><manifest:encryption-data/></manifest:manifest>"
    with pytest.raises(ReadError, match="password"):
        odt.parse(write_odt(tmp_path / "a.odt", "", **{"META-INF/manifest.xml": manifest}))
    with pytest.raises(ReadError, match="entities"):
        odt.parse(write_odt(tmp_path / "b.odt", "", **{"styles.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}))


@pytest.mark.skipif(not ASSORTED.is_dir(), reason="the assorted documents are not on this machine")
def test_a_twin_says_the_same_as_its_docx() -> None:
    from rag.parsers.docx import parser as docx

    assert odt.parse(ASSORTED / "simple.odt").text == docx.parse(ASSORTED / "simple.docx").text


def test_readings_are_kept_apart(tmp_path: Path) -> None:
    ruby = "<text:ruby><text:ruby-base>灯台</text:ruby-base><text:ruby-text>とうだい</text:ruby-text></text:ruby>"
    document = parse(write_odt(tmp_path / "a.odt", f"<text:p>{ruby}守がいた。</text:p>"))
    assert found(document) == [("paragraph", "灯台守がいた。"), ("note", "灯台: とうだい")]
