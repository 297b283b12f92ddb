"""PDFs are read in the order a person reads them, and what cannot be read is named truly."""

import io
from pathlib import Path

import pypdf
import pypdfium2
import pytest
from PIL import Image

from rag.errors import ReadError, SkippedError
from rag.parsers.pdf import parser as pdf
from rag.parsers.pdf.page_view import locate_quote
from rag.parsers.pdf.words import ocr
from rag.parsers.sniff import sniff
from rag.types import ParsedDocument
from tests.rag.parsers.pdf.pdf_writer import HEIGHT, Line, coded, paragraph, write_pdf, write_raw

LEFT = [
    "The left column begins with a sentence that",
    "fills the width of the column and goes on to",
    "the next line without any pause at all, and",
    "then it continues with more words until the",
    "column ends with the word lighthouse here.",
]
RIGHT = [
    "The right column tells another story which",
    "has nothing to do with the one on its left,",
    "because columns of a page are read one after",
    "the other and never line by line across the",
    "gutter, as a careless reader would do it.",
]
REPORTS = Path(__file__).parents[4].parent / "shared/data/qa/sec-10-q/sec-10-q/data/v1/docs"
ASSORTED = Path(__file__).parents[4].parent / "shared/data/documents/assorted"


def blocks(document: ParsedDocument, kind: str) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind == kind]


def image_pdf(path: Path, text_pages: int = 0) -> Path:
    """One page that is a picture, behind ``text_pages`` pages of text."""
    picture = io.BytesIO()
    Image.new("RGB", (300, 400), "gray").save(picture, "PDF")
    writer = pypdf.PdfWriter()
    if text_pages:
        writer.append(write_pdf(path.with_suffix(".text.pdf"), [[Line(72, 100, "Words on a page.")]] * text_pages))
    writer.append(picture)
    writer.write(path)
    writer.close()
    return path


def test_lines_of_a_paragraph_are_joined_and_carry_their_page(tmp_path: Path) -> None:
    pages = [paragraph(72, 100, ["One sentence runs over", "two lines."]), paragraph(72, 100, ["A second page."])]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", pages))
    found = [(document.text[b.start : b.end], b.page) for b in document.blocks]
    assert found == [("One sentence runs over two lines.", 1), ("A second page.", 2)]


def test_a_gap_between_lines_separates_paragraphs(tmp_path: Path) -> None:
    lines = paragraph(72, 100, ["First paragraph here."]) + paragraph(72, 140, ["Second paragraph here."])
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines]))
    assert blocks(document, "paragraph") == ["First paragraph here.", "Second paragraph here."]


@pytest.mark.parametrize("order", ["by column", "line by line"])
def test_columns_are_read_one_after_the_other(tmp_path: Path, order: str) -> None:
    left, right = paragraph(72, 150, LEFT * 2), paragraph(320, 150, RIGHT * 2)
    title = [Line(72, 100, "A headline that spans both of the columns of this page", 20)]
    body = left + right if order == "by column" else [line for pair in zip(left, right, strict=True) for line in pair]
    text = pdf.parse(write_pdf(tmp_path / "a.pdf", [title + body])).text
    assert text.index("headline") < text.index("lighthouse") < text.index("The right column")
    assert " ".join(LEFT) in text
    assert " ".join(RIGHT) in text


def test_a_table_keeps_label_and_numbers_in_one_line(tmp_path: Path) -> None:
    rows = [("", "2023", "2022"), ("Net sales", "1,234", "1,100"), ("Cost of sales", "(800)", "(750)")]
    places = (72, 300, 400)
    lines = [
        Line(x, 100 + 14 * index, cell)
        for index, row in enumerate(rows)
        for x, cell in zip(places, row, strict=True)
        if cell
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines]))
    assert blocks(document, "table") == ["| 2023 | 2022\nNet sales | 1,234 | 1,100\nCost of sales | (800) | (750)"]


def test_a_table_written_column_by_column_is_read_row_by_row(tmp_path: Path) -> None:
    labels = paragraph(72, 100, ["Net income", "Total assets", "Cash held"], pitch=14)
    numbers = paragraph(300, 100, ["123", "456", "789"], pitch=14)
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [labels + numbers]))
    assert blocks(document, "table") == ["Net income | 123\nTotal assets | 456\nCash held | 789"]


