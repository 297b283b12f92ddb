"""The ``docent`` command as a process: Ctrl-C, a pipe whose reader has gone, a terminal without Unicode."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")


def start(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ui.main", "--data-dir", str(tmp_path / "data"), *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@posix_only
def test_ctrl_c_ends_a_sync_cleanly_and_the_next_one_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number}.txt").write_text(f"Document {number} is about the number {number}. " * 4, encoding="utf-8")
    process = start(tmp_path, "sync", str(folder), "--json")
    library = tmp_path / "data" / "library.lock"
    deadline = time.monotonic() + 60
    while not library.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors == ""
    assert json.loads(out)["cancelled"] is True
    again = start(tmp_path, "sync", "--json")
    out, errors = again.communicate(timeout=240)
    assert again.returncode == 0, errors
    assert json.loads(out)["counts"]["ok"] == 150


@pytest.mark.slow
@posix_only
def test_ctrl_c_elsewhere_is_quiet(builds: Callable[[Path], None], tmp_path: Path) -> None:
    builds(tmp_path / "data")
    process = start(tmp_path, "ask", "--from", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write('{"id": 1, "question": "Why?"}\n')
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == 1
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)  # ``communicate`` would end its input, which ends it too
    _, errors = process.communicate()
    assert process.returncode == 130
    assert errors == ""


@pytest.mark.slow
def test_answers_come_while_the_questions_are_still_coming(builds: Callable[[Path], None], tmp_path: Path) -> None:
    builds(tmp_path / "data")
    process = start(tmp_path, "ask", "--from", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(3):
        process.stdin.write(json.dumps({"id": number, "question": "Why?"}) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == number
    process.communicate()
    assert process.returncode == 0


@posix_only
def test_a_reader_that_has_gone_gets_no_traceback(tmp_path: Path) -> None:
    process = start(tmp_path, "config", "--defaults")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stdin is not None
    process.stdin.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert "Traceback" not in errors
    assert process.wait() != 130


@pytest.mark.slow
def test_a_terminal_without_unicode(tmp_path: Path) -> None:
    folder = tmp_path / "schnee☃"
    folder.mkdir()
    (folder / "schnee☃.txt").write_text("Der Schnee ☃ ist weiß.", encoding="utf-8")
    process = start(tmp_path, "search", "Schnee", "--folder", str(folder), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert out.isascii()
