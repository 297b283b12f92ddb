"""Pictures of pages from child processes: a page made to harm costs itself alone."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from rag.errors import BusyError, ReadError
from rag.ingest.children.page_pictures import PageLimits, PagePictures
from tests.rag.parsers.pdf.pdf_writer import paragraph, write_pdf

FILLED = b"/Pattern cs /P scn 0 0 600 800 re f"
"""With a tile whose step is a hair's breadth, which is drawn some hundred million times."""


def endless(path: Path) -> Path:
    """A PDF of a few hundred bytes with an ordinary first page and a second that takes minutes to draw."""
    tile = b"1 0 0 rg 0 0 50 50 re f 0 1 0 RG 0 0 m 100 100 l S"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R "
        b"/Resources << /Pattern << /P 6 0 R >> >> >>",
        b"<< /Length %d >> stream\n%s\nendstream" % (len(FILLED), FILLED),
        b"<< /Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 100 100] /XStep 0.05 /YStep 0.05 "
        b"/Resources << >> /Length %d >> stream\n%s\nendstream" % (len(tile), tile),
    ]
    out = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    path.write_bytes(out)
    return path


@pytest.fixture
def pictures() -> Iterator[PagePictures]:
    opened = PagePictures(PageLimits(workers=1, processor_s=1.0, wait_s=30.0))
    yield opened
    opened.close()


def test_a_page_and_its_marks(pictures: PagePictures, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "gr\u00fc\u00dfe \udcff.pdf", [paragraph(72, 100, ["The lamp was lit."]), []])
    assert pictures.count(path) == 2
    plain, marked = (pictures.draw(path, 1, quote, 1.0) for quote in ("", "lamp was"))
    assert Image.open(io.BytesIO(plain)).size == (612, 792)
    assert plain != marked
    with pytest.raises(ReadError, match="no page 3"):
        pictures.draw(path, 3)


def test_a_page_that_takes_too_long_costs_itself_alone(pictures: PagePictures, tmp_path: Path) -> None:
    path = endless(tmp_path / "endless.pdf")
    outcomes: list[object] = []

    def draw() -> None:
        try:
            outcomes.append(pictures.draw(path, 2))
        except ReadError as error:
            outcomes.append(error.message)

    threads = [threading.Thread(target=draw) for _ in range(12)]  # each in its turn would take a quarter of a minute
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["The page is too complex to be drawn."] * 12
    assert pictures.draw(path, 1) and pictures.count(path) == 2


def test_a_page_that_takes_too_much_memory(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [paragraph(72, 100, ["The lamp was lit."])])
    pictures = PagePictures(PageLimits(workers=1, memory_mb=20))
    with pytest.raises(ReadError, match="too complex"):
        pictures.draw(path, 1)
    pictures.close()


def test_what_waits_too_long_is_told_to_come_again(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [[]])
    with pytest.raises(BusyError, match="Too many pages"):
        PagePictures(PageLimits(workers=0, wait_s=0.01)).draw(path, 1)  # no process ever becomes free


def test_a_picture_has_a_limit_of_pixels(pictures: PagePictures, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [[]])
    path.write_bytes(path.read_bytes().replace(b"[0 0 612 792]", b"[0 0 9e3 9e3]"))
    width, height = Image.open(io.BytesIO(pictures.draw(path, 1, scale=4.0))).size
    assert width * height <= 16_100_000


def test_closing_ends_what_is_being_drawn_and_starts_no_other_process(tmp_path: Path) -> None:
    path = endless(tmp_path / "endless.pdf")
    others = psutil.Process().children()
    pictures = PagePictures(PageLimits(workers=1, processor_s=300.0, wall_s=300.0, wait_s=300.0))
    assert pictures.draw(path, 1)
    outcomes: list[object] = []

    def draw() -> None:
        try:
            outcomes.append(pictures.draw(path, 2))
        except BusyError as error:
            outcomes.append(error.message)

    threads = [threading.Thread(target=draw) for _ in range(3)]  # one is at work, two wait for it
    for thread in threads:
        thread.start()
    pictures.close()
    for thread in threads:
        thread.join(30)
    assert outcomes == ["Docent is ending."] * 3
    assert [child for child in psutil.Process().children() if child not in others] == []
