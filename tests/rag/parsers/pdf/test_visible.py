"""Words of a PDF that nobody sees are left out; those over their own picture and white ones on a dark ground stay."""

import io
from pathlib import Path

import pypdf
import pytest
from PIL import Image

from rag.parsers.pdf import parser as pdf
from rag.types import ParsedDocument
from tests.rag.parsers.pdf.pdf_writer import write_raw

SEEN = "BT /F1 10 Tf 72 700 Td (The dues are 40 crowns.) Tj ET\n"


def page(path: Path, content: str) -> ParsedDocument:
    return pdf.parse(write_raw(path / "a.pdf", [SEEN + content]))


@pytest.mark.parametrize(
    "content",
    [
        "BT 1 1 1 rg /F1 10 Tf 72 600 Td (The dues are 1 crown.) Tj ET",
        "BT 0.98 g /F1 10 Tf 72 600 Td (The dues are 1 crown.) Tj ET",
        "BT 3 Tr /F1 10 Tf 72 600 Td (The dues are 1 crown.) Tj ET",
        "BT /F1 1 Tf 72 600 Td (The dues are 1 crown.) Tj ET",
        "BT /F1 10 Tf 72 900 Td (The dues are 1 crown.) Tj ET",
        "BT /F1 10 Tf -400 600 Td (The dues are 1 crown.) Tj ET",
        "q 72 100 50 50 re W n BT /F1 10 Tf 72 600 Td (The dues are 1 crown.) Tj ET Q",
        "BT 1 g /F1 10 Tf 72 500 Td (x) Tj ET",
        "BT /F1 10 Tf 72 600 Td (The dues are 1 crown.) Tj ET 1 g 60 590 300 30 re f",
        "BT /F1 10 Tf 72 600 Td (The dues are 1 crown.) Tj ET 60 590 300 30 re f",
    ],
    ids=["white", "nearly white", "no paint", "tiny", "above", "left", "cut off", "a white letter", "white-out", "bar"],
)
def test_what_nobody_sees_is_left_out_and_said(tmp_path: Path, content: str) -> None:
    document = page(tmp_path, content)
    assert "1 crown" not in document.text and "x" not in document.text
    assert "The dues are 40 crowns." in document.text
    assert document.warnings == ("Page 1: text that cannot be seen was left out.",)


def test_a_hidden_word_within_a_line_is_left_out(tmp_path: Path) -> None:
    content = "BT /F1 10 Tf 72 600 Td (It costs) Tj 1 1 1 rg ( not) Tj 0 0 0 rg ( much.) Tj ET"
    assert page(tmp_path, content).text.endswith("It costs | much.")


@pytest.mark.parametrize(
    "content",
    [
        "0 0 0.4 rg 60 590 300 30 re f BT 1 1 1 rg /F1 10 Tf 72 600 Td (White on blue.) Tj ET",
        "BT 0.8 g /F1 10 Tf 72 600 Td (White on blue.) Tj ET",
        "q 60 590 300 30 re W n BT /F1 10 Tf 72 600 Td (White on blue.) Tj ET Q",
        "0.9 g 60 590 300 30 re f 0 g BT /F1 10 Tf 72 600 Td (White on blue.) Tj ET 60 560 300 20 re f",
    ],
    ids=["white on blue", "grey on white", "within the clip", "on a stripe, above a bar"],
)
def test_what_can_be_seen_stays(tmp_path: Path, content: str) -> None:
    document = page(tmp_path, content)
    assert document.text.endswith("White on blue.")
    assert document.warnings == ()


def test_recognised_text_over_a_scan_stays(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (612, 792), "lightgray").save(picture, "PDF", resolution=72)
    layer = "BT 3 Tr /F1 10 Tf 72 600 Td (Words of a scanned page.) Tj ET"
    write_raw(tmp_path / "layer.pdf", [layer])
    writer = pypdf.PdfWriter(clone_from=picture)
    writer.pages[0].merge_page(pypdf.PdfReader(tmp_path / "layer.pdf").pages[0])
    writer.write(tmp_path / "scan.pdf")
    writer.close()
    assert pdf.parse(tmp_path / "scan.pdf").text == "Words of a scanned page."
