"""Web pages and XML: what a person reads, in order, and nothing that grows, loads or hides."""

from pathlib import Path

import pytest

from rag.errors import ReadError, SkippedError
from rag.parsers.markup import html, markdown, xml
from rag.types import ParsedDocument


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def page(folder: Path, content: str | bytes) -> ParsedDocument:
    return html.parse(write(folder, "page.html", content))


def tree(folder: Path, content: str | bytes) -> ParsedDocument:
    return xml.parse(write(folder, "data.xml", content))


def outline(document: ParsedDocument) -> list[str]:
    """Each block as "kind: text"; labels in brackets."""
    return [
        f"{block.kind}{block.level or ''}: "
        + (f"[{block.label}]" if block.label else document.text[block.start : block.end])
        for block in document.blocks
    ]


def test_a_page_in_reading_order(tmp_path: Path) -> None:
    document = page(
        tmp_path,
        """<!DOCTYPE html><html><head><title>The &amp; Page</title><style>p{}</style></head><body>
        <nav><a href="/">Home</a></nav><h1>Big <i>head</i></h1><p>One
        two<br>three &lt;b&gt;</p><script>alert(1)</script><ol start="3"><li>a<ul><li>b</li></ul></li><li>c</li></ol>
        <pre>x = 1
  y</pre><p hidden>no</p><p style="color:red; display: none">no</p>
        <img src="data:image/png;base64,AAAA" alt="A cat">
        <div>Loose <b>text</b><p>Para</div><footer>© Us</footer>
        <noscript>no</noscript><template>no</template></body>""",
    )
    assert document.title == "The & Page"
    assert outline(document) == [
        "heading1: Big head",
        "paragraph: One two\nthree <b>",
        "list1: 3. a",
        "list2: - b",
        "list1: 4. c",
        "code: x = 1\n  y",
        "paragraph: A cat",
        "paragraph: Loose text",
        "paragraph: Para",
        "margin: © Us",
    ]
    assert "AAAA" not in document.text


def test_tables_keep_rows_and_join_signs_to_numbers(tmp_path: Path) -> None:
    document = page(
        tmp_path,
        "<table><caption>Income</caption><tr><th>Year</th><th colspan=3>2020</th></tr>"
        "<tr><td>Sales</td><td></td><td>$</td><td>5</td></tr>"
        "<tr><td>Loss</td><td></td><td>$</td><td>(7</td><td>)</td></tr></table>",
    )
    assert outline(document) == ["caption: Income", "table: Year | 2020\nSales | $5\nLoss | $(7)"]


def test_cells_that_span_rows_and_columns_count_for_each(tmp_path: Path) -> None:
    document = page(
        tmp_path,
        "<table><tr><th rowspan=2>Cabin<th colspan=2>Summer<th colspan=2>Winter</tr>"
        "<tr><th>Week<th>Weekend<th>Week<th>Weekend</tr>"
        "<tr><td>Birch<td>310<td>380<td>450<td>520</tr>"
        "<tr><td rowspan=2>Larch<td colspan=2>500<td>410<td>480</tr>"
        "<tr><td>290<td>350<td colspan=2>600</tr></table>",
    )
    assert outline(document)[0].splitlines()[2:] == [
        "Birch | 310 | 380 | 450 | 520",
        "Larch | 500 | 500 | 410 | 480",
        "Larch | 290 | 350 | 600 | 600",
    ]
    assert document.blocks[0].table is not None
    assert document.blocks[0].table.columns == (
        "Cabin", "Summer, Week", "Summer, Weekend", "Winter, Week", "Winter, Weekend"
    )  # fmt: skip


def test_what_the_page_marks_as_headers_counts(tmp_path: Path) -> None:
    marked = page(tmp_path, "<table><thead><tr><td>1<td>2</thead><tr><td>3<td>4</table>")
    assert marked.blocks[0].table is not None and marked.blocks[0].table.columns == ("1", "2")
    sideways = page(tmp_path, "<table><tr><th>Owner<td>Ada<tr><th>Built<td>Oslo<tr><th>Colour<td>red</table>")
    assert sideways.blocks[0].table is not None and sideways.blocks[0].table.columns == ("", "")


def test_layout_tables_are_read_as_blocks(tmp_path: Path) -> None:
    document = page(
        tmp_path, "<table><tr><td><h2>Head</h2><p>Text</p></td><td><table><tr><td>a<td>b</table></td></tr></table>"
    )
    assert outline(document) == ["heading2: Head", "paragraph: Text", "table: a | b"]


