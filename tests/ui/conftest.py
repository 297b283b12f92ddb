"""A window on a free port of this computer, and the browser to look at it with."""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import FakeAssistant, Gate
from tests.ui.firefox_bridge import PREFERENCES, executable

TOKEN = "a-token-for-tests"
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_STYLE_OF_PICTURES = "sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT+SmwNZWA="  # Playwright's own, refused in Firefox
IN = os.environ.get("DOCENT_BROWSER", "chromium")


@dataclass
class Served:
    """A running window. ``address`` has no token yet; ``link`` has. ``stop`` ends it."""

    address: str
    assistant: Any
    desk: Any
    stop: Callable[[], None] = lambda: None

    @property
    def link(self) -> str:
        return f"{self.address}/?token={TOKEN}"


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Closed; opened at the end, so that no thread waits for ever."""
    made = Gate()
    yield made
    made.open()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts the page over an assistant, with a window of its own where one is given; all of them end with the test."""
    import uvicorn

    from app.api.http import create_api
    from app.api.security import LocalOnly
    from app.pages.desk import Desk
    from ui.desktop.routes import add_window_routes
    from ui.page import Page

    stops: list[Callable[[], None]] = []

    def start(assistant: Any, window: Any = None, port: int = 0) -> Served:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()  # a browser may be quicker than the server
        port = listener.getsockname()[1]
        servers: list[uvicorn.Server] = []
        desk = Desk(assistant, tmp_path / "data" / "inbox", tmp_path / "data" / "uploads", samples=tmp_path / "samples")
        ready = threading.Event()

        def run() -> None:  # in one thread from the start, as Playwright keeps the main thread's event loop
            api = create_api(assistant, desk)
            if window is not None:
                add_window_routes(api, window, lambda: "a code", tmp_path / "window.json")
            guarded = LocalOnly(Page(api, desk), port=port, token=TOKEN, browsers=desk.browsers)
            config = uvicorn.Config(guarded, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
            servers.append(uvicorn.Server(config))
            ready.set()
            with listener:
                servers[0].run(sockets=[listener])

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert ready.wait(60), "the window was not built"

        def stop() -> None:
            servers[0].should_exit = True
            thread.join(60)
            assert not thread.is_alive(), "the window did not end"

        stops.append(stop)
        return Served(f"http://127.0.0.1:{port}", assistant, desk, stop)

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def fake(gate: Gate) -> FakeAssistant:
    return FakeAssistant(gate)


@pytest.fixture(scope="session")
def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        path = shutil.which(name)
        if path:
            return path
    pytest.skip("no Chromium is installed, so the window cannot be driven")


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The browser that the tests drive: Chromium, or the one that DOCENT_BROWSER names (firefox)."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    playwright.expect.set_options(
        timeout=int(os.environ.get("DOCENT_EXPECT_MS", "60000"))
    )  # an upper bound for a busy machine
    is_firefox = IN == "firefox"
    program = request.getfixturevalue("firefox_program" if is_firefox else "chromium")
    with playwright.sync_playwright() as driver:
        if is_firefox:
            bridge = executable(tmp_path_factory.mktemp("firefox"), program)
            opened = driver.firefox.launch(
                channel="moz-firefox", executable_path=bridge, firefox_user_prefs=PREFERENCES
            )
        else:
            opened = driver.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def firefox_program() -> str:
    for name in ("firefox-esr", "firefox"):
        path = shutil.which(name)
        if path:
            return path
    pytest.skip("no Firefox is installed, so the window cannot be driven in it")


@pytest.fixture(autouse=True)
def _in_its_browser(request: pytest.FixtureRequest) -> None:
    """Skips what is marked as asking Chromium for something that Firefox has no way for."""
    marked = request.node.get_closest_marker("only_chromium")
    if marked is not None and IN != "chromium":
        pytest.skip(str(marked.args[0]))


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where pictures of the window are left; DOCENT_SCREENSHOTS names another folder."""
    folder = Path(os.environ.get("DOCENT_SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class Watched:
    """A page with what it asked for and complained about."""

    page: Any
    requests: list[str]
    complaints: list[str]
    served: Any = None

    def assert_quiet(self, address: str) -> None:
        """Everything went to this server, and nothing failed in the page."""
        elsewhere = [url for url in self.requests if not url.startswith((address, "data:", "blob:"))]
        assert elsewhere == []
        assert self.complaints == []


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Watched]]:
    contexts = []

    def start(
        link: str, *, width: int = 1440, height: int = 900, scheme: str = "light", cookies: Any = None, **options: Any
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", **options
        )
        contexts.append(context)
        if cookies is not None:  # those of another context: the same browser
            context.add_cookies(cookies.cookies())
        page = context.new_page()
        page.set_default_timeout(60_000)
        watched = Watched(page, [], [])
        page.on("request", lambda request: watched.requests.append(request.url))

        def complain(text: str) -> None:
            if _STYLE_OF_PICTURES not in text:
                watched.complaints.append(text)

        page.on("pageerror", lambda error: complain(str(error)))
        page.on("dialog", lambda dialog: (complain(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda message: complain(message.text) if message.type == "error" else None)
        page.goto(link)
        page.wait_for_selector("main")
        return watched

    yield start
    for context in contexts:
        context.close()


GARDEN = (
    "The garden was planted in 1987 by Ada Quill.\n"
    "Tomatoes are watered every second day.\n"
    "<script>alert(1)</script> <img src=x onerror=alert(2)> visitors come on Sunday "
    "[here](javascript:alert(3)) ![x](http://remote.example/x.png) {{7*7}} ${alert(4)}.\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "garden papers"
    made.mkdir()
    (made / "garden.txt").write_text(GARDEN, encoding="utf-8")
    (made / "observatory.md").write_text("filler line\n" * 600 + "The observatory opens at nine.\n", encoding="utf-8")
    (made / "broken.docx").write_bytes(b"a\0b")
    return made


@pytest.fixture
def window(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]) -> Any:
    """An empty library in an open page."""
    served = serve(fake)
    watched = open_page(served.link)
    watched.served = served
    return watched


@pytest.fixture
def filled(window: Any, folder: Path, gate: Any) -> Any:
    """The folder is in the library."""
    from playwright.sync_api import expect

    from tests.ui.steps import add

    add(window.page, str(folder))
    gate.let(3)
    expect(window.page.locator("#sync")).to_contain_text("Up to date")
    expect(window.page.locator("#sync")).to_contain_text("2 ready")
    return window
