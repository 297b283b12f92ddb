"""Documents opened in their own programs: only kinds that run nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.errors import UsageError
from app.process.opening import open_in_program, show_in_folder


@pytest.fixture(autouse=True)
def desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Linux desktop."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text("#!/bin/sh\n", encoding="utf-8")
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(opener.parent))


def test_a_document_is_opened_or_shown_in_its_folder(tmp_path: Path) -> None:
    ran: list[Sequence[str]] = []
    open_in_program(tmp_path / "Report.PDF", ran.append)
    show_in_folder(tmp_path / "run.sh", ran.append)
    assert ran == [["xdg-open", str(tmp_path / "Report.PDF")], ["xdg-open", str(tmp_path)]]


@pytest.mark.parametrize("name", ["run.sh", "a.py", "page.html", "macros.docm", "launch.desktop", "a.bat", "noname"])
def test_what_may_run_code_is_not_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="may run code"):
        open_in_program(tmp_path / name, lambda command: pytest.fail("it was run"))


def test_without_a_desktop_the_path_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError) as caught:
        show_in_folder(tmp_path / "a.pdf")
    assert str(tmp_path) in caught.value.remedy
