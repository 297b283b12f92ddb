"""A quote is found on its page whatever became of its spaces and hyphens, and is marked in the picture."""

import io
import threading
from pathlib import Path

import pytest
from PIL import Image

from rag.errors import ReadError
from rag.parsers.pdf import page_view as pdf_view
from rag.parsers.pdf import parser as pdf
from tests.rag.parsers.pdf.pdf_writer import HEIGHT, WIDTH, Line, paragraph, write_pdf


def test_a_quote_over_two_lines_gives_a_box_for_each(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [paragraph(72, 100, ["The trans-", "mission is in the garage today."])])
    first, second = pdf_view.locate_quote(path, 1, "transmission is  in\nthe garage")
    assert first.page == second.page == 1
    assert 85 < first.x0 < 95 and first.y0 < 100 <= first.y1 + 3
    assert second.x0 == pytest.approx(72, abs=1) and second.y0 < 112 <= second.y1 + 3
    assert first.y0 < second.y0


def test_a_table_row_is_found_across_its_cells(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [[Line(72, 100, "Net sales in total"), Line(400, 100, "117,154")]])
    label, number = pdf_view.locate_quote(path, 1, "Net sales in total | 117,154")
    assert label.x0 == pytest.approx(72, abs=1)
    assert number.x0 == pytest.approx(400, abs=1)


def test_a_quote_goes_on_on_the_next_page(tmp_path: Path) -> None:
    pages = [[Line(72, 700, "The sentence begins on this page")], [Line(72, 60, "and ends on the other one.")]]
    path = write_pdf(tmp_path / "a.pdf", pages)
    boxes = pdf_view.locate_quote(path, 1, "begins on this page and ends on the other one.")
    assert [box.page for box in boxes] == [1, 2]


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [[Line(72, 100, "Something else entirely.")]])
    assert pdf_view.locate_quote(path, 1, "a quotation from another book") == []
    assert pdf_view.locate_quote(path, 1, " \n") == []


def test_every_block_a_parser_makes_can_be_located(tmp_path: Path) -> None:
    left = paragraph(
        72, 150, ["The left column has some lines of text that", "are long enough to be prose to anyone."] * 4
    )
    right = paragraph(
        320, 150, ["The right column has other lines of text", "that fill their column to its right edge."] * 4
    )
    path = write_pdf(tmp_path / "a.pdf", [[*left, *right]])
    document = pdf.parse(path)
    for block in document.blocks:
        assert pdf_view.locate_quote(path, block.page or 1, document.text[block.start : block.end])


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_mark_lies_on_the_words_however_the_page_is_turned(tmp_path: Path, rotate: int) -> None:
    path = write_pdf(tmp_path / "a.pdf", [[Line(72, 100, "Mark these words please")]], rotate=rotate)
    boxes = pdf_view.locate_quote(path, 1, "these words")
    plain = Image.open(io.BytesIO(pdf_view.render_page(path, 1, scale=1)))
    marked = Image.open(io.BytesIO(pdf_view.render_page(path, 1, boxes, scale=1)))
    assert plain.size == ((WIDTH, HEIGHT) if rotate in (0, 180) else (HEIGHT, WIDTH))
    (box,) = boxes
    area = (int(box.x0), int(box.y0), int(box.x1), int(box.y1))
    dark_inside = sum(plain.convert("L").crop(area).point(lambda value: value < 128).histogram()[1:])
    assert dark_inside > 50, "the box covers no letters"
    yellow = marked.crop(area).getpixel((1, 1))
    assert yellow != (255, 255, 255)
    assert marked.getpixel((2, 2)) == (255, 255, 255)


def test_pages_are_counted_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [[Line(72, 100, "One.")], [Line(72, 100, "Two.")]])
    assert pdf_view.page_count(path) == 2
    with pytest.raises(ReadError, match="no page 3"):
        pdf_view.render_page(path, 3)
    with pytest.raises(ReadError):
        pdf_view.page_count(tmp_path / "missing.pdf")


def test_threads_may_draw_at_the_same_time(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [[Line(72, 100, f"Page {number}.")] for number in range(8)])
    pictures: dict[int, bytes] = {}

    def draw(page: int) -> None:
        pictures[page] = pdf_view.render_page(path, page, scale=0.5)

    threads = [threading.Thread(target=draw, args=(page,)) for page in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [pictures[page] for page in range(1, 9)] == [
        pdf_view.render_page(path, page, scale=0.5) for page in range(1, 9)
    ]


def test_words_that_stand_twice_are_found_within_their_quote(tmp_path: Path) -> None:
    lines = [Line(72, 100, "The light was out."), Line(72, 200, "On Monday the light was repaired.")]
    path = write_pdf(tmp_path / "a.pdf", [lines])
    (quote,) = pdf_view.locate_quote(path, 1, "On Monday the light was repaired.")
    (words,) = pdf_view.locate_quote(path, 1, "the light was", within="On Monday the light was repaired.")
    assert quote.y0 <= words.y0 < words.y1 <= quote.y1
    assert quote.x0 < words.x0 < words.x1 < quote.x1
    plain, strong = (
        Image.open(io.BytesIO(pdf_view.render_page(path, 1, [quote], 1, boxes))) for boxes in ([], [words])
    )
    corner = (int(words.x0), int(words.y0))
    assert plain.getpixel(corner) != strong.getpixel(corner)
