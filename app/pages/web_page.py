"""Fetches one page of the web as a file, for a person who has typed its address.

Only public addresses are connected to: a name is resolved here, every address that it has is checked, and the
connection goes to one that was checked, for the page and for whatever it redirects to. So neither a redirect nor a name
whose address changes in between (DNS rebinding) reaches this computer or its network. No cookies, no scripts, no
pictures. What of the page is its text, rag.parsers.markup.html decides when the file is read.
"""

import codecs
import html
import ipaddress
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpcore2

from app.errors import TooLarge, UsageError
from docent import __version__

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host and port. Raises OSError."""

_SECONDS = 30.0  # for all of it, redirects too
_MOST_BYTES = 20 << 20
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
}
_HEADERS = [
    ("accept", ", ".join(_SUFFIXES)),
    ("accept-encoding", "gzip, identity"),
    ("user-agent", f"docent/{__version__}"),
]
_TITLE = re.compile(r"<title(?:[\s/][^<>]*)?>", re.IGNORECASE)  # linear: nothing in it passes over a "<"
_TITLE_END = re.compile(r"</title[\s/>]", re.IGNORECASE)
_TITLE_READ = 1000  # characters
_SLOW_CODECS = frozenset({"idna", "punycode"})  # for names of hosts; their work grows with the square of a text
_CHARSET = re.compile(r"charset=[\"']?([\w-]+)", re.IGNORECASE)
_BODY = re.compile(rb"<body\b[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WebPage:
    """What was fetched: a file's content and a name for it, from the address that it came from in the end."""

    url: str
    name: str
    content: bytes


