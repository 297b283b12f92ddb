"""The window for the users of a server: they sign in with a key, see what is theirs, and sign out."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import expect

from app.assistant import Assistant
from app.settings.schema import Settings
from tests.app.fakes import LightParts
from tests.app.users.team import Team
from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser
LOADED_MS = 120_000  # an upper bound for loading Gradio, which carries the news, on a busy machine


@pytest.fixture
def team(tmp_path: Path) -> Iterator[tuple[str, Team]]:
    """The address of a server with users over a small library, and the server."""
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "whales.txt").write_text("The blue whale eats four tonnes of krill a day.\n")
    settings = Settings.model_validate({"data_dir": tmp_path / "docent", "model": {"name": None}})
    with Assistant(settings, LightParts(settings)) as assistant, socket.create_server(("127.0.0.1", 0)) as listener:
        assistant.sync([str(tmp_path / "papers")])
        made = Team(assistant, "anna", "ben", admins=("chief",), port=listener.getsockname()[1])
        config = uvicorn.Config(made.app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", made
        server.should_exit = True
        thread.join(10)
        made.rooms.end(5)


def sign_in(page: Any, key: str) -> None:
    page.fill("#key", key)
    page.get_by_role("button", name="Sign in").click()


def test_each_user_signs_in_to_chats_of_their_own(
    team: tuple[str, Team], open_page: Callable[..., Any], screenshots: Path
) -> None:
    address, made = team
    watched = open_page(f"{address}/library")
    page = watched.page
    expect(page.get_by_label("Your key")).to_be_focused()
    sign_in(page, "anna.wrong")
    expect(page.get_by_role("status")).to_have_text("Nobody here has this key. Ask who runs this Docent for one.")
    page.screenshot(caret="initial", path=screenshots / "sign-in.png")
    sign_in(page, made.keys["anna"])
    expect(page.locator(".library")).to_contain_text("whales.txt")
    for hidden in ("Add…", "Watch folders"):
        expect(page.get_by_role("button", name=hidden, exact=True)).to_be_hidden()
    expect(page.get_by_role("link", name="Models")).to_have_count(0)
    page.screenshot(caret="initial", path=screenshots / "users-library.png")
    go(page, "Chats")
    with page.expect_response("**/suggestions", timeout=LOADED_MS):  # the last that the page asks for by itself
        ask(page, "How much krill does the whale eat?")
    expect(page.locator(".exchange").first).to_contain_text("four tonnes")
    page.context.clear_cookies()  # as when the session has ended
    ask(page, "And the bee?")
    expect(page.get_by_label("Your key")).to_be_visible()
    sign_in(page, made.keys["anna"])
    expect(page.locator(".exchange").first).to_contain_text("four tonnes")
    page.get_by_role("button", name="Sign out (anna)").click()
    expect(page.get_by_label("Your key")).to_be_visible()
    sign_in(page, made.keys["ben"])
    expect(page.get_by_role("button", name="Sign out (ben)")).to_be_visible()
    expect(page.get_by_text("No chats yet")).to_be_visible()
    page.get_by_role("button", name="Sign out (ben)").click()
    sign_in(page, made.keys["chief"])
    go(page, "Library")
    expect(page.get_by_role("button", name="Add…", exact=True)).to_be_visible()
    elsewhere = [url for url in watched.requests if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []
