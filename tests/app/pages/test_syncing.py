"""Syncs that run in the background: progress, cancelling and failing."""

from pathlib import Path
from typing import Any

import pytest

from app.feed import Feed
from app.pages.syncing import Syncing, SyncProgress, Within
from rag.ingest.events import SyncEvent
from tests.ui.fakes import FakeAssistant

PATIENCE_S = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"text of {name}", encoding="utf-8")
    (tmp_path / "c.bin").write_bytes(b"\0")
    return tmp_path


def test_events_become_progress() -> None:
    state = SyncProgress().after(SyncEvent("scanned", total=4), 0.0)
    state = state.after(SyncEvent("document", "/x/a.pdf", "ok", done=1, total=4), 0.0)
    state = state.after(SyncEvent("document", "/x/b.pdf", "failed", "broken", done=2, total=4), 0.0)
    assert (state.done, state.total, state.path, state.failed) == (2, 4, "/x/b.pdf", 1)
    state = state.after(SyncEvent("embedding", done=2, total=4), 0.0)
    assert state.stage == "embedding" and state.path == "/x/b.pdf"


def test_a_sync_ends_with_a_summary(folder: Path) -> None:
    syncing = Syncing(FakeAssistant(), Feed())
    syncing.start([str(folder)])
    syncing.join(PATIENCE_S)
    state = syncing.progress
    assert (state.running, state.summary, state.failed, state.done) == (False, "up to date", 1, 3)


def test_requests_wait_for_each_other(folder: Path, gate: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "d.txt").write_text("text", encoding="utf-8")
    assistant = FakeAssistant(gate)
    syncing = Syncing(assistant, Feed())
    syncing.start([str(folder)])
    syncing.start([str(other)])
    syncing.start([str(other)])
    gate.open()
    syncing.join(PATIENCE_S)
    assert [source.location for source in assistant.known] == [str(folder), str(other)]
    assert len(assistant.rows) == 4


def test_cancel_keeps_what_is_finished_and_forgets_what_waits(folder: Path, gate: Any) -> None:
    assistant = FakeAssistant(gate)
    syncing = Syncing(assistant, Feed())
    syncing.start([str(folder)])
    syncing.start(["/elsewhere"])
    assert gate.reached.wait(PATIENCE_S)
    syncing.cancel()
    assert syncing.progress.cancelling
    gate.open()
    syncing.join(PATIENCE_S)
    assert syncing.progress.summary == "stopped" and not syncing.progress.running
    assert [source.location for source in assistant.known] == [str(folder)]


def test_a_location_that_fails_is_explained_and_can_be_dismissed() -> None:
    syncing = Syncing(FakeAssistant(), Feed())
    syncing.start(["https://youtu.be/blocked"])
    syncing.join(PATIENCE_S)
    assert syncing.progress.message.startswith("YouTube did not") and syncing.progress.remedy == "Try again later."
    syncing.dismiss()
    assert syncing.progress.message == ""


def test_what_is_asked_for_anew_is_read_anew(folder: Path) -> None:
    fake = FakeAssistant()
    syncing = Syncing(fake, Feed())
    syncing.start([str(folder)])
    syncing.start([str(folder)], anew=True)
    syncing.join(10)
    assert fake.read_anew == [str(folder)]


def test_a_pause_keeps_in_mind_what_is_left(folder: Path, gate: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "d.txt").write_text("text", encoding="utf-8")
    assistant = FakeAssistant(gate)
    syncing = Syncing(assistant, Feed())
    syncing.start([str(folder)])
    syncing.start([str(other)])
    assert gate.reached.wait(PATIENCE_S)
    syncing.pause()
    syncing.pause()  # once more changes nothing
    gate.let(1)
    syncing.join(PATIENCE_S)
    state = syncing.progress
    assert (state.running, state.paused, state.summary) == (False, True, "")
    assert len(assistant.rows) < 4
    gate.open()
    syncing.go_on()
    syncing.join(PATIENCE_S)
    assert (syncing.progress.paused, syncing.progress.summary) == (False, "up to date")
    assert len(assistant.rows) == 4


def test_a_pause_can_be_ended_for_good(folder: Path, gate: Any) -> None:
    assistant = FakeAssistant(gate)
    syncing = Syncing(assistant, Feed())
    syncing.start([str(folder)])
    assert gate.reached.wait(PATIENCE_S)
    syncing.pause()
    gate.open()
    syncing.join(PATIENCE_S)
    syncing.cancel()
    assert (syncing.progress.paused, syncing.progress.summary) == (False, "stopped")
    syncing.go_on()
    assert not syncing.progress.running


def test_what_is_asked_for_while_another_ends_is_read(
    folder: Path, gate: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "d.txt").write_text("text", encoding="utf-8")
    assistant = FakeAssistant(gate)
    syncing = Syncing(assistant, Feed())
    syncing.start([str(folder)])
    assert gate.reached.wait(PATIENCE_S)
    syncing.cancel()
    syncing.start([str(other)])
    gate.open()
    syncing.join(PATIENCE_S)
    assert syncing.progress.summary == "up to date"
    assert str(other / "d.txt") in [row.path for row in assistant.rows.values()]


def test_a_large_file_is_followed_until_it_is_read_and_searchable() -> None:
    state = SyncProgress().after(SyncEvent("scanned", total=2), 0.0)
    state = state.after(SyncEvent("reading", "/x/large.pdf", done=10, total=900), 1.0)
    state = state.after(SyncEvent("reading", "/x/other.pdf", done=1, total=50), 2.0)  # another process reads it
    state = state.after(SyncEvent("reading", "/x/large.pdf", done=90, total=900), 3.0)
    assert state.within == Within("/x/large.pdf", "reading", 90, 900, since=1.0, told=3.0)
    assert (state.path, state.done, state.total) == ("/x/large.pdf", 0, 2)
    state = state.after(SyncEvent("document", "/x/small.txt", "ok", done=1, total=2), 4.0)
    assert state.within is not None and state.done == 1
    state = state.after(SyncEvent("embedding", "/x/large.pdf", done=64, total=4000), 5.0)
    assert state.within == Within("/x/large.pdf", "embedding", 64, 4000, since=5.0, told=5.0)
    state = state.after(SyncEvent("document", "/x/large.pdf", "ok", done=2, total=2), 6.0)
    assert state.within is None and state.done == 2


def test_a_file_that_is_silent_gives_way_to_another() -> None:
    state = SyncProgress().after(SyncEvent("reading", "/x/a.pdf", done=1, total=9), 1.0)
    state = state.after(SyncEvent("reading", "/x/b.pdf", done=5, total=9), 9.0)
    assert state.within is not None and state.within.path == "/x/b.pdf"


def test_what_is_made_searchable_at_the_end_counts_for_all_documents() -> None:
    state = SyncProgress().after(SyncEvent("scanned", total=2), 0.0)
    state = state.after(SyncEvent("document", "/x/a.pdf", "ok", done=2, total=2), 1.0)
    state = state.after(SyncEvent("embedding", done=64, total=900), 2.0)
    state = state.after(SyncEvent("embedding", done=128, total=900), 3.0)
    assert state.within == Within("", "embedding", 128, 900, since=2.0, told=3.0)
    assert (state.done, state.total) == (2, 2)