def test_currency_signs_stay_with_their_number(tmp_path: Path) -> None:
    lines: list[Line] = []
    for index, number in enumerate(("10", "20")):
        y = 100 + 14 * index
        lines += [Line(72, y, f"Item {index}"), Line(300, y, "$"), Line(330, y, number)]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines]))
    assert blocks(document, "table") == ["Item 0 | $ 10\nItem 1 | $ 20"]


def test_words_divided_at_the_line_end_are_made_whole(tmp_path: Path) -> None:
    lines = paragraph(
        72, 100, ["The well-known engineer looked at the trans-", "mission and at the well-", "known gear."]
    )
    text = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines])).text
    assert text == "The well-known engineer looked at the transmission and at the well-known gear."


def test_running_headers_and_page_numbers_are_margins_said_once(tmp_path: Path) -> None:
    pages = [
        [
            Line(72, 40, "Annual Report of the Society"),
            *paragraph(72, 200, [f"Body text number {number} of this book."]),
            Line(300, HEIGHT - 30, str(number)),
        ]
        for number in range(1, 6)
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", pages))
    assert blocks(document, "margin") == ["Annual Report of the Society"]
    assert len(blocks(document, "paragraph")) == 5


def test_larger_and_bold_lines_are_headings_by_rank(tmp_path: Path) -> None:
    lines = [
        Line(72, 80, "The Main Title", 24),
        Line(72, 130, "A Section", 16),
        *paragraph(72, 160, ["Some text stands here, long enough to be the body of it all.", "And it goes on."]),
        Line(72, 220, "A Bold Line", 10, bold=True),
        *paragraph(72, 250, ["More text stands here, long enough to be the body of it all."]),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines]))
    found = [(document.text[b.start : b.end], b.level) for b in document.blocks if b.kind == "heading"]
    assert found == [("The Main Title", 1), ("A Section", 2), ("A Bold Line", 3)]
    assert document.title == "The Main Title"


def test_the_title_comes_from_the_metadata_unless_a_program_made_it_up(tmp_path: Path) -> None:
    lines = [[Line(72, 80, "Big Words", 24), *paragraph(72, 160, ["Text of this page."] * 3)]]
    assert pdf.parse(write_pdf(tmp_path / "a.pdf", lines, title="Tales of the Sea")).title == "Tales of the Sea"
    assert pdf.parse(write_pdf(tmp_path / "b.pdf", lines, title="Microsoft Word - x.doc")).title == "Big Words"


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_turned_text_is_read_upright(tmp_path: Path, quarter: int, rotate: int) -> None:
    steps = ((0, 14), (14, 0), (0, -14), (-14, 0))[quarter]
    texts = ["Counting goes from the first line", "to the second line and then", "ends with the third line."]
    lines = [
        Line(300 + steps[0] * index, 400 + steps[1] * index, text, quarter=quarter) for index, text in enumerate(texts)
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines], rotate=rotate))
    assert document.text == " ".join(texts)


def test_a_list_has_an_item_for_each_bullet(tmp_path: Path) -> None:
    lines = [Line(72, 100, "•"), Line(90, 100, "Apples from the garden"), Line(72, 114, "•"), Line(90, 114, "Pears")]
    assert blocks(pdf.parse(write_pdf(tmp_path / "a.pdf", [lines])), "list") == ["• Apples from the garden", "• Pears"]


def test_a_password_is_asked_for_and_an_empty_one_is_not(tmp_path: Path) -> None:
    plain = write_pdf(tmp_path / "plain.pdf", [[Line(72, 100, "A secret message.")]])
    for password, name in (("hunter2", "locked.pdf"), ("", "open.pdf")):
        writer = pypdf.PdfWriter(clone_from=plain)
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
        writer.write(tmp_path / name)
        writer.close()
    with pytest.raises(ReadError, match="needs a password"):
        pdf.parse(tmp_path / "locked.pdf")
    assert pdf.parse(tmp_path / "open.pdf").text == "A secret message."


def test_a_scan_is_skipped_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "is_available", lambda: False)
    with pytest.raises(SkippedError, match=r"no text: scanned.*docent-chat\[ocr\]"):
        pdf.parse(image_pdf(tmp_path / "scan.pdf"))


def test_a_scanned_page_among_others_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "is_available", lambda: False)
    document = pdf.parse(image_pdf(tmp_path / "mixed.pdf", text_pages=2))
    assert document.text.count("Words on a page.") == 2
    assert document.warnings[0].startswith("Page 3: no text (scanned)")


