"""What reaches stdout: JSON that nothing can break, text that cannot steer a terminal."""

import io
import json
import sys

import pytest

from app.cli.output import one_line, place, plain, tolerate_odd_characters, write_json, write_text


def test_json_is_one_ascii_line_even_with_what_utf8_cannot_hold(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"path": "/tmp/caf\udce9 ☃\n", "page": None}
    write_json(data)
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out) == data


def test_control_characters_are_dropped() -> None:
    assert plain("a\x1b[31mb\x07\x9bc\td\ne") == "a[31mbc\td\ne"
    assert one_line(" a\r\nb\x00 c ") == "a b c"


def test_marks_that_turn_the_direction_of_writing_are_shown() -> None:
    assert plain("invoice\u202efdp.exe \u2066x\u2069") == "invoice[U+202E]fdp.exe [U+2066]x[U+2069]"
    assert plain("\u05d0\u200f!") == "\u05d0\u200f!"


def test_a_terminal_without_unicode_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    tolerate_odd_characters()
    write_text("snow ☃ and \udce9")
    assert raw.getvalue() == b"snow \\u2603 and \\udce9\n"


@pytest.mark.parametrize(
    ("source", "page", "start_s", "label", "shown"),
    [
        ("/a/b/report.pdf", 3, None, None, "report.pdf, page 3"),
        ("/a/b/report.pdf", 6, None, "iv", "report.pdf, page iv (sheet 6)"),
        ("/a/b/notes.txt", None, None, None, "notes.txt"),
        ("https://www.youtube.com/watch?v=x", None, 724.9, None, "https://www.youtube.com/watch?v=x at 12:04"),
    ],
)
def test_place(source: str, page: int | None, start_s: float | None, label: str | None, shown: str) -> None:
    assert place(source, page, start_s, label) == shown
