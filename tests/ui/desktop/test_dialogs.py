"""The desktop's own dialogs for folders and files: which program shows one, and what comes of it."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.ui.desktop.fakes import FakeOpener, Pages, a_program, a_window
from ui.desktop.dialogs import Dialogs, Wanted, programs
from ui.desktop.openers import WebviewOpener
from ui.desktop.place import Place

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs are shell scripts here")
WANTED: list[Wanted] = ["folder", "files"]


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only programs there are lie here."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return tmp_path / "bin"


def the_dialogs(bin_folder: Path) -> Dialogs:
    return Dialogs(programs("linux", {"PATH": f"{bin_folder}"}))


def test_zenity_is_asked_for_a_folder_or_several_files(bin_folder: Path) -> None:
    told = bin_folder.parent / "told"
    a_program(bin_folder / "zenity", f'echo "$@" >> {told}; echo "/papers/a b"; echo /papers/c')
    assert [the_dialogs(bin_folder).ask(wanted) for wanted in WANTED] == [["/papers/a b", "/papers/c"]] * 2
    folder, files, *_ = told.read_text(encoding="utf-8").splitlines()
    assert "--directory" in folder and "--multiple" not in folder
    assert "--multiple" in files and "--directory" not in files


def test_who_chooses_nothing_gets_nothing(bin_folder: Path) -> None:
    a_program(bin_folder / "zenity", "exit 1")
    a_program(bin_folder / "kdialog", "echo /never")
    assert the_dialogs(bin_folder).ask("folder") == []


def test_a_program_that_fails_gives_way_to_the_next_for_good(bin_folder: Path) -> None:
    told = bin_folder.parent / "told"
    a_program(bin_folder / "zenity", f"echo zenity >> {told}; exit 127")
    a_program(bin_folder / "kdialog", "echo /papers")
    dialogs = the_dialogs(bin_folder)
    assert [dialogs.ask("folder"), dialogs.ask("folder")] == [["/papers"], ["/papers"]]
    assert told.read_text(encoding="utf-8") == "zenity\n"


def test_without_a_program_there_is_no_dialog(bin_folder: Path) -> None:
    assert the_dialogs(bin_folder).ask("folder") is None


def test_tk_is_the_one_on_windows_and_macos_where_python_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "_tkinter" or None)
    for platform in ("win32", "darwin"):
        (tk,) = programs(platform, {})
        assert tk.command["files"] == (sys.executable, "-m", "ui.desktop.tk_dialog", "files")
        assert tk.read('["C:/a b.pdf"]') == ["C:/a b.pdf"]


def test_a_dialog_that_is_open_ends_with_docent(bin_folder: Path) -> None:
    told = bin_folder.parent / "told"
    a_program(bin_folder / "zenity", f"echo open > {told}; exec sleep 60")
    dialogs = the_dialogs(bin_folder)
    answers: list[list[str] | None] = []
    asking = threading.Thread(target=lambda: answers.append(dialogs.ask("folder")))
    asking.start()
    until = time.monotonic() + 30
    while not told.exists() and time.monotonic() < until:
        time.sleep(0.01)
    dialogs.close()
    asking.join(30)
    assert answers == [[]]
    assert dialogs.ask("folder") == []


def test_pywebview_shows_its_own_dialog(tmp_path: Path) -> None:
    told = tmp_path / "told"
    reply = '["/papers/x.pdf", "/papers/y.pdf"]'
    script = f"read line; read line; echo \"$line\" > {told}; echo noise; echo '{reply}'; read line"
    program = a_program(tmp_path / "python", script)
    shown = WebviewOpener(tmp_path / "window.json", (str(program),))("http://127.0.0.1/", Place())
    assert shown.choose("files") == ["/papers/x.pdf", "/papers/y.pdf"]
    assert told.read_text(encoding="utf-8") == "choose files\n"
    shown.close()
    shown.wait()
    assert shown.choose("files") is None


def test_a_window_without_a_dialog_uses_the_desktops_and_none_is_shown_without_a_window(
    tmp_path: Path, bin_folder: Path
) -> None:
    a_program(bin_folder / "zenity", "echo /by/zenity")
    opener = FakeOpener(pages := Pages())
    window = a_window(tmp_path, pages, opener, dialogs=programs("linux", {"PATH": f"{bin_folder}"}))
    assert window.choose("folder") is None
    window.show()
    assert window.choose("folder") == ["/by/zenity"]
    opener.opened[0][1].chosen = ["/by/webview"]
    assert window.choose("folder") == ["/by/webview"]
