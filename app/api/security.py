"""Restricts the server to who started it and to its users: an ASGI middleware around the window and the HTTP API.

A request passes when its Host is this very server (against DNS rebinding), its Origin, if it has one, is this server
too and no other page loads it (against other web pages), and it carries the token of this launch as ``Authorization:
Bearer``, or the cookie of a session. A browser gets a session for a ``?code=``, which other users of the computer may
see on the browser's command line and which is worth nothing after its use, or for ``?token=`` in the link that was
printed. Sessions and token live in memory alone: what an earlier launch gave away opens nothing, but that a browser
which was let in then can prove that it is the same one (``app.pages.browsers``). A program may have a key that stays
the same, if the settings allow it: as ``Authorization: Bearer``, on the API alone, and no session is opened for it.
Further hosts are those that the settings list, by name and port; a page elsewhere that has its own name point here (DNS
rebinding) sends that name. Users (``server.users``) have keys of their own: as ``Authorization: Bearer`` on the API, or
typed into the page at the door, which gets a session for it. Every response gets headers that keep the page from
loading anything from elsewhere and from being embedded there.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from app.api.access.keys import Keys
from app.api.access.sessions import OPERATOR, USER, Sessions, new_token, same
from app.pages.browsers import Browsers
from app.settings.users import User, user_of

__all__ = ["LOOPBACK", "LocalOnly", "new_token"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = "127.0.0.1"
_CHALLENGE = "/api/session/challenge"
_RETURNS = frozenset({_CHALLENGE, "/api/session"})
_SIGN_IN = "/api/session/key"
_SIGN_OUT = "/api/session/end"
_DOOR = "/static/door.html"
_USERS_DOOR = "/static/sign_in.html"
_ROLE = "docent-user-"  # begins the name of a cookie that scripts of the page may read; the browser's port follows
_DOOR_FILES = frozenset(
    f"/static/{name}"
    for name in (
        "door.js",
        "sign_in.js",
        "state/browser.js",
        *(f"words/{name}.js" for name in ("words", "words_en", "words_de", "pages_en", "pages_de")),
        "style/base.css",
        "favicon.png",
    )
)  # nothing of a person is in them
_API = ("/api/", "/v1/", "/v2", "/metrics")
_NO_PAGES = (*_API, "/static/", "/gradio/")
_CONDITIONS = (b"if-none-match", b"if-modified-since", b"range")  # the page at the door is never "not modified"
_MOST_BYTES = 4_096  # of a proof
_USE_LINK = "Start `docent serve` and use its link."
_SHOW_KEY = "`docent config --show-key` shows the key of programs, where server.api_key is on."
_ASK_FOR_KEY = "Ask who runs this Docent for a key."
_POLICY_VIOLATION = 1008  # WebSocket close code, RFC 6455 section 7.4.1

# Everything the page needs comes from this server. PDF.js draws in a worker, and pictures it makes are blobs.
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self' data: blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
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


class LocalOnly:
    """The ASGI middleware. ``port`` is the one the server listens on, ``token`` the secret of this launch; ``browsers``
    may come back without it. ``key`` is that of programs, ``hosts`` are further names with ports to be asked under.
    ``users`` may sign in, and their requests carry their name (``sessions.USER``); ``tls``: this server speaks it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        token: str,
        browsers: Browsers | None = None,
        key: str | None = None,
        hosts: Sequence[str] = (),
        users: Sequence[User] = (),
        tls: bool = False,
    ) -> None:
        self._app = app
        self._browsers = browsers
        self._token = token
        self.keys = Keys(token, key, tuple(users))
        self._sessions = Sessions()
        self.launch_code = self._sessions.new_code
        # Cookies ignore ports: two servers must not overwrite each other's, and other servers see them.
        self._cookie = f"__Host-docent-session-{port}" if tls else f"docent-session-{port}"
        self._users = tuple(users)
        self._tls = tls
        self._door_page = _USERS_DOOR if users else _DOOR
        own = [f"{name}:{port}" for name in (LOOPBACK, "localhost", "[::1]")]
        listed = [host.lower() for host in hosts]
        self._hosts = frozenset(_with_bare([*own, *listed]))
        own_scheme = "https" if tls else "http"
        self._origins = frozenset(
            [f"{own_scheme}://{host}" for host in self._hosts]
            + [f"https://{host}" for host in _with_bare(listed)]  # a proxy before this server may speak TLS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers, is_http = scope["headers"], scope["type"] == "http"
        if not self._is_here(headers):
            await _refuse(scope, send, 403, "This request does not come from Docent's own page.")
        elif is_http and scope["method"] == "GET" and self._admits(scope):
            await self._begin_session(scope, send)
        elif is_http and scope["path"] in _RETURNS and self._browsers is not None:
            await self._come_back(self._browsers, scope, receive, send)
        elif is_http and scope["path"] in (_SIGN_IN, _SIGN_OUT) and self._users:
            await self._sign(scope, receive, send)
        elif (user := self._who(scope)) is not None:
            within = {**scope, USER: user} if user else scope
            await self._app(within, receive, _with_headers(send) if is_http else send)
        elif is_http and self._browsers is not None and _shows_door(scope):
            await self._door(scope, receive, send)
        else:
            await self._turn_away(scope, send)

    async def _turn_away(self, scope: Scope, send: Send) -> None:
        if _values(scope["headers"], b"authorization") and scope["path"].startswith(_API):
            await _refuse(scope, send, 401, "This key is not known here.", _SHOW_KEY)
        elif self._users:
            await _refuse(scope, send, 401, "Sign in with your key.", _ASK_FOR_KEY)
        else:
            await _refuse(scope, send, 401, "Open Docent with the link that it printed when it started.")

    def _is_here(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        hosts = _values(headers, b"host")
        origins = _values(headers, b"origin")
        return (
            len(hosts) == 1
            and hosts[0].lower() in self._hosts
            and all(origin.lower() in self._origins for origin in origins)
            and not _is_fetched_elsewhere(headers)
        )

    def _admits(self, scope: Scope) -> bool:
        """Whether the address holds the token or a code, which is thereby used up."""
        query = _query(scope)
        return any(name == "token" and same(value, self._token) for name, value in query) or any(
            name == "code" and self._sessions.redeem(value) for name, value in query
        )

    def _who(self, scope: Scope) -> str | None:
        """Whose request it is; None where nothing in it says so that holds."""
        headers = scope["headers"]
        keys = self.keys if scope["path"].startswith(_API) else Keys(self._token)
        owner = keys.owner(_values(headers, b"authorization"))
        if owner is not None:
            return owner
        whose = (self._sessions.user_of(session) for session in self._sessions_in(headers))
        return next((user for user in whose if user is not None), None)

    def _sessions_in(self, headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
        tokens = []
        for part in ";".join(_values(headers, b"cookie")).split(";"):
            try:
                morsel = SimpleCookie(part.strip()).get(self._cookie)
            except CookieError:  # another program's cookie on the same host
                continue
            if morsel is not None:
                tokens.append(morsel.value)
        return tokens

    async def _begin_session(self, scope: Scope, send: Send) -> None:
        """Redirects to the same page without the secret, so that it stays in no history, log or referrer."""
        rest = urlencode([(name, value) for name, value in _query(scope) if name not in ("token", "code")])
        path = "/" + quote(scope["path"].lstrip("/\\"))  # "//host" would lead to another server
        headers = [
            (b"location", f"{path}{'?' if rest else ''}{rest}".encode("ascii")),
            *self._cookies(scope),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await _with_headers(send)({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _cookies(self, scope: Scope, user: User | None = None) -> list[tuple[bytes, bytes]]:
        """A new session, and where users sign in whose it is, for the page to show."""
        headers = scope["headers"]
        over_tls = self._tls or any(origin.lower().startswith("https:") for origin in _values(headers, b"origin"))
        how = "SameSite=Strict; Path=/" + "; Secure" * over_tls
        name, role = (OPERATOR, "") if user is None else (user.name, "admin" if user.admin else "user")
        cookies = [f"{self._cookie}={self._sessions.begin(name)}; HttpOnly; {how}"]
        if self._users or any(_ROLE in cookie for cookie in _values(headers, b"cookie")):
            port = _values(headers, b"host")[0].rpartition(":")[2]
            cookies.append(f"{_ROLE}{port if port.isdecimal() else ''}={name}.{role}; {how}")
        return [(b"set-cookie", cookie.encode("ascii")) for cookie in cookies]

    async def _sign(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gives a browser a session for a user's key, or ends its session."""
        asked = await _small_json(receive) if scope["method"] == "POST" else None
        origins = _values(scope["headers"], b"origin")
        if asked is None or len(origins) != 1:  # a page of this server always names its origin
            await _refuse(scope, send, 400, "This is asked for by Docent's own page.")
        elif scope["path"] == _SIGN_OUT:
            for session in self._sessions_in(scope["headers"]):
                self._sessions.end(session)
            await _reply(send, 200, {"ended": True})
        elif (user := user_of(self._users, str(asked.get("key", "")).strip())) is None:
            await _refuse(scope, send, 401, "Nobody here has this key.", _ASK_FOR_KEY)
        else:
            await _reply(send, 200, {"user": user.name}, self._cookies(scope, user))

    async def _come_back(self, browsers: Browsers, scope: Scope, receive: Receive, send: Send) -> None:
        """Challenges a browser of an earlier launch, or gives it a session for its proof."""
        asked = await _small_json(receive) if scope["method"] == "POST" else None
        origins = _values(scope["headers"], b"origin")
        if asked is None or len(origins) != 1:  # a page of this server always names its origin
            await _refuse(scope, send, 400, "This is asked for by Docent's own page.")
            return
        browser, nonce, proof = (str(asked.get(name, "")) for name in ("browser", "nonce", "proof"))
        origin = origins[0].lower()
        if scope["path"] == _CHALLENGE:
            found = browsers.challenge(browser, origin, nonce)
            if found is not None:
                await _reply(send, 200, {"nonce": found[0], "proof": found[1]})
                return
        elif browsers.admits(browser, origin, nonce, proof):
            await _reply(send, 200, {"admitted": True}, self._cookies(scope))
            return
        await self._turn_away(scope, send)

    async def _door(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the page on which a browser proves that it was here before, with its few files; nothing else."""
        if scope["path"] not in _DOOR_FILES:
            page = self._door_page
            scope = {**scope, "path": page, "raw_path": page.encode(), "query_string": b""}
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _CONDITIONS]
        status = None if scope["path"] in _DOOR_FILES else 401
        await self._app({**scope, "headers": headers}, receive, _with_headers(send, status))


def _shows_door(scope: Scope) -> bool:
    """Whether a person's browser asks for a page, or for a file of the page at the door."""
    if scope["method"] != "GET":
        return False
    wanted = ",".join(_values(scope["headers"], b"accept"))
    return scope["path"] in _DOOR_FILES or ("text/html" in wanted and not scope["path"].startswith(_NO_PAGES))


async def _small_json(receive: Receive) -> dict[str, Any] | None:
    """The object that a request holds; None where there is none, or a large one."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or len(body) > _MOST_BYTES:
            return None
        if not message.get("more_body"):
            break
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def _reply(
    send: Send, status: int, content: object, more: Sequence[tuple[bytes, bytes]] = (), *, is_head: bool = False
) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *more,
    ]
    await _with_headers(send)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def _is_fetched_elsewhere(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a browser says that a page of another server loads this as a part of itself. Pictures and scripts come
    without an Origin, and with the session's cookie where that server has another port of this computer."""
    sites, modes = _values(headers, b"sec-fetch-site"), _values(headers, b"sec-fetch-mode")
    return any(site not in ("same-origin", "none") for site in sites) and modes != ["navigate"]


def _with_bare(hosts: Iterable[str]) -> list[str]:
    """The hosts, and without their port those with one that browsers leave out."""
    listed = [*hosts]
    return listed + [name for name, _, port in (host.rpartition(":") for host in listed) if port in ("80", "443")]


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _with_headers(send: Send, status: int | None = None) -> Send:
    """Adds the headers that every response has; ``status`` stands for the response's own."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            if status is not None:
                message = {**message, "status": status}
            kept = [(key, value) for key, value in message.get("headers", []) if key.decode().lower() not in _HEADERS]
            added = [(key.encode(), value.encode()) for key, value in _HEADERS.items()]
            message = {**message, "headers": kept + added}
        await send(message)

    return wrapped


async def _refuse(scope: Scope, send: Send, status: int, message: str, remedy: str = _USE_LINK) -> None:
    if scope["type"] == "websocket":  # closing before the handshake answers it with 403
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": message})
        return
    problem = {"message": message, "remedy": remedy}
    await _reply(send, status, {"error": problem}, is_head=scope["method"] == "HEAD")