def addresses_of(host: str, port: int) -> list[str]:
    """Asks the system's resolver. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _PublicOnly(httpcore2.NetworkBackend):
    """Connects to public addresses alone."""

    def __init__(self, resolve: Resolve, connect: httpcore2.NetworkBackend, until: float) -> None:
        self._resolve = resolve
        self._connect = connect
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise UsageError(f"There is no computer called {host}.", "Check the address and the connection.") from error
        for address in addresses:
            if not _is_public(address):
                raise UsageError(
                    f"{host} is an address of this computer or its network, which Docent does not fetch from.",
                    "Save the page as a file and add that.",
                )
        failure: Exception = httpcore2.ConnectError("no address")
        for address in addresses:
            left = _left(self._until, timeout, httpcore2.ConnectTimeout)
            try:
                stream = self._connect.connect_tcp(address, port, left, local_address, socket_options)
                return _Hurried(stream, self._until)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _left(until: float, timeout: float | None, failure: type[httpcore2.TimeoutException]) -> float:
    """Seconds that a step may take, or ``failure`` where there are none."""
    left = until - time.monotonic()
    if left <= 0:
        raise failure("it takes too long")
    return left if timeout is None else min(left, timeout)


class _Hurried(httpcore2.NetworkStream):
    """A connection that fails after a moment of ``time.monotonic``, however often a little more arrives."""

    def __init__(self, stream: httpcore2.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._until, timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._until, timeout, httpcore2.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(self._until, timeout, httpcore2.ConnectTimeout)
        return _Hurried(self._stream.start_tls(ssl_context, server_hostname, left), self._until)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _is_public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (inner is None or _is_public(str(inner)))


def fetch(
    url: str,
    *,
    resolve: Resolve = addresses_of,
    connect: httpcore2.NetworkBackend | None = None,
    most_bytes: int = _MOST_BYTES,
    seconds: float = _SECONDS,
) -> WebPage:
    """Fetches a page, once. ``connect`` makes the connections to addresses that were checked.

    Raises UsageError with the remedy, TooLarge for more than ``most_bytes``.
    """
    until = time.monotonic() + seconds
    backend = _PublicOnly(resolve, connect or httpcore2.SyncBackend(), until)
    with httpcore2.ConnectionPool(network_backend=backend) as pool:
        for _ in range(_MOST_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
                raise UsageError(f"{url} is no address of a web page.", "Write https://HOST/PAGE.")
            try:
                found = _get(pool, url.partition("#")[0], most_bytes, until)
            except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
                reason = "it takes too long" if isinstance(error, httpcore2.TimeoutException) else "no answer"
                raise UsageError(f"{parts.hostname} cannot be read ({reason}).", "Try again later.") from error
            if isinstance(found, WebPage):
                return found
            url = urljoin(url, found)
    raise UsageError(f"{url} leads to other pages again and again.", "Open it in your browser and save it as a file.")


def _get(pool: httpcore2.ConnectionPool, url: str, most_bytes: int, until: float) -> WebPage | str:
    """The page, or the address that it redirects to."""
    left = max(until - time.monotonic(), 0.1)
    timeout = {"connect": left, "read": left, "write": left, "pool": left}
    with pool.stream("GET", url, headers=_HEADERS, extensions={"timeout": timeout}) as response:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and "location" in headers:
            return headers["location"]
        if response.status != _OK:
            raise UsageError(f"{url} answers with error {response.status}.", "Check the address.")
        kind = headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        if kind not in _SUFFIXES:
            raise UsageError(f"{url} is no page but {kind}.", "Download it with your browser and add the file.")
        content = _read(response.iter_stream(), headers.get("content-encoding", "identity"), most_bytes, until, url)
    return _page(url, kind, headers, content)


def _read(blocks: Iterable[bytes], encoding: str, most_bytes: int, until: float, url: str) -> bytes:
    """The body, unpacked; no more of it than is allowed is ever held."""
    unpack = zlib.decompressobj(32 + zlib.MAX_WBITS) if encoding.lower() == "gzip" else None
    if unpack is None and encoding.lower() != "identity":
        raise UsageError(f"{url} comes packed as {encoding}, which is not read.", "Save it with your browser.")
    content = bytearray()
    for block in blocks:
        if time.monotonic() > until:
            raise UsageError(f"{url} takes too long.", "Try again later, or save it with your browser.")
        try:
            content += block if unpack is None else unpack.decompress(block, most_bytes + 1 - len(content))
        except zlib.error as error:
            raise UsageError(f"{url} arrived damaged.", "Try again.") from error
        if len(content) > most_bytes:
            raise TooLarge(f"{url} is larger than {most_bytes >> 20} MB.", "Download it and add the file.")
    return bytes(content)


def _page(url: str, kind: str, headers: Mapping[str, str], content: bytes) -> WebPage:
    suffix = _SUFFIXES[kind]
    parts = urlsplit(url)
    name = unquote(parts.path.rstrip("/").rpartition("/")[2]).removesuffix(suffix) or parts.hostname or "page"
    if suffix == ".html":
        text = _decoded(content, headers.get("content-type", ""))
        name = (text and _title(text)) or name
        content = _with_origin(content if text is None else text.encode("utf-8", "replace"), url, utf8=text is not None)
    return WebPage(url, f"{name[:100]}{suffix}", content)


def _decoded(content: bytes, content_type: str) -> str | None:
    """The text, where its encoding is stated and holds."""
    stated = _CHARSET.search(content_type)
    if not stated:
        return None
    try:
        # By the codec's own name: a lookup takes "_IDNA-" for "idna".
        return None if codecs.lookup(stated[1]).name in _SLOW_CODECS else content.decode(stated[1])
    except (LookupError, UnicodeError):  # also of codecs that are no encodings of text
        return None


def _title(page: str) -> str:
    """What stands in the title element, in which a "<" is text; "" where there is none."""
    begin = _TITLE.search(page)
    end = _TITLE_END.search(page, begin.end()) if begin else None
    if begin is None or end is None:
        return ""
    return " ".join(html.unescape(page[begin.end() : end.start()][:_TITLE_READ]).split())


def _with_origin(content: bytes, url: str, *, utf8: bool) -> bytes:
    """The page with a line that says where and when it was fetched, in front of its text."""
    said = f"<p>{html.escape(url)} ({time.strftime('%Y-%m-%d')})</p>".encode("ascii", "xmlcharrefreplace")
    body = _BODY.search(content)
    at = body.end() if body else 0
    charset = b'<meta charset="utf-8">' if utf8 else b""
    return charset + content[:at] + said + content[at:]
