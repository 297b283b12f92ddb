"""A process ends with its command's exit code, whatever its background threads are doing in native code."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def left(command: str, wait_s: float = 5.0) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys, threading, time
from app.shutdown import run_and_leave

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
