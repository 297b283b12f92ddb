"""``docent serve`` as a process: one link on stdout, loopback only, closed without the token, gone after Ctrl-C."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.served import ROOT, start


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = start(tmp_path, "--no-window", "--port", "0", "--json")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()
    yield process, json.loads(line)
    process.kill()
    process.communicate()


def test_the_api_answers_to_the_token_alone(server: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    _, link = server
    base = f"http://127.0.0.1:{link['port']}"
    assert httpx.get(f"{base}/api/status").status_code == 401
    bearer = {"authorization": f"Bearer {link['token']}"}
    assert httpx.get(f"{base}/api/status", headers=bearer).json()["documents"] == 0
    with httpx.Client(follow_redirects=True) as browser:
        browser.get(link["url"])
        assert browser.get(f"{base}/api/status").status_code == 200


def test_a_program_keeps_its_key_from_launch_to_launch(tmp_path: Path) -> None:
    shown = docent(tmp_path, "config", "--show-key").strip()
    file = tmp_path / "data" / "api.key"
    assert file.read_text(encoding="ascii").strip() == shown
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o077 == 0
    for options, status in ((("--api-key",), 200), ((), 401)):
        process = start(tmp_path, "--no-window", "--port", "0", "--json", *options)
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        reply = httpx.get(f"http://127.0.0.1:{port}/v1/models", headers={"authorization": f"Bearer {shown}"})
        process.kill()
        process.communicate()
        assert reply.status_code == status
    file.write_text("short\n", encoding="ascii")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        docent(tmp_path, "config", "--show-key")
    assert "holds no key" in caught.value.stderr


def test_samples_are_added_to_a_new_library_alone(tmp_path: Path) -> None:
    """Who has removed them does not get them again."""
    docent(tmp_path, "sync")
    process = start(tmp_path, "--no-window", "--port", "0", "--json", "--samples")
    assert process.stdout is not None
    link = json.loads(process.stdout.readline())
    headers = {"authorization": f"Bearer {link['token']}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{link['port']}", headers=headers, timeout=60) as client:
        until = time.monotonic() + 60
        while not client.get("/api/syncing").json()["summary"] and time.monotonic() < until:
            time.sleep(0.1)
        assert client.get("/api/syncing").json()["summary"] == "up to date"
        assert client.get("/api/status").json()["sources"] == []
    process.kill()
    process.communicate()


def test_what_a_killed_server_was_receiving_and_reading_is_deleted_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, system = tmp_path / "data", tmp_path / "system"
    system.mkdir()
    monkeypatch.setenv("TMPDIR", str(system))
    process = start(tmp_path, "--no-browser", "--port", "0", "--json")
    assert process.stdout is not None
    link = json.loads(process.stdout.readline())
    head = f"PUT /api/uploads/lamps.txt HTTP/1.1\r\nhost: 127.0.0.1:{link['port']}\r\ncontent-length: 10000\r\n"
    with socket.create_connection(("127.0.0.1", link["port"])) as connection:
        connection.sendall(f"{head}authorization: Bearer {link['token']}\r\n\r\nhalf a file".encode())
        assert soon(lambda: list((data / "uploads").rglob("lamps.txt")))
        process.kill()
        process.communicate()
    (data / "parsing-1-left").mkdir()
    (data / "parsing-1-left" / "attachment.pdf").write_bytes(b"a part of a mail")
    process = start(tmp_path, "--no-browser", "--port", "0", "--json")
    assert process.stdout is not None and process.stdout.readline()
    assert list((data / "uploads").rglob("lamps.txt")) == []
    assert soon(lambda: not list(data.glob("parsing-*")))
    process.kill()
    process.communicate()
    assert list(system.iterdir()) == []


def soon(is_so: Callable[[], object]) -> bool:
    """Whether it is so within a minute."""
    until = time.monotonic() + 60
    while not (is_now := bool(is_so())) and time.monotonic() < until:
        time.sleep(0.05)
    return is_now


def docent(tmp_path: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ui.main", "--data-dir", str(tmp_path / "data"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_who_sends_too_much_is_told_so(server: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    """Over a real connection, on which clients send everything before they read."""
    _, link = server
    address = f"http://127.0.0.1:{link['port']}/v1/chat/completions"
    headers = {"authorization": f"Bearer {link['token']}", "content-type": "application/json"}
    for content in (b"a" * 9_000_000, iter([b"a" * 100_000] * 90)):
        reply = httpx.post(address, content=content, headers=headers, timeout=60)
        assert reply.status_code == 413
        assert reply.json()["error"]["code"] == "request_too_large"
    with socket.create_connection(("127.0.0.1", link["port"]), timeout=60) as careful:
        head = f"POST /api/ask HTTP/1.1\r\nhost: 127.0.0.1:{link['port']}\r\nauthorization: Bearer {link['token']}\r\n"
        careful.sendall(f"{head}expect: 100-continue\r\ncontent-length: 9000000\r\n\r\n".encode())
        assert careful.recv(100).startswith(b"HTTP/1.1 413 ")


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="signals cannot be sent to one process there")


@pytest.mark.slow
@needs_signals
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_quietly(
    server: tuple[subprocess.Popen[str], dict[str, Any]], number: signal.Signals, code: int
) -> None:
    process, _ = server
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors == ""


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, "--no-window", "--no-browser", "--port", str(port))
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert str(port) in errors
    assert errors.count("\n") == 1
