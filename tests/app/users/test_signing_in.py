"""How users sign in: a key for programs, a session for browsers, and what neither opens."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.api.access.sessions import USER, Sessions
from app.api.security import LocalOnly, new_token
from app.pages.browsers import Browsers
from app.settings.users import User, user_of
from tests.app.users.team import PORT, users

ORIGIN = f"http://127.0.0.1:{PORT}"
KEYS, KNOWN = users("anna", "ben", admins=("chief",))


async def _who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"user={request.scope.get(USER)} {request.url.path}")


def client(browsers: Browsers, *, base: str = ORIGIN, **options: Any) -> TestClient:
    app = Starlette(routes=[Route("/{rest:path}", _who, methods=["GET", "POST"])])
    guarded = LocalOnly(app, port=PORT, token=new_token(), browsers=browsers, users=KNOWN, **options)
    return TestClient(guarded, base_url=base, headers={"origin": base}, follow_redirects=False)


@pytest.fixture
def at(tmp_path: Any) -> Iterator[TestClient]:
    yield client(Browsers(tmp_path / "browsers.json"))


def sign_in(at: TestClient, key: str) -> Any:
    return at.post("/api/session/key", json={"key": key})


def test_a_key_opens_the_api_for_its_user(at: TestClient) -> None:
    for name, key in KEYS.items():
        assert at.get("/api/status", headers={"authorization": f"Bearer {key}"}).text == f"user={name} /api/status"
    for wrong in (KEYS["anna"][:-1], "anna.", "anna", "", KEYS["anna"].replace("anna", "ben"), f"{KEYS['anna']} x"):
        assert at.get("/api/status", headers={"authorization": f"Bearer {wrong}"}).status_code == 401
    assert at.get("/", params={"token": KEYS["anna"]}).status_code == 401
    assert at.get("/library", headers={"authorization": f"Bearer {KEYS['anna']}"}).status_code == 401


def test_a_browser_gets_a_session_for_a_key_until_it_signs_out(at: TestClient) -> None:
    door = at.get("/chat/1", headers={"accept": "text/html"})
    assert (door.status_code, door.text) == (401, "user=None /static/sign_in.html")
    assert at.get("/static/sign_in.js").status_code == 200
    reply = sign_in(at, f" {KEYS['ben']}\n")
    session, role = reply.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(session.split("; "))
    assert KEYS["ben"].partition(".")[2] not in reply.text + session + role
    assert role.startswith(f"docent-user-{PORT}=ben.user;")
    assert at.get("/api/status").text == "user=ben /api/status"
    assert at.get("/").text == "user=ben /"
    old = {"cookie": session.split(";")[0]}
    assert at.post("/api/session/end", json={}).status_code == 200
    assert at.get("/api/status").status_code == 401
    assert at.get("/api/status", headers=old).status_code == 401, "the session has ended, not only its cookie"


def test_a_wrong_key_and_another_page_get_none(at: TestClient) -> None:
    for key in ("", "nobody.x", KEYS["ben"] + "x", "ben." + "é" * 9):
        reply = sign_in(at, key)
        assert reply.status_code == 401
        assert "set-cookie" not in reply.headers
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{PORT + 1}"):
        assert at.post("/api/session/key", json={"key": KEYS["ben"]}, headers={"origin": origin}).status_code == 403
    bare = TestClient(at.app, base_url=ORIGIN)
    assert bare.post("/api/session/key", json={"key": KEYS["ben"]}).status_code == 400, "no page of this server"
    assert at.get("/api/session/key").status_code == 400
    rebound = {"host": f"evil.example:{PORT}", "origin": f"http://evil.example:{PORT}"}
    assert at.post("/api/session/key", json={"key": KEYS["ben"]}, headers=rebound).status_code == 403
    assert at.get("/api/status", headers={**rebound, "authorization": f"Bearer {KEYS['ben']}"}).status_code == 403


def test_without_users_nobody_signs_in(tmp_path: Any) -> None:
    app = Starlette(routes=[Route("/{rest:path}", _who, methods=["GET", "POST"])])
    guarded = LocalOnly(app, port=PORT, token=new_token(), browsers=Browsers(tmp_path / "browsers.json"))
    at = TestClient(guarded, base_url=ORIGIN, headers={"origin": ORIGIN})
    assert sign_in(at, KEYS["anna"]).status_code == 401
    assert at.get("/", headers={"accept": "text/html"}).text == "user=None /static/door.html"


def test_over_tls_the_cookie_is_bound_to_it(tmp_path: Any) -> None:
    base = "https://docent.example"
    listed = client(Browsers(tmp_path / "b.json"), base=base, tls=True, hosts=["docent.example:443"])
    session = sign_in(listed, KEYS["anna"]).headers.get_list("set-cookie")[0]
    assert session.startswith("__Host-docent-session-")
    assert "; Secure" in session
    assert listed.get("/api/status").text == "user=anna /api/status"
    assert listed.get("/", headers={"origin": "http://docent.example"}).status_code == 403, "not this server's page"


def test_behind_a_proxy_that_speaks_tls(tmp_path: Any) -> None:
    base = "https://docent.example"
    behind = client(Browsers(tmp_path / "b.json"), base=base, hosts=["docent.example:443"])
    assert all("; Secure" in cookie for cookie in sign_in(behind, KEYS["anna"]).headers.get_list("set-cookie"))
    assert behind.get("/api/status").text == "user=anna /api/status"
    other = client(Browsers(tmp_path / "b.json"), base=base)
    assert sign_in(other, KEYS["anna"]).status_code == 403, "a name that is not listed"


def test_sessions_end() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    mine, operators = sessions.begin("anna"), sessions.begin()
    now += 11 * 3600
    assert sessions.user_of(mine) == "anna"
    now += 11 * 3600
    assert sessions.user_of(mine) == "anna", "it was used meanwhile"
    now += 13 * 3600
    assert (sessions.user_of(mine), sessions.user_of(operators)) == (None, "")
    many = [sessions.begin("anna") for _ in range(30)]
    assert [sessions.user_of(one) for one in many] == [None] * 10 + ["anna"] * 20
    assert sessions.user_of(operators) == "", "one user's sessions end none of another's"


def test_what_is_kept_of_a_key_is_no_key() -> None:
    kept = KNOWN[0].key.get_secret_value()
    assert user_of(KNOWN, kept) is None
    assert KEYS["anna"].partition(".")[2] not in kept
    assert "sha256" not in repr(KNOWN[0])
    again = users("anna")[1][0].key.get_secret_value()
    assert kept.split(":")[1] != again.split(":")[1], "salts differ"
    for bad in ("anna", "sha256:00:00", ""):
        with pytest.raises(ValueError, match="docent user add"):
            User.model_validate({"name": "anna", "key": bad})
    for bad in ("", "Anna", "a/b", "..", "a.b", "-a", "a" * 33):
        with pytest.raises(ValueError, match="pattern"):
            User.model_validate({"name": bad, "key": kept})
