"""Readings printed above characters, told from small lines of kana that are text."""

from rag.parsers.pdf.words.fragments import Fragment
from rag.parsers.pdf.words.ruby import without_readings


def line(text: str, x: float, y: float, size: float, order: int = 0) -> Fragment:
    """Characters as wide as they are high, the upper left corner at (x, y)."""
    return Fragment(text, x, y, x + size * len(text), y + size, size, False, order)


def test_readings_stand_apart_with_their_characters() -> None:
    base = line("港の灯台は明治に建設された。", 100, 80, 12)
    readings = [line("とうだい", 124, 73.5, 6), line("けんせつ", 196, 73.5, 6)]
    assert without_readings([base, *readings]) == ([base], ["灯台: とうだい", "建設: けんせつ"])


def test_lines_of_kana_stay() -> None:
    base = line("港の灯台は明治に建設された。", 100, 80, 12)
    others = [
        line("カタログ", 124, 40, 6),  # far above
        line("ふねがくる", 100, 66, 12),  # as large as the line below
        line("そして", 400, 73.5, 6),  # beside it
        line("それは", 112, 73.5, 3),  # above kana alone
    ]
    assert without_readings([base, *others]) == ([base, *others], [])
