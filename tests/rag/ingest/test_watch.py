"""Watching a real folder: a change leads to a sync, reading does not, stopping is clean."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import LibraryLocked
from rag.ingest.watch import Watcher
from rag.types import Source

PATIENCE_S = 20


def folder_source(path: Path) -> Source:
    return Source(1, "folder", str(path), 0.0)


class Syncs:
    """Counts syncs and lets a test wait for the next."""

    def __init__(self, during: Callable[[threading.Event], None] = lambda stop: None) -> None:
        self._during = during
        self._arrived = threading.Semaphore(0)

    def __call__(self, stop: threading.Event) -> None:
        self._arrived.release()
        self._during(stop)

    def wait(self, timeout: float = PATIENCE_S) -> bool:
        return self._arrived.acquire(timeout=timeout)


@pytest.mark.parametrize("change", ["create", "write", "delete", "rename", "subfolder"])
def test_a_change_leads_to_a_sync(tmp_path: Path, change: str) -> None:
    (tmp_path / "old.txt").write_text("old")
    syncs = Syncs()
    with Watcher([folder_source(tmp_path)], syncs, quiet_s=0.05):
        if change == "create":
            (tmp_path / "new.txt").write_text("new")
        elif change == "write":
            (tmp_path / "old.txt").write_text("newer")
        elif change == "delete":
            (tmp_path / "old.txt").unlink()
        elif change == "rename":
            (tmp_path / "old.txt").rename(tmp_path / "renamed.txt")
        else:
            (tmp_path / "sub").mkdir()
        assert syncs.wait()


def test_the_sync_sees_what_a_flurry_left(tmp_path: Path) -> None:
    seen: list[int] = []
    all_there = threading.Event()

    def count(stop: threading.Event) -> None:
        seen.append(len(list(tmp_path.iterdir())))
        if seen[-1] == 50:
            all_there.set()

    with Watcher([folder_source(tmp_path)], Syncs(count), quiet_s=0.3):
        for number in range(50):
            (tmp_path / f"{number}.txt").write_text("text")
        assert all_there.wait(PATIENCE_S)
    assert len(seen) < 50


def test_reading_a_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    syncs = Syncs()
    with Watcher([folder_source(tmp_path)], syncs, quiet_s=0.05):
        (tmp_path / "a.txt").read_text()
        assert not syncs.wait(0.4)


def test_a_single_file_is_watched(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("text")
    syncs = Syncs()
    with Watcher([Source(1, "file", str(file), 0.0)], syncs, quiet_s=0.05):
        file.write_text("more text")
        assert syncs.wait()


def test_an_error_a_person_can_mend_does_not_end_the_watch(tmp_path: Path) -> None:
    def fail(stop: threading.Event) -> None:
        raise LibraryLocked("busy")

    syncs = Syncs(fail)
    with Watcher([folder_source(tmp_path)], syncs, quiet_s=0.05):
        for name in ("a", "b"):
            (tmp_path / name).write_text("text")
            assert syncs.wait()


def test_stopping_tells_a_running_sync(tmp_path: Path) -> None:
    told = threading.Event()

    def run(stop: threading.Event) -> None:
        if stop.wait(PATIENCE_S):
            told.set()

    syncs = Syncs(run)
    watcher = Watcher([folder_source(tmp_path)], syncs, quiet_s=0.05)
    watcher.start()
    (tmp_path / "a.txt").write_text("text")
    assert syncs.wait()
    watcher.stop()
    assert told.is_set()
    assert not any(thread.name == "docent-watch" for thread in threading.enumerate())


def test_a_folder_that_is_not_there_is_looked_for_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    syncs = Syncs()
    with Watcher([folder_source(tmp_path / "unplugged")], syncs, quiet_s=0.05, look_through_s=0.1):
        assert syncs.wait()
        assert syncs.wait()
    assert "cannot watch" in caplog.text
