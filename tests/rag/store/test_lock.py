"""The writers' lock, between processes and within one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rag.errors import LibraryError, LibraryLocked
from rag.store.lock import HOLDER_NAME, writing

_HOLD = """
import sys
from pathlib import Path
from rag.store.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
ROOT = Path(__file__).parents[3]


def hold(folder: Path) -> "subprocess.Popen[str]":
    """A process that holds the lock until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_writes(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        with pytest.raises(LibraryLocked, match=rf"process {process.pid}\b") as caught, writing(tmp_path):
            pass
        assert caught.value.remedy
        process.communicate()
    with writing(tmp_path):
        pass


def test_waiting_for_the_other_process(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        process.communicate()
        with writing(tmp_path, timeout_s=20):
            assert json.loads((tmp_path / HOLDER_NAME).read_text())["pid"] != process.pid
    assert not (tmp_path / HOLDER_NAME).exists()


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        process.kill()
        process.wait()
        with writing(tmp_path, timeout_s=20):
            pass


def test_within_one_program(tmp_path: Path) -> None:
    with writing(tmp_path), pytest.raises(LibraryLocked, match="already syncing"), writing(tmp_path):
        pass
    with writing(tmp_path):
        pass


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), writing(tmp_path):
        raise RuntimeError
    with writing(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LibraryError, match="cannot be written"), writing(tmp_path / "file" / "data"):
        pass
