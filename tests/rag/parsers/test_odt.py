"""OpenDocument texts keep headings, lists, tables and notes."""

import zipfile
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.office import odt
from rag.types import ParsedDocument

_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
        ("style", "style"), ("manifest", "manifest"), ("meta", "meta"),
    )
)  # fmt: skip
ASSORTED = Path(__file__).parents[3].parent / "shared/data/documents/assorted"


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


def test_deleted_text_and_annotations_are_left_out(tmp_path: Path) -> None:
    body = """<text:tracked-changes><text:changed-region><text:p>deleted</text:p></text:changed-region>
    </text:tracked-changes><text:p>Kept<office:annotation><text:p>a comment</text:p></office:annotation></text:p>"""
    assert odt.parse(write_odt(tmp_path / "a.odt", body)).text == "Kept"


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
    from rag.parsers.office import docx

    assert odt.parse(ASSORTED / "simple.odt").text == docx.parse(ASSORTED / "simple.docx").text
