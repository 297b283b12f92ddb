"""The desktop around the window, without one: which program shows it, where it stands, when it is closed."""

import json
import os
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.ui.desktop.fakes import FakeOpener, FakeWindow, Pages, a_program, a_window
from ui.desktop.dialogs import Dialogs
from ui.desktop.openers import AppModeOpener, WebviewOpener, browsers, openers
from ui.desktop.own_window import OwnWindow, wait_until_left
from ui.desktop.place import Place, keep_place, read_place

posix_only = pytest.mark.skipif(os.name != "posix", reason="programs are shell scripts here")


# -- its place ---------------------------------------------------------------------------------------------------------


def test_a_place_is_kept_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "window.json"
    assert read_place(file) == Place()
    keep_place(file, Place(900, 700, -800, 40))
    assert read_place(file) == Place(900, 700, -800, 40)
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"width": 5, "height": 5, "x": 0, "y": 0}', '{"width": "w", "height": 1, "x": 0, "y": 0}']
)
def test_what_is_no_place_is_not_used(tmp_path: Path, text: str) -> None:
    file = tmp_path / "window.json"
    file.write_text(text, encoding="utf-8")
    assert read_place(file) == Place()


def test_a_senseless_place_is_not_kept(tmp_path: Path) -> None:
    keep_place(tmp_path / "window.json", Place(900, 700, 10**9, 0))
    assert not (tmp_path / "window.json").exists()


# -- the programs ------------------------------------------------------------------------------------------------------


def test_browsers_are_found_where_each_system_keeps_them(tmp_path: Path) -> None:
    edge = tmp_path / "x86" / "Microsoft/Edge/Application/msedge.exe".replace("/", os.sep)
    if os.name == "posix":  # a backslash is a letter there
        edge = tmp_path / "x86" / r"Microsoft\Edge\Application\msedge.exe"
    edge.parent.mkdir(parents=True)
    edge.touch()
    environ = {"PROGRAMFILES": str(tmp_path / "64"), "PROGRAMFILES(X86)": str(tmp_path / "x86")}
    assert browsers("win32", environ) == [edge]


@posix_only
def test_browsers_on_the_path_come_in_order(tmp_path: Path) -> None:
    chrome = a_program(tmp_path / "google-chrome", "")
    chromium = a_program(tmp_path / "chromium", "")
    a_program(tmp_path / "firefox", "")
    assert browsers("linux", {"PATH": str(tmp_path)}) == [chromium, chrome]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a desktop there")
def test_without_a_desktop_nothing_is_opened(tmp_path: Path) -> None:
    a_program(tmp_path / "chromium", "")
    assert openers(tmp_path / "profile", tmp_path / "window.json", {"PATH": str(tmp_path)}) == []
    found = openers(tmp_path / "profile", tmp_path / "window.json", {"PATH": str(tmp_path), "DISPLAY": ":0"})
    assert isinstance(found[-1], AppModeOpener)


