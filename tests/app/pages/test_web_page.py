"""Web pages that are fetched by their address: what is read, and that no address of this network is reached."""

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore2
import pytest

from app.errors import TooLarge, UsageError
from app.pages.inbox import safe_name
from app.pages.web_page import WebPage, fetch

PUBLIC = "93.184.215.14"
HTML = "<html><head><title>Tide mill &amp; weir</title></head><body class=x><p>Sächsisch 1912</p></body></html>"
Reply = tuple[int, dict[str, str], bytes]


class ToLoopback(httpcore2.NetworkBackend):
    """Connects to the test's server whatever the address; notes which were asked for."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reached: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        self.reached.append(host)
        return httpcore2.SyncBackend().connect_tcp("127.0.0.1", self.port, timeout)


class Site:
    """A server on this computer, to which every public address leads. ``names`` are the addresses of hosts, one list
    for each time that they are asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Reply] = {}
        self.names: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(f"{self.headers['Host']}{self.path}")
                status, headers, content = site.pages[self.path]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.backend = ToLoopback(self.server.server_port)

    def resolve(self, host: str, port: int) -> list[str]:
        known = self.names.get(host, [[PUBLIC]])
        return known.pop(0) if len(known) > 1 else known[0]

    def fetch(self, url: str, **limits: Any) -> WebPage:
        return fetch(url, resolve=self.resolve, connect=self.backend, **limits)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_page_becomes_a_file_named_by_its_title(site: Site) -> None:
    site.pages["/mill?x=1"] = (200, {"Content-Type": "text/html; charset=latin-1"}, HTML.encode("latin-1"))
    page = site.fetch("http://mills.example/mill?x=1#part")
    assert page.name == "Tide mill & weir.html"
    text = page.content.decode("utf-8")
    assert "Sächsisch 1912" in text and "http://mills.example/mill?x=1" in text
    assert site.asked == ["mills.example/mill?x=1"]
    assert site.backend.reached == [PUBLIC]


def test_packed_pages_and_other_documents_are_taken(site: Site) -> None:
    packed = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    site.pages["/a"] = (200, packed, gzip.compress(HTML.encode()))
    site.pages["/report.pdf"] = (200, {"Content-Type": "application/pdf"}, b"%PDF-1.7")
    assert b"1912" in site.fetch("http://mills.example/a").content
    assert site.fetch("http://mills.example/report.pdf").name == "report.pdf"
    site.pages["/v"] = (200, {"Content-Type": "video/mp4"}, b"")
    with pytest.raises(UsageError, match="video/mp4"):
        site.fetch("http://mills.example/v")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.7", "192.168.1.1", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:127.0.0.1", "100.64.0.1",
     "0.0.0.0", "224.0.0.1", "2002:7f00:1::", "not an address"],
)  # fmt: skip
def test_no_address_of_this_computer_or_its_network_is_connected_to(site: Site, address: str) -> None:
    site.names["inside.example"] = [[PUBLIC, address]]
    with pytest.raises(UsageError, match="of this computer or its network"):
        site.fetch("http://inside.example/")
    assert site.backend.reached == []


