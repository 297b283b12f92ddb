"""Browsers that come back after a restart: what they prove, and what opens nothing."""

import base64
import hmac
import posixpath
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.api.security import LocalOnly, new_token
from app.pages.browsers import Browsers

PORT = 7860
ORIGIN = f"http://127.0.0.1:{PORT}"


def proof(key: str, who: str, origin: str, nonce: str) -> str:
    """As RFC 2104 has it, from the page's side."""
    return hmac.digest(base64.b64decode(key), f"{who}\n{origin}\n{nonce}".encode(), "sha256").hex()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "browsers.json"


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {request.url.path}")


def client(path: Path, origin: str = ORIGIN) -> TestClient:
    """A browser at a server that was started just now."""
    app = Starlette(routes=[Route("/{rest:path}", _hello)])
    guarded = LocalOnly(app, port=PORT, token=new_token(), browsers=Browsers(path))
    return TestClient(guarded, base_url=ORIGIN, headers={"origin": origin}, follow_redirects=False)


def come_back(at: TestClient, browser: str, key: str, origin: str = ORIGIN) -> Any:
    found = at.post("/api/session/challenge", json={"browser": browser, "nonce": "mine"}).json()
    assert found["proof"] == proof(key, "docent-server", ORIGIN, "mine")
    said = proof(key, "docent-browser", origin, found["nonce"])
    return at.post("/api/session", json={"browser": browser, "nonce": found["nonce"], "proof": said})


def test_a_known_browser_comes_back_after_a_restart(path: Path) -> None:
    browser, key = Browsers(path).enrol()
    at = client(path)
    assert at.get("/api/status").status_code == 401
    assert come_back(at, browser, key).status_code == 200
    assert at.get("/api/status").status_code == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_else_opens(path: Path) -> None:
    browser, key = Browsers(path).enrol()
    at = client(path)
    other = base64.b64encode(b"x" * 32).decode()
    assert at.post("/api/session/challenge", json={"browser": "nobody", "nonce": "n"}).status_code == 401
    found = at.post("/api/session/challenge", json={"browser": browser, "nonce": "n"}).json()["nonce"]
    wrong = {"browser": browser, "nonce": found, "proof": proof(other, "docent-browser", ORIGIN, found)}
    right = {**wrong, "proof": proof(key, "docent-browser", ORIGIN, found)}
    assert at.post("/api/session", json=wrong).status_code == 401
    assert at.post("/api/session", json=right).status_code == 401, "the nonce is used up"
    assert come_back(at, browser, key, origin=f"http://127.0.0.1:{PORT + 1}").status_code == 401
    server_proof = at.post("/api/session/challenge", json={"browser": browser, "nonce": "n"}).json()
    echoed = {"browser": browser, "nonce": "n", "proof": server_proof["proof"]}
    assert at.post("/api/session", json=echoed).status_code == 401, "the server's own proof is none of a browser"
    assert client(path, origin="http://evil.example").post("/api/session/challenge", json={}).status_code == 403
    for body in (b"", b"[]", b"x" * 10_000):
        assert at.post("/api/session", content=body).status_code == 400
    assert at.get("/api/status").status_code == 401


def test_a_browser_that_was_forgotten_or_long_away_does_not_come_back(path: Path) -> None:
    now = [1_000_000.0]
    browsers = Browsers(path, lambda: now[0])
    browser, _ = browsers.enrol()
    assert browsers.challenge(browser, ORIGIN, "n") is not None
    now[0] += 91 * 24 * 3600
    assert browsers.challenge(browser, ORIGIN, "n") is None
    browser, _ = browsers.enrol()
    assert browsers.count() == 1
    browsers.forget_all()
    assert browsers.challenge(browser, ORIGIN, "n") is None
    path.write_text('{"damaged": ', encoding="utf-8")
    assert browsers.count() == 0


def test_a_nonce_ends_and_old_browsers_make_room(path: Path) -> None:
    now = [0.0]
    browsers = Browsers(path, lambda: now[0])
    browser, key = browsers.enrol()
    found = browsers.challenge(browser, ORIGIN, "n")
    assert found is not None
    now[0] += 61
    assert not browsers.admits(browser, ORIGIN, found[0], proof(key, "docent-browser", ORIGIN, found[0]))
    for _ in range(20):
        now[0] += 1
        browsers.enrol()
    assert browsers.count() == 20
    assert browsers.challenge(browser, ORIGIN, "n") is None


def test_a_stranger_gets_the_door_and_no_other_page(path: Path) -> None:
    at = client(path)
    door = at.get("/chat/abc", headers={"accept": "text/html", "if-none-match": "x"})
    assert (door.status_code, door.text) == (401, "hello /static/door.html")
    assert at.get("/static/door.js").text == "hello /static/door.js"
    pages = ("/static/app.js", "/static/state/store.js", "/static/door.js/../app.js")
    for closed in (*pages, "/api/status", "/gradio/config"):
        assert at.get(closed, headers={"accept": "text/html"}).status_code == 401, closed
        assert "hello" not in at.get(closed, headers={"accept": "text/html"}).text


def test_what_the_door_loads_is_open_to_strangers(path: Path) -> None:
    at, static = client(path), Path(__file__).parents[3] / "ui" / "static"
    wanted, loaded = ["door.js"], set[str]()
    while wanted:
        name = wanted.pop()
        assert at.get(f"/static/{name}").status_code == 200, name
        loaded.add(name)
        imported = re.findall(r'from "(\.[^"]+)"', (static / name).read_text(encoding="utf-8"))
        wanted += {posixpath.normpath(posixpath.join(posixpath.dirname(name), one)) for one in imported} - loaded
    assert len(loaded) > 1
