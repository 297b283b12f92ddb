"""Who may talk to the local server, and what every response carries."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.api.security import LocalOnly, new_token

PORT = 7860
TOKEN = new_token()
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {request.url.query}", headers={"X-Frame-Options": "ALLOWALL"})


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def client(base: str = f"http://127.0.0.1:{PORT}") -> TestClient:
    app = Starlette(
        routes=[Route("/{rest:path}", _hello, methods=["GET", "POST"]), WebSocketRoute("/{rest:path}", _socket)]
    )
    return TestClient(LocalOnly(app, port=PORT, token=TOKEN), base_url=base, follow_redirects=False)


def test_the_bearer_token_opens_and_nothing_else_does() -> None:
    assert client().get("/", headers=BEARER).text == "hello "
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": TOKEN},
        {"cookie": f"docent-session-{PORT}=wrong"},
        {"cookie": f"docent-session-{PORT}={TOKEN}"},
        {"cookie": f"docent_{PORT}={TOKEN}"},
    ):
        response = client().get("/", headers=headers)
        assert response.status_code == 401
        assert response.json()["error"]["message"]


KEY = new_token()


def keyed(**options: Any) -> TestClient:
    app = Starlette(routes=[Route("/{rest:path}", _hello, methods=["GET", "POST"])])
    guarded = LocalOnly(app, port=PORT, token=TOKEN, **options)
    return TestClient(guarded, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)


def test_the_key_of_programs_opens_the_api_alone() -> None:
    bearer = {"authorization": f"Bearer {KEY}"}
    for path in ("/v1/models", "/api/status", "/metrics"):
        assert keyed(key=KEY).get(path, headers=bearer).status_code == 200
        assert keyed(key=KEY).get(path, headers=BEARER).status_code == 200
        assert keyed(key=KEY).get(path, headers={"authorization": f"Bearer {KEY[:-1]}"}).status_code == 401
        assert keyed().get(path, headers=bearer).status_code == 401
        assert keyed(key=KEY).get(path, params={"token": KEY}).status_code == 401
        assert keyed(key=KEY).get(path, headers=bearer | {"origin": "http://evil.example"}).status_code == 403
    assert keyed(key=KEY).get("/", headers=bearer).status_code == 401


def test_a_forwarded_port_works_where_it_is_listed() -> None:
    listed = keyed(hosts=["localhost:8080", "Desk.lan:9000"])
    for host in ("localhost:8080", "desk.lan:9000"):
        headers = BEARER | {"host": host, "origin": f"http://{host}"}
        assert listed.get("/", headers=headers).status_code == 200
        assert keyed().get("/", headers=headers).status_code == 403
    for host, origin in (
        ("localhost:8081", "http://localhost:8081"),
        ("localhost", "http://localhost"),
        ("evil.example:8080", "http://evil.example:8080"),
        ("localhost:8080.evil.example", "http://localhost:8080"),
        ("localhost:8080", "http://evil.example:8080"),
    ):
        assert listed.get("/", headers=BEARER | {"host": host, "origin": origin}).status_code == 403


def test_the_link_is_traded_for_a_cookie_once_and_the_token_leaves_the_address() -> None:
    browser = client()
    response = browser.get("/page", params={"a": "1 2", "token": TOKEN})
    assert response.status_code == 303
    assert response.headers["location"] == "/page?a=1+2"
    cookie = response.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert browser.get(response.headers["location"]).text == "hello a=1+2"


def test_the_cookie_is_not_the_token_and_ends_with_the_launch() -> None:
    browser = client()
    cookie = browser.get("/", params={"token": TOKEN}).headers["set-cookie"].split(";")[0]
    assert TOKEN not in cookie
    assert client().get("/", headers={"cookie": cookie}).status_code == 401  # another launch with the same token


def test_a_launch_code_works_once() -> None:
    guarded = LocalOnly(Starlette(routes=[Route("/{rest:path}", _hello)]), port=PORT, token=TOKEN)
    code = guarded.launch_code()
    open_ = TestClient(guarded, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    response = open_.get("/", params={"code": code})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert open_.get("/").status_code == 200
    late = TestClient(guarded, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)
    assert late.get("/", params={"code": code}).status_code == 401
    assert late.get("/", params={"code": "wrong"}).status_code == 401
    assert late.head("/", params={"code": guarded.launch_code()}).status_code == 401


def test_a_wrong_token_in_the_link_sets_no_cookie() -> None:
    response = client().get("/", params={"token": "wrong"})
    assert response.status_code == 401
    assert "set-cookie" not in response.headers


def test_the_redirect_never_leads_to_another_server() -> None:
    for path in ("//evil.example/", "/\\evil.example/", "///evil.example"):
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": f"token={TOKEN}".encode(),
            "headers": [(b"host", f"127.0.0.1:{PORT}".encode())],
        }
        location = _location(scope)
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))
        assert "%0D" not in location


def _location(scope: dict[str, Any]) -> str:
    import asyncio

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing to receive")

    async def app(*_: Any) -> None:
        raise AssertionError("the redirect comes before the application")

    asyncio.run(LocalOnly(app, port=PORT, token=TOKEN)(scope, receive, send))
    return dict(sent[0]["headers"])[b"location"].decode()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1.evil.example:{PORT}",
        "",
    ],
)
def test_another_host_is_refused_even_with_the_token(host: str) -> None:
    response = client().get("/", headers={**BEARER, "host": host})
    assert response.status_code == 403


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}", f"127.0.0.1:{PORT}"])
def test_every_name_of_this_server_is_accepted(host: str) -> None:
    assert client().get("/", headers={**BEARER, "host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (f"http://127.0.0.1:{PORT}", 200),
        (f"http://localhost:{PORT}", 200),
        ("https://evil.example", 403),
        (f"https://127.0.0.1:{PORT}", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 403),
    ],
)
def test_origin_must_be_this_server(origin: str, status: int) -> None:
    for method in ("GET", "POST"):
        assert client().request(method, "/", headers={**BEARER, "origin": origin}).status_code == status


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("same-origin", "cors", 200),
        ("same-origin", "no-cors", 200),
        ("none", "navigate", 200),
        ("cross-site", "navigate", 200),  # a link that was followed; the session's cookie does not come with it
        ("cross-site", "no-cors", 403),
        ("same-site", "no-cors", 403),  # a page of another port of this computer
        ("same-site", "websocket", 403),
    ],
)
def test_no_other_page_loads_anything_as_its_part(site: str, mode: str, status: int) -> None:
    browser = client()
    browser.get("/", params={"token": TOKEN})
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    assert browser.get("/picture", headers=headers).status_code == status


def test_a_link_with_token_from_a_foreign_origin_is_refused() -> None:
    response = client().get("/", params={"token": TOKEN}, headers={"origin": "https://evil.example"})
    assert response.status_code == 403


def test_the_token_in_the_query_does_not_authorise_a_post() -> None:
    assert client().post("/", params={"token": TOKEN}).status_code == 401


def test_websockets_need_token_host_and_origin() -> None:
    with client().websocket_connect("/ws", headers={**BEARER, "host": f"127.0.0.1:{PORT}"}) as socket:
        assert socket.receive_text() == "hello"
    for headers in (
        {"host": f"127.0.0.1:{PORT}"},
        {**BEARER, "host": "evil.example"},
        {**BEARER, "host": f"127.0.0.1:{PORT}", "origin": "https://evil.example"},
    ):
        with pytest.raises(WebSocketDisconnect), client().websocket_connect("/ws", headers=headers):
            pass


def test_every_response_carries_the_headers_that_keep_the_page_to_itself() -> None:
    for response in (client().get("/", headers=BEARER), client().get("/"), client().get("/", params={"token": TOKEN})):
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers.get_list("x-frame-options") == ["DENY"]


def test_cookies_of_other_programs_do_not_disturb() -> None:
    browser = client()
    cookie = browser.get("/", params={"token": TOKEN}).headers["set-cookie"].split(";")[0]
    browser.cookies.clear()
    odd = f'a[b]=1; x="; {cookie}; other={{"a":1}}'
    assert browser.get("/", headers={"cookie": odd}).status_code == 200


def test_tokens_differ_from_launch_to_launch() -> None:
    assert len({new_token() for _ in range(50)}) == 50
    assert all(len(new_token()) >= 40 for _ in range(5))
