"""One Docent on a data folder: a second start finds the first, and is not misled by what a killed one left."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.errors import AppError
from app.process.running import Running, alone, find
from files import LockHeld

ROOT = Path(__file__).resolve().parents[3]


def test_a_second_start_finds_the_first_and_cannot_take_its_place(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    with alone(file) as announce:
        announce(7861, "secret")
        assert find(file) == Running(7861, "secret")
        with pytest.raises(LockHeld), alone(file):
            pytest.fail("two of them")
    assert find(file) is None
    assert not file.exists()


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX'")
def test_only_the_owner_can_read_what_is_told(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    with alone(file) as announce:
        announce(7861, "secret")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.with_suffix(".lock").stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="only there a process can be killed without a word")
def test_what_a_killed_one_left_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    code = (
        "import sys, pathlib, time\nfrom app.process.running import alone\n"
        "with alone(pathlib.Path(sys.argv[1])) as announce:\n"
        "    announce(7861, 'old'); print('told', flush=True); time.sleep(600)"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, str(file)], cwd=ROOT, stdout=subprocess.PIPE)
    assert killed.stdout is not None
    with killed.stdout:
        assert killed.stdout.readline() == b"told\n"
        assert find(file) == Running(7861, "old")
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
    assert file.exists()
    assert find(file) is None
    with alone(file) as announce:
        assert not file.exists()
        announce(7862, "new")
        assert find(file) == Running(7862, "new")


def test_a_second_start_waits_until_the_first_tells_its_port(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    found: list[Running | None] = []
    with alone(file) as announce:
        looking = threading.Thread(target=lambda: found.append(find(file)))
        looking.start()
        announce(7861, "secret")
        looking.join(30)
    assert found == [Running(7861, "secret")]


def test_a_damaged_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.process.running._BEGINS_S", 0.0)
    file = tmp_path / "running.json"
    with alone(file):
        file.write_text('{"port": "x"', encoding="utf-8")
        with pytest.raises(AppError, match="is starting"):
            find(file)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        allowed = self.headers["authorization"] == "Bearer secret"
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = {"path": self.path, "body": body} if allowed else {"error": {"message": "No.", "remedy": "Go."}}
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_it_is_asked_with_its_token(port: int) -> None:
    assert Running(port, "secret").post("/x", {"a": 1}) == {"path": "/x", "body": {"a": 1}}
    with pytest.raises(AppError) as caught:
        Running(port, "wrong").post("/x", {})
    assert (caught.value.message, caught.value.remedy) == ("No.", "Go.")


def test_nobody_who_answers_is_said_with_the_remedy() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        closed = listener.getsockname()[1]
    with pytest.raises(AppError, match="does not answer") as caught:
        Running(closed, "secret").post("/x", {})
    assert "end it" in caught.value.remedy