def test_a_redirect_inwards_is_not_followed(site: Site) -> None:
    site.pages["/out"] = (302, {"Location": "http://inside.example/secret"}, b"")
    site.pages["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    site.names["inside.example"] = [["127.0.0.1"]]
    with pytest.raises(UsageError, match="of this computer"):
        site.fetch("http://mills.example/out")
    with pytest.raises(UsageError, match="no address of a web page"):
        site.fetch("http://mills.example/file")
    assert site.asked == ["mills.example/out", "mills.example/file"]


def test_a_name_whose_address_changes_is_checked_at_every_connection(site: Site) -> None:
    site.names["turns.example"] = [[PUBLIC], ["127.0.0.1"]]
    site.pages["/1"] = (302, {"Location": "http://turns.example:8080/2", "Connection": "close"}, b"")
    with pytest.raises(UsageError, match="of this computer"):
        site.fetch("http://turns.example/1")
    assert site.backend.reached == [PUBLIC]


def test_real_addresses_of_this_computer_are_refused_by_the_systems_resolver(site: Site) -> None:
    for url in (f"http://127.0.0.1:{site.backend.port}/", f"http://localhost:{site.backend.port}/"):
        with pytest.raises(UsageError, match="of this computer"):
            fetch(url)
    assert site.asked == []


def test_limits_of_size_redirects_and_time(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 5_000_000)
    site.pages["/bomb"] = (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, bomb)
    with pytest.raises(TooLarge):
        site.fetch("http://mills.example/bomb", most_bytes=1_000_000)
    site.pages["/round"] = (302, {"Location": "/round"}, b"")
    with pytest.raises(UsageError, match="again and again"):
        site.fetch("http://mills.example/round")
    with socket.socket() as silent:  # accepts and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        site.backend.port = silent.getsockname()[1]
        with pytest.raises(UsageError, match="takes too long"):
            site.fetch("http://mills.example/slow", seconds=0.2)


def test_a_name_of_many_dead_addresses_is_given_up_in_time(site: Site) -> None:
    allowed: list[float] = []

    class Dead(ToLoopback):
        def connect_tcp(self, host: str, port: int, timeout: float | None = None, *_: Any) -> httpcore2.NetworkStream:
            assert timeout is not None
            allowed.append(timeout)
            time.sleep(0.1)
            raise httpcore2.ConnectTimeout

    site.backend = Dead(0)
    site.names["dead.example"] = [[PUBLIC] * 50]
    with pytest.raises(UsageError, match="takes too long"):
        site.fetch("http://dead.example/", seconds=0.25)
    assert len(allowed) <= 3 and all(left <= 0.25 - 0.1 * before for before, left in enumerate(allowed))


@pytest.mark.parametrize("url", ["ftp://mills.example/", "http://", "http://user:word@mills.example/", "javascript:1"])
def test_what_is_no_address_is_refused(site: Site, url: str) -> None:
    with pytest.raises(UsageError, match="no address of a web page"):
        site.fetch(url)


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ("<title>5 < 6 &amp; 7</title>", "5 < 6 & 7.html"),
        ("<TITLE lang=en\n>a <b>\n c</TITLE\n>", "a <b> c.html"),
        ("<titles>no</titles><title>x </titles> y</title>", "x </titles> y.html"),
        ("<title>&#" + "1" * 5000 + ";</title>", "\N{REPLACEMENT CHARACTER}.html"),  # more digits than int() takes
        ("<title> </title>", "a.example.html"),
    ],
)
def test_titles(site: Site, element: str, name: str) -> None:
    site.pages["/"] = (200, {"Content-Type": "text/html; charset=utf-8"}, f"<head>{element}</head><p>x".encode())
    assert site.fetch("http://a.example/").name == name


@pytest.mark.parametrize(
    "content",
    [
        "<title>" * 400_000,
        "<title " * 400_000,
        "<body " * 400_000,
        "<title>a" * 400_000,
        "<title>" + "</title" * 400_000,
    ],
)
def test_pages_of_repeated_beginnings_are_linear_work(site: Site, content: str) -> None:
    site.pages["/"] = (200, {"Content-Type": "text/html; charset=utf-8"}, content.encode())
    assert site.fetch("http://a.example/").name == "a.example.html"


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "hex", "zip", "unicode_escape", "no-such"])
def test_encodings_that_are_none(site: Site, charset: str) -> None:
    site.pages["/"] = (200, {"Content-Type": f"text/html; charset={charset}"}, b"<p>a\\ud800 \xff" + b"-b" * 100_000)
    assert b"-b-b" in site.fetch("http://a.example/").content


@pytest.mark.parametrize("charset", ["punycode", "idna", "punycode-", "_idna", "--IDNA_", "Puny_Code", "PUNYCODE"])
def test_encodings_of_hosts_are_none_of_pages_however_they_are_spelled(site: Site, charset: str) -> None:
    """They are slow: the work grows with the square of a text."""
    site.pages["/"] = (200, {"Content-Type": f"text/html; charset={charset}"}, b"xn--mnchen-3ya")
    assert site.fetch("http://a.example/").content.endswith(b"xn--mnchen-3ya")


def test_headers_that_never_end_are_given_up(site: Site) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        with listener, listener.accept()[0] as connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not ended.wait(0.02):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"[:1])

    thread = threading.Thread(target=drip)
    thread.start()
    site.backend.port = listener.getsockname()[1]
    with pytest.raises(UsageError, match="takes too long"):
        site.fetch("http://a.example/", seconds=0.5)
    ended.set()
    thread.join()


def test_a_name_cannot_leave_its_folder(site: Site) -> None:
    site.pages["/..%2f..%2fetc%2fpasswd"] = (200, {"Content-Type": "text/plain"}, b"text")
    assert "/" not in safe_name(site.fetch("http://a.example/..%2f..%2fetc%2fpasswd").name)


def test_a_page_that_is_not_there_says_so(site: Site) -> None:
    site.pages["/gone"] = (404, {}, b"")
    with pytest.raises(UsageError, match="error 404"):
        site.fetch("http://mills.example/gone")

    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror("unknown")

    resolve: Callable[[str, int], list[str]] = nobody
    with pytest.raises(UsageError, match="no computer called"):
        fetch("http://nowhere.example/", resolve=resolve)
