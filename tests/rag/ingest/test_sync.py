"""Syncs of real folders with real readers in child processes; only the embedder is a fake."""

import os
import sys
import threading
from pathlib import Path

import pytest

from rag.errors import LibraryError, LibraryLocked, SourceError
from rag.ingest.parse_pool import ParseLimits, ParsePool
from rag.ingest.sync import SyncEvent, SyncSettings
from rag.store.lock import writing
from tests.rag.fakes import FakeEmbedder
from tests.rag.workbench import Desk, counts, desk

__all__ = ["desk"]  # the fixture


def test_a_folder_is_read_chunked_embedded_and_found(desk: Desk) -> None:
    desk.write("a.txt", "The lighthouse keeper wrote a diary.")
    desk.write("sub/b.md", "# Birds\n\nGulls nest on the cliff.")
    report = desk.sync()
    assert counts(report) == {"ok": 2}
    assert report.counts["chunks"] == desk.library.counts()["chunks"] == len(desk.library.chunk_ids()) >= 2
    assert {Path(d.path).name for d in report.documents} == {"a.txt", "b.md"}
    assert desk.finds("lighthouse") == ["a.txt"]
    assert desk.finds("birds") == ["b.md"]
    assert desk.library.embedder_name == desk.embedder.name
    assert not report.cancelled


def test_events_tell_the_truth(desk: Desk) -> None:
    for number in range(5):
        desk.write(f"{number}.txt", f"text {number}")
    desk.write("empty.txt", "")
    desk.sync()
    assert desk.events[0].kind == "scanned" and desk.events[0].total == 6
    finished = [event for event in desk.events if event.kind == "document"]
    assert [event.done for event in finished] == [1, 2, 3, 4, 5, 6]
    stored = {document.path: document for document in desk.library.documents()}
    assert {(e.path, e.status, e.error, e.chunks) for e in finished} == {
        (d.path, d.status, d.error, d.chunks) for d in stored.values()
    }
    assert stored[str(desk.folder / "empty.txt")].status == "skipped"
    assert desk.events[-1].kind == "done"


def test_nothing_is_read_twice(desk: Desk) -> None:
    for number in range(10):
        desk.write(f"{number}.txt", f"text {number}")
    desk.sync()
    embedded, generation = desk.embedder.passages_embedded, desk.library.generation
    report = desk.sync()
    assert counts(report) == {"unchanged": 10} and report.documents == ()
    assert (desk.embedder.passages_embedded, desk.library.generation) == (embedded, generation)


def test_a_changed_file_is_read_alone(desk: Desk) -> None:
    desk.write("a.txt", "first version")
    desk.write("b.txt", "other")
    desk.sync()
    before = desk.documents()
    desk.write("a.txt", "second version, longer")
    report = desk.sync()
    assert counts(report) == {"ok": 1, "unchanged": 1}
    assert desk.documents()["a.txt"].id == before["a.txt"].id
    assert desk.finds("first") == [] and desk.finds("second") == ["a.txt"]


def test_a_file_saved_anew_without_a_change_is_not_read(desk: Desk) -> None:
    path = desk.write("a.txt", "same")
    desk.sync()
    os.utime(path, ns=(1, 1))
    embedded = desk.embedder.passages_embedded
    assert counts(desk.sync()) == {"unchanged": 1}
    assert desk.embedder.passages_embedded == embedded
    assert desk.documents()["a.txt"].mtime_ns == path.stat().st_mtime_ns


def test_deleted_files_disappear(desk: Desk) -> None:
    path = desk.write("sub/a.txt", "here today")
    desk.write("b.txt", "stays")
    desk.sync()
    path.unlink()
    report = desk.sync()
    assert counts(report) == {"removed": 1, "unchanged": 1} and report.removed == (str(path),)
    assert desk.finds("today") == [] and list(desk.documents()) == ["b.txt"]


def test_a_moved_file_keeps_its_id_and_chunks(desk: Desk) -> None:
    path = desk.write("a.txt", "an unusual content")
    desk.sync()
    before, chunks = desk.documents()["a.txt"], desk.library.chunk_ids().tolist()
    embedded = desk.embedder.passages_embedded
    (desk.folder / "sub").mkdir()
    path.rename(desk.folder / "sub" / "a.txt")
    report = desk.sync()
    assert counts(report) == {"renamed": 1}
    after = desk.documents()[os.path.join("sub", "a.txt")]  # noqa: PTH118 - as a string
    assert after.id == before.id and desk.library.chunk_ids().tolist() == chunks
    assert desk.embedder.passages_embedded == embedded
    assert counts(desk.sync()) == {"unchanged": 1}


def test_a_renamed_file_is_found_by_its_new_name(desk: Desk) -> None:
    path = desk.write("harbour.txt", "an unusual content")
    desk.sync()
    before = desk.documents()["harbour.txt"]
    path.rename(desk.folder / "lagoon.txt")
    assert counts(desk.sync()) == {"renamed": 1}
    after = desk.documents()["lagoon.txt"]
    assert (before.title, after.title, after.id) == ("harbour", "lagoon", before.id)
    assert desk.finds("lagoon") == ["lagoon.txt"] and desk.finds("harbour") == []
    assert [len(ids) for ids, _ in desk.library.embeddings()] == [1]