@pytest.mark.parametrize(
    "data",
    [
        '<meta charset="windows-1252"><p>Größe €'.encode("cp1252"),
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>Größe €'.encode("cp1252"),
        '<meta charset="iso-8859-1"><p>Größe €'.encode(),
        '<meta charset="utf-8"><p>Größe €'.encode("utf-16"),
        "<p>Größe €".encode("cp1252"),
        '<?xml version="1.0" encoding="utf-8"?><html><p>Größe €'.encode(),
    ],
)
def test_the_encoding_is_found(tmp_path: Path, data: bytes) -> None:
    assert page(tmp_path, data).text == "Größe €"


@pytest.mark.parametrize("depth", [300, 3_000, 100_000])
def test_depth_neither_fails_nor_loses_text(tmp_path: Path, depth: int) -> None:
    document = page(tmp_path, "<div>" * depth + "deep words" + "</div>" * depth + "<p>after")
    assert "deep words" in document.text
    assert "after" in document.text


def test_a_page_hidden_as_a_whole_is_shown(tmp_path: Path) -> None:
    assert page(tmp_path, '<body style="display:none"><p>Words').text == "Words"


@pytest.mark.parametrize(
    "markup", ["<", "<>", "</p></div>text", "<table><tr><p>text", "<p>text<![CDATA[", "text &#0; &#xD800;"]
)
def test_malformed_pages_are_read_or_skipped(tmp_path: Path, markup: str) -> None:
    try:
        assert page(tmp_path, markup).text
    except SkippedError:
        assert "text" not in markup


def test_records_become_blocks_under_their_path(tmp_path: Path) -> None:
    document = tree(
        tmp_path,
        '<?xml version="1.0"?><x:book xmlns:x="urn:x">'
        '<x:country code="US"><x:name>United States</x:name><x:capital>Washington</x:capital>'
        "</x:country><x:country><x:name>Trinidad &amp; Tobago</x:name></x:country></x:book>",
    )
    assert outline(document) == [
        "heading1: [book]",
        "heading2: [country]",
        "paragraph: code: US\nname: United States\ncapital: Washington",
        "paragraph: name: Trinidad & Tobago",
    ]


def test_records_in_attributes(tmp_path: Path) -> None:
    document = tree(tmp_path, '<users><row Id="1" Name="Ann" xml:lang="en"/><row Id="2" Name="Bo"/></users>')
    assert outline(document)[2:] == ["paragraph: Id: 1\nName: Ann", "paragraph: Id: 2\nName: Bo"]


def test_attributes_of_fields_and_of_records(tmp_path: Path) -> None:
    document = tree(tmp_path, '<c><db host="here" id="7"><name>main</name><price currency="EUR">5</price></db></c>')
    assert document.text == "host: here\nname: main\nprice: 5, currency: EUR"


def test_an_id_that_is_an_inventory_number_belongs_to_the_record(tmp_path: Path) -> None:
    numbered = '<c><tool id="T-07/2"><name>plane</name></tool><tool id="b12"><name>saw</name></tool></c>'
    assert tree(tmp_path, numbered).text == "id: T-07/2\nname: plane\n\nname: saw"


def test_drawings_give_their_words_only(tmp_path: Path) -> None:
    assert tree(
        tmp_path, '<svg><path d="M0 0 L 1 1"/><rect width="3" fill="red"/><text x="1">Label</text></svg>'
    ).text == ("text: Label")


def test_notes_and_breaks_within_a_sentence(tmp_path: Path) -> None:
    document = tree(
        tmp_path,
        "<t><p>A li<hi>ne</hi><pb/>and<note>a note</note>more.</p><content><div><p>x</p><p>y</p></div></content></t>",
    )
    assert [part for part in outline(document) if part.startswith("paragraph")] == [
        "paragraph: A line and a note more.",
        "paragraph: x",
        "paragraph: y",
    ]


def test_books_keep_titles_paragraphs_and_code(tmp_path: Path) -> None:
    document = tree(
        tmp_path,
        '<!DOCTYPE book PUBLIC "-//X" "http://127.0.0.1:9/never.dtd"><book><title>The Book</title><chapter><title>One '
        "<emphasis>big</emphasis></title><para><emphasis>Bold</emphasis> text &mdash; and <link>more</link>.</para>"
        "<section><title>Sub</title><programlisting>a\n  b</programlisting></section></chapter></book>",
    )
    assert document.title == "The Book"
    assert outline(document) == [
        "heading1: The Book",
        "heading2: One big",
        "paragraph: Bold text — and more.",
        "heading3: Sub",
        "code: a\n  b",
    ]