@pytest.mark.skipif(not ocr.is_available(), reason="the ocr extra is not installed")
def test_scanned_pages_are_read_by_the_ocr_extra(tmp_path: Path) -> None:
    source = pypdfium2.PdfDocument(write_pdf(tmp_path / "a.pdf", [[Line(72, 200, "Lighthouse keepers", 30)]]))
    source[0].render(scale=2).to_pil().save(tmp_path / "scan.pdf")
    source.close()
    assert "Lighthouse keepers" in pdf.parse(tmp_path / "scan.pdf").text


def test_garbage_is_damaged_and_a_broken_cross_reference_is_not(tmp_path: Path) -> None:
    (tmp_path / "junk.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 20)
    with pytest.raises(ReadError, match="damaged"):
        pdf.parse(tmp_path / "junk.pdf")
    whole = write_pdf(tmp_path / "whole.pdf", [[Line(72, 100, "Still readable.")]]).read_bytes()
    (tmp_path / "cut.pdf").write_bytes(whole[: whole.index(b"xref")])
    assert pdf.parse(tmp_path / "cut.pdf").text == "Still readable."


def test_a_page_tree_that_loops_ends(tmp_path: Path) -> None:
    data = write_pdf(tmp_path / "a.pdf", [[Line(72, 100, "Round and round.")]]).read_bytes()
    (tmp_path / "loop.pdf").write_bytes(data.replace(b"/Kids [6 0 R]", b"/Kids [2 0 R]"))
    with pytest.raises(ReadError):
        pdf.parse(tmp_path / "loop.pdf")


def test_a_page_is_known_by_its_printed_number_where_that_is_another_one(tmp_path: Path) -> None:
    contents = [f"BT /F1 10 Tf 72 700 Td (This is sheet {name}.) Tj ET" for name in ("one", "two", "three")]
    labels = "/PageLabels << /Nums [0 << /S /r /St 4 >> 1 << /S /D /St 2 >> 2 << /S /D /P (A-) >>] >>"
    document = pdf.parse(write_raw(tmp_path / "a.pdf", contents, catalog=labels))
    assert [(block.page, block.page_label) for block in document.blocks] == [(1, "iv"), (2, None), (3, "A-1")]


def test_an_empty_page_holds_no_text(tmp_path: Path) -> None:
    with pytest.raises(SkippedError, match="empty"):
        pdf.parse(write_pdf(tmp_path / "a.pdf", [[]]))


@pytest.mark.skipif(not REPORTS.is_dir(), reason="the reports are not on this machine")
def test_a_financial_statement_keeps_its_rows() -> None:
    text = pdf.parse(REPORTS / "2023 Q1 AAPL.pdf").text
    assert "\nTotal net sales | 117,154 | 123,945\n" in text
    assert "Net income | $ 29,998 | $ 34,630" in text


@pytest.mark.slow
@pytest.mark.skipif(not ASSORTED.is_dir(), reason="the assorted documents are not on this machine")
def test_every_assorted_pdf_is_read_or_refused_with_a_reason() -> None:
    for path in sorted(ASSORTED.rglob("*.pdf")):
        try:
            text = pdf.parse(path).text
            assert text and not any(ord(character) < 32 and character not in "\n\t" for character in text)
        except ReadError as error:
            assert error.message.endswith(".")


@pytest.mark.parametrize(
    "junk", [b"\xef\xbb\xbf", b"\xff\xfe", b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n"]
)
def test_junk_before_the_header_does_not_matter(tmp_path: Path, junk: bytes) -> None:
    whole = write_pdf(tmp_path / "whole.pdf", [[Line(72, 100, "Still readable.")]]).read_bytes()
    path = tmp_path / "junk.pdf"
    path.write_bytes(junk + whole)
    assert sniff(path).kind == "pdf"
    assert pdf.parse(path).text == "Still readable."


def test_a_text_about_pdfs_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "about.txt"
    path.write_text("A file begins with %PDF-1.7 and then come objects.\n" * 5)
    assert sniff(path).kind == "text"


def test_letters_beyond_the_basic_plane_and_ligatures_are_kept(tmp_path: Path) -> None:
    alphabet = "𝑥=𝒎𝒄2ﬁre of"
    content = f"BT /F3 10 Tf 72 700 Td {coded('𝑥=𝒎𝒄2 of ﬁre', alphabet)} Tj ET"
    path = write_raw(tmp_path / "a.pdf", [content], alphabet=alphabet)
    assert pdf.parse(path).text == "𝑥=𝒎𝒄2 of fire"
    assert len(locate_quote(path, 1, "𝒎𝒄2 of fire")) == 1


def test_a_soft_hyphen_at_a_line_end_is_no_part_of_its_word(tmp_path: Path) -> None:
    content = "BT /F1 10 Tf 72 700 Td (The light\\255) Tj 0 -12 Td (house is old.) Tj ET"
    assert pdf.parse(write_raw(tmp_path / "a.pdf", [content])).text == "The lighthouse is old."


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("(H A R B O U R   D U E S) Tj", "HARBOUR DUES"),
        ("10 Tc (Harbour dues of it) Tj", "Harbour dues of it"),
        ("[(H) -400 (A) -400 (R) -400 (B) -1200 (D) -400 (U) -400 (E) -400 (S)] TJ", "HARB DUES"),
        ("(A B C D E) Tj", "A B C D E"),
    ],
)
def test_letters_that_stand_apart_make_words(tmp_path: Path, shown: str, text: str) -> None:
    assert pdf.parse(write_raw(tmp_path / "a.pdf", [f"BT /F1 10 Tf 72 700 Td {shown} ET"])).text == text