@posix_only
def test_a_browser_gets_a_profile_of_its_own_and_ends_with_docent(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = a_program(tmp_path / "chromium", f'printf "%s\\n" "$@" > {told}.part; mv {told}.part {told}; cat <&3')
    opener = AppModeOpener((str(program),), tmp_path / "data" / "window" / "browser")
    shown = opener("http://127.0.0.1:7861/?code=once", Place(900, 700, 10, 20))
    until = time.monotonic() + 30
    while not told.exists() and time.monotonic() < until:
        time.sleep(0.01)
    arguments = told.read_text(encoding="utf-8").splitlines()
    assert "--app=http://127.0.0.1:7861/?code=once" in arguments
    assert f"--user-data-dir={tmp_path / 'data' / 'window' / 'browser'}" in arguments
    assert {"--window-size=900,700", "--window-position=10,20", "--remote-debugging-pipe"} <= set(arguments)
    assert stat.S_IMODE(opener.profile.stat().st_mode) == 0o700
    assert shown.is_open()
    shown.close()
    shown.wait()
    assert not shown.focus()


@posix_only
def test_the_address_for_pywebview_stands_on_no_command_line(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = a_program(tmp_path / "python", f'read line; echo "$# $line" > {told}; read line; echo "$line" >> {told}')
    shown = WebviewOpener(tmp_path / "window.json", (str(program),))("http://127.0.0.1/?code=once", Place())
    assert shown.focus()
    shown.wait()
    first, second = told.read_text(encoding="utf-8").splitlines()
    assert first.startswith("0 ")
    assert json.loads(first[2:])["link"] == "http://127.0.0.1/?code=once"
    assert second == "focus"
    assert not shown.focus()
    shown.close()


# -- the window --------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.desktop.own_window._LEFT_S", 0.05)


@pytest.mark.usefixtures("quick")
def test_a_second_start_brings_the_window_forward(tmp_path: Path) -> None:
    opener = FakeOpener(pages := Pages())
    window = a_window(tmp_path, pages, opener)
    assert window.show()
    assert window.show()
    assert [(link, shown.focused) for link, shown in opener.opened] == [("code 0", 1)]


@pytest.mark.usefixtures("quick")
def test_a_closed_window_is_opened_anew_with_another_code(tmp_path: Path) -> None:
    opener = FakeOpener(pages := Pages())
    window = a_window(tmp_path, pages, opener)
    window.show()
    window.close()
    assert window.show()
    assert [link for link, _ in opener.opened] == ["code 0", "code 1"]


@pytest.mark.usefixtures("quick")
def test_a_program_that_fails_gives_way_to_the_next(tmp_path: Path) -> None:
    pages = Pages()
    bad, good = FakeOpener(pages, fails=True), FakeOpener(pages)
    window = a_window(tmp_path, pages, bad, good)
    assert window.show()
    window.close()
    assert window.show()
    assert (len(bad.opened), len(good.opened)) == (1, 2)


@pytest.mark.usefixtures("quick")
def test_a_window_that_is_closed_before_it_is_drawn_has_not_failed(tmp_path: Path) -> None:
    pages = Pages()

    def opener(link: str, place: Place) -> FakeWindow:
        window = FakeWindow(pages)
        window.closed.set()
        return window

    window = OwnWindow([opener], lambda: "", pages, tmp_path / "window.json", Dialogs(()))
    assert window.show()
    window.wait()


@pytest.mark.usefixtures("quick")
def test_where_nothing_can_show_it_that_is_said(tmp_path: Path) -> None:
    pages = Pages()
    assert not a_window(tmp_path, pages, FakeOpener(pages, fails=True)).show()


@pytest.mark.usefixtures("quick")
def test_it_ends_when_the_window_is_closed_and_no_page_is_left(tmp_path: Path) -> None:
    opener = FakeOpener(pages := Pages())
    window = a_window(tmp_path, pages, opener)
    window.show()
    pages.count += 1  # in the browser
    waiting = threading.Thread(target=window.wait)
    waiting.start()
    opener.opened[0][1].closed.set()
    waiting.join(0.5)
    assert waiting.is_alive()
    pages.count = 0
    waiting.join(30)
    assert not waiting.is_alive()


@pytest.mark.usefixtures("quick")
def test_a_browser_that_ran_already_shows_it_though_the_new_one_ends(tmp_path: Path) -> None:
    opener = FakeOpener(pages := Pages(), hands_over=True)
    window = a_window(tmp_path, pages, opener)
    assert window.show()
    waiting = threading.Thread(target=window.wait)
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    pages.count = 0
    waiting.join(30)
    assert not waiting.is_alive()


def test_a_page_that_is_loaded_anew_has_not_left() -> None:
    came = iter([1, 0, 1, *[0] * 100])
    seen: list[int] = []

    def pages() -> int:
        seen.append(next(came))
        return seen[-1]

    wait_until_left(pages, 0.05)
    assert seen[:3] == [1, 0, 1]
