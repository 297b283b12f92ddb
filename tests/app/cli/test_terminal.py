"""What documents hold steers no terminal, whichever command shows it."""

import os
import sys
from pathlib import Path

import pytest

from tests.app.command import Run

STEER = "\x1b]0;mine\x07\x1b[31m\u202e\x9b2J"


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be given there")
def test_no_command_shows_control_characters_of_documents(fresh: Run, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / f"a{STEER}\n.txt").write_text(f"The lamp {STEER} of the tide mill was lit in 1868.", encoding="utf-8")
    (folder / "b.html").write_text("<title>The &#27;[31m&#x202e; bell</title><p>It was cast &#155;2J in 1901.</p>")
    (folder / "c.eml").write_bytes(
        b"Subject: =?utf-8?q?a=1B=5B31m=E2=80=AEb?=\nFrom: \x1b[31m <a@b>\n\nIt closed in 1912."
    )
    (folder / f"{STEER}.pdf").write_bytes(b"%PDF-1.7\n\x1b[31m")
    shown = ""
    for arguments in (
        ("sync", str(folder)),
        ("sync", str(folder), "--json"),
        ("status",),
        ("search", "lamp bell mill"),
        ("ask", f"When was the bell {STEER} cast?"),
        ("conversations",),
        ("remove", STEER),
        ("sync", f"{os.sep}no{STEER}"),
        (STEER,),
    ):
        result = fresh(*arguments)
        assert not any(mark in result.out + result.err for mark in "\x1b\x07\x9b\u202e\r"), arguments
        shown += result.out
    assert "1901" in shown and "[U+202E]" in shown