def test_of_two_equal_files_one_may_go(desk: Desk) -> None:
    first = desk.write("a.txt", "twin")
    desk.write("b.txt", "twin")
    desk.sync()
    first.rename(desk.folder / "c.txt")
    assert counts(desk.sync()) == {"renamed": 1, "unchanged": 1}
    assert sorted(desk.documents()) == ["b.txt", "c.txt"]


def test_overlapping_sources_hold_a_file_once(desk: Desk) -> None:
    single = desk.write("in/a.txt", "inner")
    desk.write("b.txt", "outer")
    desk.sync(desk.folder, desk.folder / "in", single)
    assert len(desk.library.documents()) == 2
    assert counts(desk.sync(desk.folder)) == {"unchanged": 2}
    assert desk.syncer().remove(str(desk.folder)) == 1
    assert counts(desk.sync(desk.folder / "in")) == {"unchanged": 1}


def test_a_folder_that_is_not_there_keeps_its_documents(desk: Desk) -> None:
    desk.write("a.txt", "on the drive")
    desk.sync()
    away = desk.folder.rename(desk.folder.parent / "unplugged")
    report = desk.syncer().run()
    assert [source.location for source in report.unreachable] == [str(desk.folder)]
    assert counts(report) == {} and desk.finds("drive") == ["a.txt"]
    assert "unplugged" in report.troubles[0].reason
    away.rename(desk.folder)
    assert counts(desk.sync()) == {"unchanged": 1}


def test_a_single_file_that_was_deleted_goes(desk: Desk) -> None:
    path = desk.write("a.txt", "alone")
    desk.sync(path)
    path.unlink()
    assert counts(desk.syncer().run()) == {"removed": 1}


def test_a_huge_file_is_skipped_unread_with_the_limit(desk: Desk) -> None:
    path = desk.folder / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)
    assert counts(desk.sync()) == {"skipped": 1}
    document = desk.documents()["huge.txt"]
    assert document.content_hash == ""  # not even hashed
    assert document.error is not None and "2,000 MB" in document.error and "200 MB" in document.error
    assert counts(desk.sync()) == {"unchanged": 1}


def test_a_raised_limit_lets_a_skipped_file_in(desk: Desk) -> None:
    desk.write("a.txt", "text " * 100)
    desk.settings = SyncSettings(max_file_mb=0.0001)
    assert counts(desk.sync()) == {"skipped": 1}
    desk.settings = SyncSettings()
    assert counts(desk.sync()) == {"ok": 1}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be made here")
@pytest.mark.parametrize("name", ["new\nline.txt", "\udcff\udcfe.txt", "snow\N{SNOWMAN}.txt", "-rf.txt", "a b'c\".txt"])
def test_odd_names(desk: Desk, name: str) -> None:
    desk.write(name, "oddly named")
    assert counts(desk.sync()) == {"ok": 1}
    assert list(desk.documents()) == [name]
    assert counts(desk.sync()) == {"unchanged": 1}
    (desk.folder / name).unlink()
    assert counts(desk.sync()) == {"removed": 1}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_fails_and_is_tried_again(desk: Desk) -> None:
    path = desk.write("a.txt", "secret")
    path.chmod(0)
    assert counts(desk.sync()) == {"failed": 1}
    assert "ermi" in str(desk.documents()["a.txt"].error)
    path.chmod(0o600)
    assert counts(desk.sync()) == {"ok": 1}


