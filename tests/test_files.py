"""Files are replaced whole or not at all, and one process at a time holds a lock."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from files import LockHeld, is_ours, locked, new_private, replace_bytes, replace_text, replacing

_ROOT = Path(__file__).parents[1]
_HOLD = """
import sys
from pathlib import Path
from files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_text(path, "first\r\nline")
    replace_text(path, "é")
    assert path.read_bytes() == "é".encode()
    assert names(tmp_path) == ["state.json"]


def test_the_folder_is_made(tmp_path: Path) -> None:
    replace_bytes(tmp_path / "new" / "deep" / "file", b"\x00\xff")
    assert (tmp_path / "new" / "deep" / "file").read_bytes() == b"\x00\xff"


def test_nothing_is_visible_before_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    with replacing(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"


def test_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert names(tmp_path) == ["file.txt"]


def test_a_library_that_appends_a_suffix_finds_it_there(tmp_path: Path) -> None:
    with replacing(tmp_path / "arrays.npz") as temporary:
        np.savez(temporary, x=np.arange(3))
    assert names(tmp_path) == ["arrays.npz"]
    with np.load(tmp_path / "arrays.npz") as arrays:
        assert arrays["x"].tolist() == [0, 1, 2]


def test_a_lock_keeps_others_out_until_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    waited: list[bool] = []
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LockHeld), locked(path):
            pass
        process.kill()
        with locked(path, 20.0, lambda: waited.append(True)):
            process.wait()
    assert len(waited) <= 1


def test_waiting_is_told_once(tmp_path: Path) -> None:
    waited: list[bool] = []
    with (
        locked(tmp_path / "lock"),
        pytest.raises(LockHeld),
        locked(tmp_path / "lock", 0.05, lambda: waited.append(True)),
    ):
        pass
    assert waited == [True]


def test_a_lock_in_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError), locked(tmp_path / "file" / "lock"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    replace_bytes(tmp_path / "a", b"data")
    new_private(tmp_path / "b")
    (tmp_path / "c").write_text("kept")
    (tmp_path / "c").chmod(0o644)
    new_private(tmp_path / "c")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "abc"] == [0o600] * 3
    assert (tmp_path / "c").read_text() == "kept" and is_ours(tmp_path / "c")
    (tmp_path / "c").chmod(0o620)
    assert not is_ours(tmp_path / "c")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    mine = os.getpid()
    names = (f".index.{mine}-2.faiss", f".index.{mine}-4.faiss", f".indices.{mine}-2.faiss")
    old, young, other = (tmp_path / name for name in names)
    for left in (old, young, other):
        left.write_text("half")
    for left in (old, other):
        os.utime(left, (1, 1))
    replace_bytes(tmp_path / "index.faiss", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {"index.faiss", young.name, other.name}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere it cannot be asked whether a process runs")
def test_what_a_process_left_that_has_ended_is_removed_at_once(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    (tmp_path / f".index.{ended.pid}-2.faiss").write_text("half")
    replace_bytes(tmp_path / "index.faiss", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["index.faiss"]
