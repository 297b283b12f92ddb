"""Word documents keep their order and structure; what is not text any more stays out; bombs are refused."""

import zipfile
from pathlib import Path

import docx as python_docx
import pytest

from rag.errors import ReadError
from rag.parsers import zip_limits
from rag.parsers.docx import parser as docx
from rag.types import ParsedDocument

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
ASSORTED = Path(__file__).parents[4].parent / "shared/data/documents/assorted"


def found(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def write_docx(path: Path, body: str, prologue: str = "", **parts: str) -> Path:
    """A document with ``body`` as XML; ``parts`` are further files in word/ ("footnotes" -> word/footnotes.xml)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        document = f'{prologue}<w:document xmlns:w="{_W}" xmlns:mc="{_MC}"><w:body>{body}</w:body></w:document>'
        archive.writestr("word/document.xml", document)
        for name, xml in parts.items():
            archive.writestr(f"word/{name}.xml", xml)
    return path


def p(inner: str, properties: str = "") -> str:
    run = inner if "<" in inner else f'<w:r><w:t xml:space="preserve">{inner}</w:t></w:r>'
    return f"<w:p><w:pPr>{properties}</w:pPr>{run}</w:p>"


def test_a_document_of_python_docx_keeps_its_order(tmp_path: Path) -> None:
    source = python_docx.Document()
    source.core_properties.title = ""
    source.add_heading("Voyages", 0)
    source.add_heading("North", 1)
    source.add_paragraph("We went north.")
    source.add_paragraph("bread", style="List Bullet")
    source.add_paragraph("first", style="List Number")
    source.add_paragraph("second", style="List Number")
    table = source.add_table(2, 2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells), ("Port", "Day", "Oslo", "3"), strict=True
    ):
        cell.text = text
    source.add_heading("South", 2)
    source.add_paragraph("We went south.")
    source.sections[0].header.paragraphs[0].text = "Log of the Fram"
    source.sections[0].footer.paragraphs[0].text = "Confidential"
    source.save(str(tmp_path / "a.docx"))
    document = docx.parse(tmp_path / "a.docx")
    assert found(document) == [
        ("margin", "Log of the Fram"),
        ("heading", "Voyages"),
        ("heading", "North"),
        ("paragraph", "We went north."),
        ("list", "• bread"),
        ("list", "1. first"),
        ("list", "2. second"),
        ("table", "Port | Day\nOslo | 3"),
        ("heading", "South"),
        ("paragraph", "We went south."),
        ("margin", "Confidential"),
    ]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 1, 2]
    assert document.title == "Voyages"


def test_headings_are_known_by_localized_name_inheritance_and_outline_level(tmp_path: Path) -> None:
    styles = f"""<w:styles xmlns:w="{_W}">
      <w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="Überschrift 2"/></w:style>
      <w:style w:type="paragraph" w:styleId="Mine"><w:name w:val="My own"/><w:basedOn w:val="berschrift2"/></w:style>
      <w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="x"/><w:basedOn w:val="Loop"/></w:style>
    </w:styles>"""
    body = (
        p("By name", '<w:pStyle w:val="berschrift2"/>')
        + p("By descent", '<w:pStyle w:val="Mine"/>')
        + p("By level", '<w:outlineLvl w:val="2"/>')
        + p("Not one", '<w:pStyle w:val="Loop"/>')
    )
    blocks = docx.parse(write_docx(tmp_path / "a.docx", body, styles=styles)).blocks
    assert [(block.kind, block.level) for block in blocks] == [
        ("heading", 2),
        ("heading", 2),
        ("heading", 3),
        ("paragraph", 0),
    ]


def test_deletions_and_field_codes_are_left_out_and_comments_are_read_as_such(tmp_path: Path) -> None:
    body = p(
        "<w:r><w:t>Price: </w:t></w:r><w:del><w:r><w:delText>10</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>12</w:t></w:r></w:ins><w:moveFrom><w:r><w:t>gone</w:t></w:r></w:moveFrom>"
        '<w:r><w:instrText> PAGE </w:instrText></w:r><w:r><w:commentReference w:id="1"/></w:r>'
        "<w:hyperlink><w:r><w:t> euros</w:t></w:r></w:hyperlink>"
    )
    comments = (
        f'<w:comments xmlns:w="{_W}"><w:comment w:id="1" w:author="Ann">{p("too cheap")}</w:comment></w:comments>'
    )
    document = docx.parse(write_docx(tmp_path / "a.docx", body, comments=comments))
    assert found(document) == [("paragraph", "Price: 12 euros"), ("note", "Comment by Ann: too cheap")]


def test_footnotes_come_at_the_end_with_their_number(tmp_path: Path) -> None:
    notes = (
        f'<w:footnotes xmlns:w="{_W}"><w:footnote w:type="separator" w:id="0">{p("line")}</w:footnote>'
        f'<w:footnote w:id="2">{p("Said so.")}</w:footnote></w:footnotes>'
    )
    body = p('<w:r><w:t>True</w:t><w:footnoteReference w:id="2"/></w:r>') + p("Next.")
    document = docx.parse(write_docx(tmp_path / "a.docx", body, footnotes=notes))
    assert found(document) == [("paragraph", "True[1]"), ("paragraph", "Next."), ("note", "[1] Said so.")]


def test_text_boxes_are_read_once(tmp_path: Path) -> None:
    box = f"<w:txbxContent>{p('In a box')}</w:txbxContent>"
    alternate = (
        f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    )
    document = docx.parse(write_docx(tmp_path / "a.docx", p(f"<w:r><w:t>Around it</w:t>{alternate}</w:r>")))
    assert document.text == "Around it\n\nIn a box"


def test_merged_cells_count_for_every_row_and_nested_tables_follow(tmp_path: Path) -> None:
    inner = f"<w:tbl><w:tr><w:tc>{p('x')}</w:tc><w:tc>{p('y')}</w:tc></w:tr></w:tbl>"
    body = (
        f'<w:tbl><w:tr><w:tc><w:tcPr><w:vMerge w:val="restart"/></w:tcPr>{p("tall")}</w:tc><w:tc>{p("b")}</w:tc></w:tr>'
        f"<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr>{p('')}</w:tc><w:tc>{p('d')}{inner}</w:tc></w:tr></w:tbl>"
    )
    document = docx.parse(write_docx(tmp_path / "a.docx", body))
    assert found(document) == [("table", "tall | b\ntall | d"), ("table", "x | y")]


def test_pages_are_counted_where_word_left_its_marks(tmp_path: Path) -> None:
    body = p("one") + p("<w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r>") + p("also two")
    assert [block.page for block in docx.parse(write_docx(tmp_path / "a.docx", body)).blocks] == [1, 2, 2]


def test_entities_are_refused_and_nothing_is_loaded(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    for name, declarations in (
        ("laughs", f'<!DOCTYPE w [<!ENTITY l0 "ha">{laughs}]>'),
        ("external", f'<!DOCTYPE w [<!ENTITY l9 SYSTEM "{secret.as_uri()}">]>'),
    ):
        path = write_docx(tmp_path / f"{name}.docx", p("<w:r><w:t>&l9;</w:t></w:r>"), declarations)
        with pytest.raises(ReadError, match="entities"):
            docx.parse(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as part:
        for _ in range(64):
            part.write(b"\0" * (1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ReadError, match="ZIP bomb"):
        docx.parse(path)


def test_the_number_of_parts_and_their_sum_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_docx(tmp_path / "a.docx", p("fine"), styles=f'<w:styles xmlns:w="{_W}"/>')
    monkeypatch.setattr(zip_limits, "MAX_ENTRIES", 1)
    with pytest.raises(ReadError, match="holds 2 parts"):
        docx.parse(path)
    monkeypatch.setattr(zip_limits, "MAX_ENTRIES", 10)
    monkeypatch.setattr(zip_limits, "MAX_TOTAL_BYTES", 50)
    with pytest.raises(ReadError, match="unpacks to more"):
        docx.parse(path)


def test_a_cut_or_foreign_container_is_damaged(tmp_path: Path) -> None:
    whole = write_docx(tmp_path / "a.docx", p("fine") * 100).read_bytes()
    (tmp_path / "cut.docx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="damaged"):
        docx.parse(tmp_path / "cut.docx")
    with zipfile.ZipFile(tmp_path / "other.docx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ReadError, match="main part is missing"):
        docx.parse(tmp_path / "other.docx")


@pytest.mark.slow
@pytest.mark.skipif(not ASSORTED.is_dir(), reason="the assorted documents are not on this machine")
def test_every_assorted_docx_is_read() -> None:
    for path in sorted(ASSORTED.rglob("*.docx")):
        assert docx.parse(path).text