def obedient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> ParsePool:
    """A pool whose reader is ``body``, which has ``path``, ``text`` and ``document(text)``."""
    (tmp_path / "obedient.py").write_text(
        "import os, sys, time\nfrom rag.errors import *\nfrom rag.types import Block, ParsedDocument\n"
        "def document(text):\n    return ParsedDocument(text, (Block(0, len(text)),), 'T', 'text/plain')\n"
        f"def read(path):\n    text = path.read_text()\n    {body}\n    return document(text)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return ParsePool(ParseLimits(workers=2, timeout_s=2.0), reader_module="obedient")


def test_a_reader_that_loops_costs_one_file_once(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = obedient(tmp_path, monkeypatch, "while text == 'loop': pass")
    desk.write("a.txt", "loop")
    desk.write("b.txt", "fine")
    assert counts(desk.sync(pool=pool)) == {"ok": 1, "failed": 1}
    assert "too long" in str(desk.documents()["a.txt"].error)
    assert counts(desk.sync(pool=pool)) == {"unchanged": 2}


def test_a_file_that_changes_once_while_read_is_read_again(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = obedient(tmp_path, monkeypatch, "if text == 'early': path.write_text('late version')")
    desk.write("a.txt", "early")
    assert counts(desk.sync(pool=pool)) == {"ok": 1}
    assert desk.finds("late") == ["a.txt"] and desk.finds("early") == []


def test_a_file_that_never_rests_is_left_for_the_next_sync(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = obedient(tmp_path, monkeypatch, "path.write_text(text + ' more')")
    path = desk.write("a.txt", "growing")
    report = desk.sync(pool=pool)
    assert counts(report) == {} and desk.documents() == {}
    assert [(t.path, "changed while" in t.reason) for t in report.troubles] == [(str(path), True)]
    assert counts(desk.sync()) == {"ok": 1}


def test_cancel_keeps_what_is_finished(desk: Desk) -> None:
    for number in range(40):
        desk.write(f"{number}.txt", f"number {number}")
    desk.settings = SyncSettings(embed_chunks=4)
    cancel = threading.Event()

    def stop_soon(event: SyncEvent) -> None:
        if event.kind == "document" and event.done == 8:
            cancel.set()

    syncer = desk.syncer()
    syncer.add(str(desk.folder))
    report = syncer.run(None, stop_soon, cancel)
    assert report.cancelled
    assert 8 <= len(report.documents) == len(desk.library.documents()) < 40
    desk.library.check()
    assert counts(desk.sync()) == {"ok": 40 - len(report.documents), "unchanged": len(report.documents)}


def test_a_sync_that_is_stopped_early_keeps_something(desk: Desk) -> None:
    for number in range(100):
        desk.write(f"{number}.txt", f"number {number}")
    cancel = threading.Event()
    syncer = desk.syncer()
    syncer.add(str(desk.folder))
    report = syncer.run(None, lambda event: cancel.set() if event.kind == "document" else None, cancel)
    assert report.cancelled
    assert 1 <= len(desk.library.documents()) < 40


def test_cancel_within_a_large_document(desk: Desk) -> None:
    desk.write("a.txt", "\n\n".join(f"Paragraph {n} says something of its own." for n in range(2000)))
    cancel = threading.Event()
    syncer = desk.syncer()
    syncer.add(str(desk.folder))
    report = syncer.run(None, lambda event: cancel.set() if event.kind == "embedding" else None, cancel)
    assert report.cancelled and desk.library.documents() == []
    assert counts(desk.sync()) == {"ok": 1}


def test_a_new_embedder_embeds_everything_again(desk: Desk) -> None:
    for number in range(6):
        desk.write(f"{number}.txt", f"number {number}")
    desk.sync()
    ids = desk.library.chunk_ids().tolist()
    desk.embedder = FakeEmbedder("another", dimension=32)
    desk.settings = SyncSettings(embed_chunks=2)
    report = desk.sync()
    assert counts(report) == {"unchanged": 6}
    assert desk.library.embedder_name == "another" and desk.library.chunk_ids().tolist() == ids
    assert [(len(found), vectors.shape[1]) for found, vectors in desk.library.embeddings()] == [(6, 32)]
    assert [(e.done, e.total) for e in desk.events if e.kind == "embedding"] == [(2, 6), (4, 6), (6, 6)]


def test_a_cancelled_change_of_embedder_goes_on(desk: Desk) -> None:
    for number in range(6):
        desk.write(f"{number}.txt", f"number {number}")
    desk.sync()
    desk.embedder = FakeEmbedder("another", dimension=32)
    desk.settings = SyncSettings(embed_chunks=2)
    cancel = threading.Event()
    assert desk.syncer().run(None, lambda event: cancel.set(), cancel).cancelled
    desk.sync()
    assert sum(len(ids) for ids, _ in desk.library.embeddings()) == 6


def test_a_full_disk_keeps_what_is_finished(desk: Desk) -> None:
    desk.write("a.txt", "first")
    desk.sync()
    with desk.library.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    for number in range(200):
        desk.write(f"{number}.txt", f"number {number} " + "and so on " * 50)
    with pytest.raises(LibraryError, match="full"):
        desk.sync()
    desk.library.check()
    assert desk.finds("first") == ["a.txt"]
    with desk.library.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    desk.sync()
    assert desk.library.counts()["ok"] == 201


def test_a_second_sync_at_the_same_time_is_refused(desk: Desk) -> None:
    desk.write("a.txt", "text")
    desk.sync()
    with writing(desk.library.path.parent):
        with pytest.raises(LibraryLocked):
            desk.syncer().run()
        assert desk.finds("text") == ["a.txt"]


def test_locations_that_cannot_be_used(desk: Desk) -> None:
    syncer = desk.syncer()
    for location, reason in [
        (str(desk.folder / "gone"), "no file or folder"),
        ("https://example.org/page", "cannot read"),
        ("", "neither|no file|"),
    ]:
        if location:
            with pytest.raises(SourceError, match=reason) as caught:
                syncer.add(location)
            assert caught.value.remedy
    with pytest.raises(SourceError, match="not among"):
        syncer.remove(str(desk.folder))
    assert desk.library.sources() == []


def test_removing_a_source_forgets_its_documents(desk: Desk) -> None:
    desk.write("a.txt", "text")
    desk.sync()
    assert desk.syncer().remove(str(desk.folder) + os.sep) == 1
    assert desk.library.sources() == [] and desk.library.documents() == []
    desk.library.check()


# -- YouTube -----------------------------------------------------------------------------------------------------------