def test_feeds_show_the_text_of_their_escaped_pages(tmp_path: Path) -> None:
    document = tree(
        tmp_path,
        "<rss><channel><title>News</title><item><title>First</title><description>"
        "&lt;p&gt;Hello &lt;b&gt;you&lt;/b&gt;&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;"
        "</description></item></channel></rss>",
    )
    assert "Hello you" in document.text
    assert "script" not in document.text
    assert "x()" not in document.text


def test_a_picture_declared_as_an_entity_is_no_reason_to_refuse(tmp_path: Path) -> None:
    subset = '<!NOTATION TIF SYSTEM "tif"><!ENTITY fig1 SYSTEM "fig1.tif" NDATA TIF>'
    path = tmp_path / "patent.xml"
    path.write_text(f'<!DOCTYPE p SYSTEM "p.dtd" [{subset}]><p><para>A sealed lamp.</para><fig file="fig1"/></p>')
    assert "A sealed lamp." in xml.parse(path).text


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">',
        '<!ENTITY b SYSTEM "file:///etc/passwd">',
        '<!ENTITY % b SYSTEM "http://127.0.0.1:9/x.dtd"> %b;',
        '<!ENTITY % a "x">',
    ],
)
def test_entities_are_refused_with_the_reason(tmp_path: Path, subset: str) -> None:
    with pytest.raises(ReadError, match="declares entities"):
        tree(tmp_path, f'<?xml version="1.0"?><!DOCTYPE r [{subset}]><r>&b;</r>')


def test_a_billion_laughs_in_utf16_are_refused(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    with pytest.raises(ReadError, match="declares entities"):
        tree(tmp_path, f"<!DOCTYPE r [{laughs}]><r>&l9;</r>".encode("utf-16"))


def test_a_harmless_internal_subset_is_read(tmp_path: Path) -> None:
    assert tree(tmp_path, "<!DOCTYPE r [<!ELEMENT r (#PCDATA)>]><r>fine</r>").text == "fine"


@pytest.mark.parametrize(
    "data",
    [
        '<?xml version="1.0" encoding="UTF-8"?><r>日本のコーヒー</r>'.encode("utf-16"),
        '<?xml version="1.0" encoding="Shift_JIS"?><r>日本のコーヒー</r>'.encode("shift_jis"),
        '<?xml version="1.0" encoding="EUC-JP"?><r>日本のコーヒー</r>'.encode("euc_jp"),
        "<r>日本のコーヒー</r>".encode(),
    ],
)
def test_xml_in_any_encoding(tmp_path: Path, data: bytes) -> None:
    assert tree(tmp_path, data).text == "日本のコーヒー"


def test_a_wrong_declaration_does_not_stop_it(tmp_path: Path) -> None:
    assert tree(tmp_path, '<?xml version="1.0" encoding="UTF-8"?><r>Größe</r>'.encode("cp1252")).text == "Größe"


def test_malformed_xml_says_where(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"not well formed.*line 2"):
        tree(tmp_path, "<r>\n<a>text</b></r>")


def test_depth_has_a_limit_and_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="deep"):
        tree(tmp_path, "<n>" * 200_000 + "x" + "</n>" * 200_000)
    assert tree(tmp_path, "<n>" * 5_000 + "x" + "</n>" * 5_000).text == "n: x"


def test_no_text_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(SkippedError):
        tree(tmp_path, "<a><b/><c> </c></a>")


def test_no_word_is_lost_and_fields_without_records_are_cut(tmp_path: Path) -> None:
    document = tree(tmp_path, "<r>" + "".join(f"<w>word{n}</w>" for n in range(100)) + "</r>")
    assert document.text.split()[1::2] == [f"word{n}" for n in range(100)]
    assert len([block for block in document.blocks if block.kind == "paragraph"]) == 5


def test_comments_of_markdown_are_hidden(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Lamp\n\n<!-- for the printer\nonly -->\n\nIt burns.\n\n<!-- a --> <p>shown</p> <!-- b -->\n")
    document = markdown.parse(path)
    assert [(block.kind, document.text[block.start : block.end]) for block in document.blocks] == [
        ("heading", "Lamp"),
        ("hidden", "<!-- for the printer\nonly -->"),
        ("paragraph", "It burns."),
        ("paragraph", "<!-- a --> <p>shown</p> <!-- b -->"),
    ]
