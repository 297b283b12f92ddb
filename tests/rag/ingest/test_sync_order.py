"""In which order a sync stores what it reads, and what is kept of it when it is stopped."""

import threading
from pathlib import Path

import pytest

from rag.ingest.parse_job import ParseLimits
from rag.ingest.parse_pool import ParsePool
from rag.ingest.sync import SyncEvent, SyncSettings
from tests.rag.workbench import Workbench, bench, counts, obedient

__all__ = ["bench"]  # the fixture


def test_cancel_keeps_what_is_finished(bench: Workbench) -> None:
    for number in range(40):
        bench.write(f"{number}.txt", f"number {number}")
    bench.settings = SyncSettings(embed_chunks=4)
    cancel = threading.Event()

    def stop_soon(event: SyncEvent) -> None:
        if event.kind == "document" and event.done == 8:
            cancel.set()

    syncer = bench.syncer()
    syncer.add(str(bench.folder))
    report = syncer.run(None, stop_soon, cancel)
    assert report.cancelled
    assert 8 <= len(report.documents) == len(bench.library.documents()) < 40
    bench.library.check()
    assert counts(bench.sync()) == {"ok": 40 - len(report.documents), "unchanged": len(report.documents)}


def test_a_sync_that_is_stopped_early_keeps_something(bench: Workbench) -> None:
    for number in range(100):
        bench.write(f"{number}.txt", f"number {number}")
    cancel = threading.Event()
    syncer = bench.syncer()
    syncer.add(str(bench.folder))
    report = syncer.run(None, lambda event: cancel.set() if event.kind == "document" else None, cancel)
    assert report.cancelled
    assert 1 <= len(bench.library.documents()) < 40


def test_cancel_within_a_large_document(bench: Workbench) -> None:
    bench.write("a.txt", "\n\n".join(f"Paragraph {n} says something of its own." for n in range(2000)))
    cancel = threading.Event()
    syncer = bench.syncer()
    syncer.add(str(bench.folder))
    report = syncer.run(None, lambda event: cancel.set() if event.kind == "embedding" else None, cancel)
    assert report.cancelled and bench.library.documents() == []
    assert counts(bench.sync()) == {"ok": 1}


def test_a_file_that_takes_minutes_does_not_hold_up_its_neighbours(bench: Workbench) -> None:
    bench.write("a.txt", "\n\n".join(f"{'Paragraph ' * 36} {n}." for n in range(2100)))
    bench.write("b.txt", "soon read")
    bench.sync(pool=ParsePool(ParseLimits(workers=1)))
    finished = [Path(event.path).name for event in bench.events if event.kind == "document"]
    assert finished == ["b.txt", "a.txt"] and bench.documents()["a.txt"].chunks > 2048


def test_what_is_read_is_stored_while_another_file_is_being_parsed(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("a.txt", "endless")
    bench.write("b.txt", "soon read")
    cancel = threading.Event()
    syncer = bench.syncer(pool=obedient(tmp_path, monkeypatch, "while text == 'endless': time.sleep(0.01)"))
    syncer.add(str(bench.folder))
    report = syncer.run(None, lambda event: cancel.set() if event.kind == "document" else None, cancel)
    assert report.cancelled and list(bench.documents()) == ["b.txt"]