def test_a_slanted_page_keeps_its_words_apart_and_its_lines_together(tmp_path: Path) -> None:
    turn = "0.94 0.34 -0.34 0.94"
    lines = [(72, 500, "Words that go up the page in a slant"), (76.1, 488.7, "and go on in a second line")]
    content = " ".join(f"BT /F1 10 Tf {turn} {x} {y} Tm ({text}) Tj ET" for x, y, text in lines)
    document = pdf.parse(write_raw(tmp_path / "a.pdf", [content]))
    assert document.text == "Words that go up the page in a slant and go on in a second line"


def test_a_slanted_stamp_does_not_stand_in_the_text(tmp_path: Path) -> None:
    stamp = "BT /F1 30 Tf 0.7 0.7 -0.7 0.7 150 550 Tm (DRAFT COPY) Tj ET "
    content = stamp + "BT /F1 10 Tf 72 640 Td (Harbour dues of the year) Tj 0 -12 Td (are due in May.) Tj ET"
    document = pdf.parse(write_raw(tmp_path / "a.pdf", [content]))
    assert blocks(document, "paragraph") == ["Harbour dues of the year are due in May."]
    assert blocks(document, "margin") == ["DRAFT COPY"]


@pytest.mark.parametrize("order", ["by column", "line by line"])
def test_short_and_narrow_columns_are_read_one_after_the_other(tmp_path: Path, order: str) -> None:
    texts = [
        [
            "First the keeper lit the",
            "lamp at the top of the",
            "tower, then he went down",
            "to his supper, which had",
            "grown cold by then.",
        ],
        [
            "Nobody in the village had",
            "seen such a storm since",
            "the winter of the great",
            "flood, as they said when",
            "it had passed over.",
        ],
        [
            "Where the boats lay, the",
            "water rose over the quay",
            "and took with it all that",
            "was not tied to a post or",
            "carried up the hill.",
        ],
    ]
    columns = [paragraph(60 + 180 * number, 150, lines) for number, lines in enumerate(texts)]
    lines = [line for column in columns for line in column]
    if order == "line by line":
        lines.sort(key=lambda line: (line.y, line.x))
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines]))
    assert blocks(document, "paragraph") == [" ".join(column) for column in texts]


def test_a_table_of_sentences_is_read_row_by_row(tmp_path: Path) -> None:
    rows = [
        ("The keeper of the light", "Lights the lamp every evening"),
        ("The master of the boats", "Counts the boats on the quay"),
        ("The clerk of the harbour", "Writes down who came and went"),
        ("The cook of the canteen", "Makes soup for all the others"),
    ]
    lines = [Line(x, 150 + 14 * n, cell) for n, row in enumerate(rows) for x, cell in zip((72, 300), row, strict=True)]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines]))
    assert blocks(document, "table") == ["\n".join(" | ".join(row) for row in rows)]


def test_a_last_column_of_a_few_lines_is_no_table_with_the_column_beside_it() -> None:
    text = pdf.parse(Path("samples/A short history of Gull Rock Light.pdf")).text
    assert "four hours. A principal keeper earned 72 pounds a year in 1880, with coal, oil and a garden" in text
    assert "Bergen still sends a Christmas tree to the museum every year" in text
    assert " | " not in text
