"""Headings within tables, and what they are for the rows below them."""

from pathlib import Path

from rag.answer.rows import rows_of
from rag.ingest.chunks.chunk import chunk_document
from rag.parsers.markup import html
from rag.parsers.tables.sections import sections_of
from rag.text.table_spans import TableSpans
from rag.types import Document, Passage

PAGE = """<table><tr><th>Cabin</th><th>Week</th></tr>
<tr><td colspan=2>By the lake</td></tr><tr><td>Birch</td><td>310</td></tr>
<tr><td colspan=2>In the wood:</td></tr><tr><td>Birch</td><td>250</td></tr>
<tr><td colspan=2>Prices are in crowns.</td></tr><tr><td>Sauna</td><td>20</td></tr></table>"""


def test_a_row_over_all_columns_begins_a_section(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(PAGE, encoding="utf-8")
    document = html.parse(path)
    (table,) = [block.table for block in document.blocks if block.table is not None]
    assert [row.section for row in table.rows] == ["", "", "By the lake", "", "In the wood", "", ""]
    assert TableSpans.from_json(table.to_json()) == table
    before = table.to_json()[:5]  # as libraries of earlier versions hold it
    assert [row.section for row in TableSpans.from_json(before).rows] == [""] * 7

    record = Document(1, 1, "", "a", "text/html", "ok", None, 1, 1, 0, "", 0.0)
    passage = Passage(1, record, 0, len(document.text), document.text, 1.0, tables=(table,))
    said = [row.said for row in rows_of(passage)]
    assert said[2] == "By the lake: Birch; Week: 310"
    assert said[4] == "In the wood: Birch; Week: 250"
    assert said[6] == "Cabin: Sauna; Week: 20"


def test_a_chunk_that_begins_within_a_section_says_so(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>Cabin {n}</td><td>{n}</td></tr>" for n in range(30))
    path = tmp_path / "a.html"
    path.write_text(f"<table><tr><th>Cabin</th><th>Week</th></tr><tr><td colspan=2>By the lake</td></tr>{rows}</table>")
    chunks = chunk_document(html.parse(path), lambda texts: [len(text.split()) for text in texts], 40)
    assert [chunk.heading_path[-1:] for chunk in chunks[1:]] == [("By the lake: Cabin | Week",)] * (len(chunks) - 1)


def test_sections_stand_in_sections() -> None:
    rows = [("Assets", ""), ("Current assets:", ""), ("Cash", "1"), ("Total", "1"), ("Goodwill", "2"), ("", "3")]
    assert sections_of(rows, (), 0, [20, 20, 26, 20, 20, None]) == (
        *("", "", "Assets: Current assets"),
        *("Assets", "Assets", "Assets"),
    )
    assert sections_of(rows, (), 0, [20, 20, 20, 20, 20, None])[2] == "Assets: Current assets"
    assert sections_of(rows[2:], (), 0, []) == ()
