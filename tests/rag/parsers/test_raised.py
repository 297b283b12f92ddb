"""Raised and lowered characters are written so that they do not run into what stands before them."""

from pathlib import Path

import pytest

from rag.parsers.pdf import parser as pdf
from rag.parsers.raised import Align, compose, fraction, subscript, superscript
from tests.rag.parsers.pdf.pdf_writer import write_raw


@pytest.mark.parametrize(
    ("before", "mark", "written"),
    [
        ("pay 320", "1", "pay 320 ¹"),
        ("the members", "2, 3", "the members ², ³"),
        ("last year.", "4", "last year. ⁴"),
        ("4.2 x 10", "5", "4.2 x 10^5"),
        ("1.6 × 10", "−19", "1.6 × 10^−19"),
        ("3 × 2", "8", "3 × 2^8"),
        ("300 m", "2", "300 m²"),
        ("9.81 m s", "-2", "9.81 m s⁻²"),
        ("x", "2", "x²"),
        ("e", "x", "e^x"),
        ("2", "n", "2^n"),
        ("(a + b)", "2", "(a + b)²"),
        ("on the 1", "st", "on the 1st"),
        ("48,250", "a", "48,250 (a)"),
        ("Docent", "TM", "Docent™"),
        ("the keeper", "*", "the keeper*"),
        ("", "1", "1"),
    ],
)
def test_superscripts(before: str, mark: str, written: str) -> None:
    assert before + superscript(before, mark) == written


def test_subscripts_and_fractions() -> None:
    assert "H" + subscript("H", "2") == "H2"
    assert "101" + subscript("101", "2") == "101_2"
    assert "1" + fraction("1", "3", "4") == "1 3/4"


def test_pieces_of_one_height_belong_together() -> None:
    pieces: list[tuple[Align, str]] = [("", "10"), ("super", "1"), ("super", "2 "), ("", "bytes of CO"), ("sub", "2")]
    assert compose(pieces) == "10^12 bytes of CO2"
    assert compose([("super", "all of the line")]) == "all of the line"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("(pay 320) Tj 5 Ts /F1 6 Tf (1) Tj 0 Ts /F1 10 Tf ( crowns) Tj", "pay 320 ¹ crowns"),
        ("(pay 320) Tj 5 Ts /F1 6 Tf (1) Tj 0 Ts /F1 10 Tf (, and go) Tj", "pay 320 ¹, and go"),
        ("(holds 10) Tj 5 Ts /F1 6 Tf (5) Tj 0 Ts /F1 10 Tf ( litres) Tj", "holds 10^5 litres"),
        ("(of 30 m) Tj 5 Ts /F1 6 Tf (2) Tj 0 Ts /F1 10 Tf ( each) Tj", "of 30 m² each"),
        ("(with CO) Tj -2 Ts /F1 6 Tf (2) Tj 0 Ts /F1 10 Tf ( in it) Tj", "with CO2 in it"),
        ("(takes 1) Tj 2 Ts /F1 6 Tf (3) Tj 0 Ts (/4) Tj /F1 10 Tf ( hours) Tj", "takes 1 3/4 hours"),
        ("(plain 1234) Tj ( words) Tj", "plain 1234 words"),
    ],
)
def test_a_pdf_shows_what_is_raised_by_size_and_place(tmp_path: Path, shown: str, text: str) -> None:
    path = write_raw(tmp_path / "a.pdf", [f"BT /F1 10 Tf 72 700 Td {shown} ET"])
    assert pdf.parse(path).text == text
