"""A process ends with its command's exit code, whatever its background threads are doing in native code."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def left(command: str, wait_s: float = 5.0) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys, threading, time
from app.process.shutdown import run_and_leave

def start(work):
    threading.Thread(target=work, name="docent-test", daemon=True).start()

def command():
{textwrap.indent(textwrap.dedent(command), "    ")}

run_and_leave(command, wait_s={wait_s})
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("sys.exit(130)", 130), ("sys.exit()", 0), ("sys.exit(2)", 2)])
def test_the_exit_code_is_the_command_s(end: str, code: int) -> None:
    assert left(end).returncode == code


def test_a_background_thread_may_finish_what_it_does() -> None:
    done = left("""
        def work():
            time.sleep(0.3)
            print("finished", flush=True)
        start(work)
    """)
    assert done.stdout == "finished\n"
    assert done.returncode == 0


def test_a_thread_that_does_not_end_cannot_keep_the_process() -> None:
    done = left(
        """
        start(lambda: time.sleep(600))
        sys.stdout.write("last words")
        sys.exit(130)
        """,
        wait_s=0.1,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "last words", "")


def deaf(log: Path, within_s: float) -> "subprocess.Popen[str]":
    """A process that hears signals and does nothing about them."""
    program = f"""
import time
from pathlib import Path
from app.process.shutdown import EndSignals

with EndSignals(lambda: print("heard", flush=True), Path({str(log)!r}), {within_s}).listening():
    print("ready", flush=True)
    while True:
        time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="signals cannot be sent to one process there")


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_does_not_end_is_ended_and_the_log_tells_where_it_was(tmp_path: Path, number: int) -> None:
    with deaf(tmp_path / "docent.log", 0.5) as process:
        process.send_signal(number)
        assert process.communicate(timeout=60)[0] == "heard\n"
        assert process.returncode == 1
    assert "most recent call first" in (tmp_path / "docent.log").read_text()


@needs_signals
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_a_server_at_once(tmp_path: Path, second: int) -> None:
    with deaf(tmp_path / "docent.log", 600.0) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None and process.stdout.readline() == "heard\n"
        process.send_signal(second)
        process.communicate(timeout=60)
        assert process.returncode == -second
