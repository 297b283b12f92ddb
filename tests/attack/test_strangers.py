"""Requests of strangers, and malformed ones with the token, over real connections to ``docent serve``: no stranger gets
in, and nothing makes the server fail.

DOCENT_REQUESTS sets how many of each kind (1362 for a full run) and DOCENT_SEED the seed.
"""

import json
import os
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.app.served import start

COUNT = int(os.environ.get("DOCENT_REQUESTS", "200"))
SEED = int(os.environ.get("DOCENT_SEED", "1"))
ANSWERS_S = 60.0
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW")
PATHS = (
    "/",
    "//",
    "*",
    "/static/../../config.yaml",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/api/%00",
    "/API/status",
    "/api//status",
    "/api/./status",
    "http://evil.example/api/status",
    "/gradio/gradio_api/file=/etc/passwd",
    "/gradio/gradio_api/proxy=http://evil.example",
    "/gradio/gradio_api/upload",
    "/gradio/gradio_api/call/news",
    "/metrics",
    "/v1/models",
    "/v2/models/a/infer",
)
UNTRIED = ("/open", "/models", "/window", "/pages", "/wipe", "/sources", "/folders")  # they act on this computer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]


@dataclass(frozen=True)
class Link:
    """Where the server is, and its routes (method, path)."""

    port: int
    token: str
    routes: tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    folder = tmp_path_factory.mktemp("server")
    process = start(folder, "--port", "0", "--json", "--samples", "--no-browser")
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    with client(said["port"], said["token"]) as known:
        paths = known.get("/api/openapi.json").json()["paths"]
    routes = tuple((method.upper(), path) for path, methods in paths.items() for method in methods)
    yield Link(said["port"], said["token"], routes)
    process.terminate()
    _, errors = process.communicate(timeout=ANSWERS_S)
    log = folder / "data" / "logs" / "docent.log"
    assert (process.returncode, errors) == (0, "")
    assert not log.exists() or "Traceback" not in log.read_text(encoding="utf-8")


def client(port: int, token: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=ANSWERS_S)


def answer(port: int, request: bytes) -> tuple[int, bytes]:
    """The status (0: none) and the head of the reply to what is sent on a connection of its own."""
    reply = b""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWERS_S) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while b"\r\n\r\n" not in reply and (part := connection.recv(1 << 16)):
                reply += part
        except ConnectionError:
            pass  # it was refused before it was read to its end
    head = reply.partition(b"\r\n\r\n")[0]
    return (int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 0), head.lower()


def filled(path: str, chance: random.Random) -> str:
    """A path of the description with values in its places."""
    parts = ["1", "0", "-1", "9" * 30, "..", "%2e%2e%2f", "a" * 3_000, "%ff", "%00", "a%0d%0ab", "\N{SNOWMAN}"]
    while "{" in path:
        before, _, rest = path.partition("{")
        path = f"{before}{chance.choice(parts)}{rest.partition('}')[2]}"
    return path


