"""Restricts the local server to the person who started it: an ASGI middleware around the window and the HTTP API.

A request passes when its Host is this very server (against DNS rebinding), its Origin, if it has one, is this server
too (against other web pages) and it carries the token of this launch: once as ``?token=``, which a browser trades for a
cookie, or as ``Authorization: Bearer``. Every response gets headers that keep the page from loading anything from
elsewhere and from being embedded there.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = "127.0.0.1"
_TOKEN_BYTES = 32
_POLICY_VIOLATION = 1008  # WebSocket close code, RFC 6455 section 7.4.1

# Gradio's page starts from inline scripts and styles and compiles event handlers (new Function); nothing is remote.
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def new_token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


class LocalOnly:
    """The ASGI middleware. ``port`` is the one the server listens on, ``token`` the secret of this launch."""

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        self._app = app
        self._token = token
        self._cookie = f"docent_{port}"  # cookies ignore ports; two servers must not overwrite each other's
        self._hosts = frozenset(f"{name}:{port}" for name in (LOOPBACK, "localhost", "[::1]"))
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        if not self._is_here(headers):
            await _refuse(scope, send, 403, "This request does not come from Docent's own page.")
        elif self._query_token_fits(scope) and scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            await self._trade_token_for_cookie(scope, send)
        elif self._header_token_fits(headers):
            await self._app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)
        else:
            await _refuse(scope, send, 401, "Open Docent with the link that it printed when it started.")

    def _is_here(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        hosts = _values(headers, b"host")
        origins = _values(headers, b"origin")
        return (
            len(hosts) == 1
            and hosts[0].lower() in self._hosts
            and all(origin.lower() in self._origins for origin in origins)
        )

    def _query_token_fits(self, scope: Scope) -> bool:
        return any(name == "token" and self._fits(value) for name, value in _query(scope))

    def _header_token_fits(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        for value in _values(headers, b"authorization"):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and self._fits(token.strip()):
                return True
        return any(self._fits(token) for token in self._cookie_tokens(headers))

    def _cookie_tokens(self, headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
        tokens = []
        for part in ";".join(_values(headers, b"cookie")).split(";"):
            try:
                morsel = SimpleCookie(part.strip()).get(self._cookie)
            except CookieError:  # another program's cookie on the same host
                continue
            if morsel is not None:
                tokens.append(morsel.value)
        return tokens

    def _fits(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self._token.encode())

    async def _trade_token_for_cookie(self, scope: Scope, send: Send) -> None:
        """Redirects to the same page without the token, so that it stays in no history, log or referrer."""
        rest = urlencode([(name, value) for name, value in _query(scope) if name != "token"])
        path = "/" + quote(scope["path"].lstrip("/\\"))  # "//host" would lead to another server
        headers = [
            (b"location", f"{path}{'?' if rest else ''}{rest}".encode("ascii")),
            (b"set-cookie", f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/".encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await _with_headers(send)({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(key, value) for key, value in message.get("headers", []) if key.decode().lower() not in _HEADERS]
            added = [(key.encode(), value.encode()) for key, value in _HEADERS.items()]
            message = {**message, "headers": kept + added}
        await send(message)

    return wrapped


async def _refuse(scope: Scope, send: Send, status: int, message: str) -> None:
    if scope["type"] == "websocket":  # closing before the handshake answers it with 403
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": message})
        return
    body = json.dumps({"error": {"message": message, "remedy": "Start `docent serve` and use its link."}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await _with_headers(send)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
