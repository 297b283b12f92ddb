"""In which order a sync stores what it reads, and what is kept of it when it is stopped."""

import threading
from pathlib import Path

import pytest

from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import SyncEvent, SyncSettings
from rag.store.collections import Collections
from rag.types import Collection
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


def test_a_large_document_whose_embedding_is_stopped_goes_on_where_it_was(bench: Workbench) -> None:
    bench.write("a.txt", "\n\n".join(f"{'Paragraph ' * 36} {n}." for n in range(600)))
    bench.settings = SyncSettings(target_tokens=40, embed_chunks=64)
    cancel = threading.Event()

    def stop_soon(event: SyncEvent) -> None:
        if event.kind == "embedding" and event.done >= 192:
            cancel.set()

    syncer = bench.syncer()
    syncer.add(str(bench.folder))
    report = syncer.run(None, stop_soon, cancel)
    chunks = bench.documents()["a.txt"].chunks
    kept = sum(len(ids) for ids, _ in bench.library.embeddings())
    assert report.cancelled and 128 <= kept < chunks
    assert bench.library.full_text_search("paragraph 599", 1)  # keywords find what waits for its vectors

    bench.events.clear()
    assert counts(bench.sync()) == {"unchanged": 1}
    embedded = [event for event in bench.events if event.kind == "embedding"]
    assert embedded[-1].done == embedded[-1].total == chunks - kept
    assert sum(len(ids) for ids, _ in bench.library.embeddings()) == chunks


def test_collections_can_be_changed_while_a_large_document_is_embedded(bench: Workbench) -> None:
    bench.write("a.txt", "\n\n".join(f"{'Paragraph ' * 36} {n}." for n in range(600)))
    made: list[Collection] = []

    def change(event: SyncEvent) -> None:
        if event.kind == "embedding":  # on another thread, as a request would
            changing = threading.Thread(target=lambda: made.append(Collections(bench.library).make(f"{len(made)}")))
            changing.start()
            changing.join()

    syncer = bench.syncer()
    syncer.add(str(bench.folder))
    syncer.run(None, change)
    assert len(made) >= 3 and len(Collections(bench.library).all()) == len(made)


def test_a_file_that_takes_minutes_does_not_hold_up_its_neighbours(bench: Workbench) -> None:
    bench.write("a.txt", "\n\n".join(f"{'Paragraph ' * 36} {n}." for n in range(2100)))
    bench.write("b.txt", "soon read")
    bench.sync(pool=ParsePool(ParseLimits(workers=1)))
    large = next(at for at, event in enumerate(bench.events) if event.kind == "embedding" and not event.path)
    finished = {Path(event.path).name for event in bench.events[:large] if event.kind == "document"}
    assert finished == {"a.txt", "b.txt"} and bench.documents()["a.txt"].chunks > 2048


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