def test_no_stranger_gets_in(link: Link) -> None:
    chance = random.Random(SEED)
    here, token = f"127.0.0.1:{link.port}", link.token
    keys = ("", f"bearer {token[:-1]}", f"Bearer {token}x", f"Basic {token}", f"Bearer {token.swapcase()}", "Bearer")
    foreign: tuple[dict[str, str], ...] = (
        {"host": "evil.example"},
        {"host": f"evil.example:{link.port}"},
        {"host": f"127.0.0.1.evil.example:{link.port}"},
        {"host": f"127.0.0.1:{link.port}@evil.example"},
        {"host": ""},
        {"host": here, "origin": "https://evil.example"},
        {"host": here, "origin": f"http://127.0.0.1:{link.port + 1}"},
        {"host": here, "origin": "null"},
        {"host": here, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    )
    for number in range(COUNT):
        method, path = chance.choice(link.routes) if chance.random() < 0.7 else ("GET", chance.choice(PATHS))
        method = method if chance.random() < 0.7 else chance.choice(METHODS)
        if chance.random() < 0.5:  # who knows the token, from elsewhere
            headers = {**chance.choice(foreign), "authorization": f"Bearer {token}"}
        else:
            headers = {"host": here, "authorization": chance.choice(keys), "cookie": f"docent={token}; session={token}"}
        target = filled(path, chance) + chance.choice(("", "?token=wrong", "?code=wrong", f"?token={token[:-1]}"))
        body = b'{"question": "How heavy is the mercury?"}' if method in ("POST", "PUT", "PATCH") else b""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"content-length: {len(body)}", "content-type: application/json", "connection: close"]
        status, head = answer(link.port, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        told = f"number {number} of seed {SEED}: {lines[0]} {headers} gave {head.decode(errors='replace')}"
        assert status == 0 or 400 <= status < 500, told
        assert b"set-cookie" not in head, told
    with client(link.port, token) as known:
        assert known.get("/api/status").json()["documents"] >= 0
        assert known.get("/api/conversations").json()["conversations"] == []


def odd_value(chance: random.Random, level: int = 0) -> Any:
    """A value of any kind."""
    match chance.randrange(9 if level < 3 else 7):
        case 0:
            return chance.choice([None, True, False])
        case 1:
            return chance.choice([0, -1, 2**53, 2**63, 2**64, -(2**70), 10**400])
        case 2:
            return chance.choice([0.5, -1e308, float("nan"), float("inf")])
        case 3:
            return chance.choice(["", " ", "a" * 20_000, "\0", "\x1b[2J", "\u202eevil", "../../etc/shadow", "~nobody"])
        case 4:
            return chance.choice(["\N{SNOWMAN}" * 500, "\ud800", "'; DROP TABLE documents; --", "${jndi:ldap://a}"])
        case 5:
            return [1] * chance.choice([0, 1, 5_000])
        case 6:
            return {"a": {}}
        case 7:
            return [odd_value(chance, level + 1) for _ in range(chance.randrange(4))]
    names = ["question", "stream", "locations", "model", "messages", "input", "title", "value", "documents", "a"]
    return {chance.choice(names): odd_value(chance, level + 1) for _ in range(chance.randrange(5))}


def odd_body(chance: random.Random) -> bytes:
    plain = json.dumps(odd_value(chance)).encode()
    match chance.randrange(8):
        case 0:
            return plain[: chance.randrange(len(plain) + 1)]
        case 1:
            return b"[" * 100_000
        case 2:
            return b'{"a":' * 3_000 + b"1" + b"}" * 3_000
        case 3:
            return b'{"question": "\xff\xfe\xc0\x80"}'
        case 4:
            return bytes(chance.randrange(256) for _ in range(chance.randrange(300)))
        case 5:
            return b"\xef\xbb\xbf" + plain
    return plain


def test_malformed_requests_are_refused_in_words(link: Link) -> None:
    chance = random.Random(SEED)
    tried = [(m, p) for m, p in link.routes if not any(word in p for word in UNTRIED)]
    with client(link.port, link.token) as known:
        for number in range(COUNT):
            method, path = chance.choice(tried)
            body = odd_body(chance)
            lengths = [f"content-length: {len(body)}"] * 8
            lengths += ["content-length: 5", "content-length: -1", "content-length: 1e3", "transfer-encoding: chunked"]
            kinds = (
                "application/json",
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
                "\xff",
            )
            query = chance.choice(("", "?k=a", "?page=-1&start=x", "?question=%ff"))
            lines = [
                f"{method} {filled(path, chance)}{query} HTTP/1.1",
                f"host: 127.0.0.1:{link.port}",
                f"authorization: Bearer {link.token}",
                chance.choice(lengths),
                f"content-type: {chance.choice(kinds)}",
                "connection: close",
            ]
            status, head = answer(link.port, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            told = f"number {number} of seed {SEED}: {lines[0]} {body[:200]!r} gave {head.decode(errors='replace')}"
            assert status < 500 or status == 503, told
            if number % 50 == 0:
                assert known.get("/api/status").is_success, told
        assert known.get("/api/status").is_success
