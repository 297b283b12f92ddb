"""``docent`` as a person starts it: a window of its own, the second start, the end; with a real browser that draws
nothing on a screen."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.conftest import _FLAGS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(os.name != "posix", reason="the browser on the PATH is a shell script here"),
]
ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60


def until(wanted: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := wanted():
            return found
        time.sleep(0.05)
    raise AssertionError(f"in vain: {what}")


class Started:
    """``docent`` in a process of its own, with the programs of ``tmp_path/bin`` alone."""

    def __init__(self, folder: Path, *arguments: str, desktop: bool = True) -> None:
        self.data = folder / "data"
        environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BROWSER": str(folder / "bin" / "browser %s")}
        environment |= {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"} | ({"DISPLAY": ":0"} if desktop else {})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ui.main", "--data-dir", str(self.data), "--set", "server.port=0", *arguments],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    @property
    def told(self) -> dict[str, Any]:
        """What it tells later starts."""
        return until(lambda: self._told(), "the file of the running Docent")

    def _told(self) -> Any:
        file = self.data / "running.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def client(self) -> httpx.Client:
        told = self.told
        return httpx.Client(
            base_url=f"http://127.0.0.1:{told['port']}", headers={"authorization": f"Bearer {told['token']}"}
        )

    def ended(self) -> tuple[int, str, str]:
        out, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, errors


@pytest.fixture
def start(tmp_path: Path, chromium: str) -> Iterator[Callable[..., Started]]:
    browser = tmp_path / "bin" / "chromium"
    browser.parent.mkdir()
    line = shlex.join([chromium, *_FLAGS, "--headless=new", "--remote-debugging-port=0"])
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/lines\nexec {line} "$@"\n', encoding="utf-8")
    other = tmp_path / "bin" / "browser"
    other.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n', encoding="utf-8")
    for program in (browser, other):
        program.chmod(0o755)
    running: list[Started] = []

    def make(*arguments: str, **options: Any) -> Started:
        running.append(Started(tmp_path, *arguments, **options))
        return running[-1]

    yield make
    for one in running:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.communicate(timeout=PATIENCE_S)


def window_of(started: Started, browser: Any) -> Any:
    """The page in the window."""
    ports = started.data / "window" / "browser" / "DevToolsActivePort"
    port = until(lambda: ports.exists() and ports.read_text(encoding="utf-8").splitlines(), "the browser's port")[0]
    opened = browser.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}")
    return until(lambda: [page for page in opened.contexts[0].pages if page.url.startswith("http")], "a page")[0]


@pytest.mark.only_chromium("the window is one of Chromium's, which the test speaks to")
def test_docent_opens_its_window_once_and_ends_with_it(
    start: Callable[..., Started], browser: Any, tmp_path: Path
) -> None:
    first = start()
    told = first.told
    page = window_of(first, browser)
    page.wait_for_selector(".hello")
    assert page.url == f"http://127.0.0.1:{told['port']}/"  # neither code nor mark stays in it
    lines = (tmp_path / "lines").read_text(encoding="utf-8")
    assert told["token"] not in lines
    assert lines.count("--app=") == 1
    second = start()
    code, out, errors = second.ended()
    assert (code, errors) == (0, "")
    assert "in front" in out
    assert (tmp_path / "lines").read_text(encoding="utf-8") == lines
    assert len(page.context.pages) == 1
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    place = until(lambda: (first.data / "window.json").exists() and (first.data / "window.json"), "its place")
    size = [page.evaluate("window.outerWidth"), page.evaluate("window.outerHeight")]
    assert [json.loads(place.read_text(encoding="utf-8"))[name] for name in ("width", "height")] == size
    page.context.browser.new_browser_cdp_session().send(
        "Browser.close"
    )  # as on a screen when its last window is closed
    assert first.ended()[0] == 0
    assert not (first.data / "running.json").exists()


@pytest.mark.only_chromium("the window is one of Chromium's, which the test speaks to")
def test_the_place_is_used_again_and_a_killed_docent_does_not_keep_the_next_from_starting(
    start: Callable[..., Started], browser: Any, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    kept = {"width": 901, "height": 703, "x": 12, "y": 34}
    (tmp_path / "data" / "window.json").write_text(json.dumps(kept), encoding="utf-8")
    first = start("open")
    token = first.told["token"]
    window_of(first, browser).wait_for_selector(".hello")
    assert {"--window-size=901,703", "--window-position=12,34"} <= {
        *(tmp_path / "lines").read_text(encoding="utf-8").splitlines()
    }
    first.process.send_signal(signal.SIGKILL)
    first.ended()
    assert (first.data / "running.json").exists()
    (first.data / "window" / "browser" / "DevToolsActivePort").unlink(missing_ok=True)
    second = start("open")
    until(lambda: second.told["token"] != token, "another token")
    window_of(second, browser).wait_for_selector(".hello")


def test_without_a_desktop_the_page_opens_in_the_browser(start: Callable[..., Started], tmp_path: Path) -> None:
    first = start(desktop=False)
    opened = until(lambda: (tmp_path / "opened").exists() and (tmp_path / "opened").read_text(), "the browser").strip()
    assert "?code=" in opened
    assert first.told["token"] not in opened
    with first.client() as client:
        assert client.get("/api/status").status_code == 200
        assert client.post("/desktop/window", json={}).json()["shown"] is False
    second = start(desktop=False)
    code, out, errors = second.ended()
    assert (code, errors) == (0, "")
    assert f"at http://127.0.0.1:{first.told['port']}/" in out
    links = until(lambda: (tmp_path / "opened").read_text().split()[1:], "the browser again")
    assert httpx.get(links[0]).status_code == 303
    assert httpx.get(links[0]).status_code == 401  # a code works once


def test_nobody_without_the_token_asks_for_the_window(start: Callable[..., Started]) -> None:
    first = start(desktop=False)
    address = f"http://127.0.0.1:{first.told['port']}"
    assert httpx.post(f"{address}/desktop/window", json={}).status_code == 401
    assert httpx.post(f"{address}/desktop/place", json={"x": 1, "y": 1, "width": 500, "height": 500}).status_code == 401
    origin = {"authorization": f"Bearer {first.told['token']}", "origin": "http://evil.example"}
    assert httpx.post(f"{address}/desktop/window", json={}, headers=origin).status_code == 403
