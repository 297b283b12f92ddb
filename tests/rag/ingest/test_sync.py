"""Syncs of real folders with real parsers in child processes; only the embedder is a fake."""

import os
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from rag.errors import LibraryError, LibraryLocked, SourceError
from rag.ingest.sources.ignore import Patterns
from rag.ingest.sync import SyncSettings
from rag.store.library import Library
from rag.types import Filter
from tests.rag.fakes import FakeEmbedder
from tests.rag.workbench import Workbench, bench, counts

__all__ = ["bench"]  # the fixture


def test_a_folder_is_read_chunked_embedded_and_found(bench: Workbench) -> None:
    bench.write("a.txt", "The lighthouse keeper wrote a diary.")
    bench.write("sub/b.md", "# Birds\n\nGulls nest on the cliff.")
    report = bench.sync()
    assert counts(report) == {"ok": 2}
    assert report.counts["chunks"] == bench.library.counts()["chunks"] == len(bench.library.chunk_ids()) >= 2
    assert {Path(d.path).name for d in report.documents} == {"a.txt", "b.md"}
    assert bench.finds("lighthouse") == ["a.txt"]
    assert bench.finds("birds") == ["b.md"]
    assert bench.library.embedder_name == bench.embedder.name
    assert not report.cancelled


def test_events_tell_the_truth(bench: Workbench) -> None:
    for number in range(5):
        bench.write(f"{number}.txt", f"text {number}")
    bench.write("empty.txt", "")
    bench.sync()
    assert bench.events[0].kind == "scanned" and bench.events[0].total == 6
    finished = [event for event in bench.events if event.kind == "document"]
    assert [event.done for event in finished] == [1, 2, 3, 4, 5, 6]
    stored = {document.path: document for document in bench.library.documents()}
    assert {(e.path, e.status, e.error, e.chunks) for e in finished} == {
        (d.path, d.status, d.error, d.chunks) for d in stored.values()
    }
    assert stored[str(bench.folder / "empty.txt")].status == "skipped"
    assert bench.events[-1].kind == "done"


def test_nothing_is_read_twice(bench: Workbench) -> None:
    for number in range(10):
        bench.write(f"{number}.txt", f"text {number}")
    bench.sync()
    embedded, generation = bench.embedder.passages_embedded, bench.library.generation
    report = bench.sync()
    assert counts(report) == {"unchanged": 10} and report.documents == ()
    assert (bench.embedder.passages_embedded, bench.library.generation) == (embedded, generation)


def test_a_changed_file_is_read_alone(bench: Workbench) -> None:
    bench.write("a.txt", "first version")
    bench.write("b.txt", "other")
    bench.sync()
    before = bench.documents()
    bench.write("a.txt", "second version, longer")
    report = bench.sync()
    assert counts(report) == {"ok": 1, "unchanged": 1}
    assert bench.documents()["a.txt"].id == before["a.txt"].id
    assert bench.finds("first") == [] and bench.finds("second") == ["a.txt"]


def test_a_file_saved_anew_without_a_change_is_not_read(bench: Workbench) -> None:
    path = bench.write("a.txt", "same")
    bench.sync()
    os.utime(path, ns=(1, 1))
    embedded = bench.embedder.passages_embedded
    assert counts(bench.sync()) == {"unchanged": 1}
    assert bench.embedder.passages_embedded == embedded
    assert bench.documents()["a.txt"].mtime_ns == path.stat().st_mtime_ns


@pytest.mark.skipif(sys.platform == "win32", reason="its files have no such times")
@pytest.mark.parametrize("seconds", [10**11, -(10**11)])
def test_a_file_from_a_year_that_no_database_knows(bench: Workbench, seconds: int) -> None:
    path = bench.write("a.txt", "The ferry leaves at noon.")
    bench.write("b.txt", "The lamp is lit at dusk.")
    try:
        os.utime(path, (seconds, seconds))
    except (OSError, OverflowError):
        pytest.skip("the disk keeps no such times")
    assert counts(bench.sync()) == {"ok": 2}
    assert counts(bench.sync()) == {"unchanged": 2}
    assert bench.finds("ferry") == ["a.txt"]


def test_deleted_files_disappear(bench: Workbench) -> None:
    path = bench.write("sub/a.txt", "here today")
    bench.write("b.txt", "stays")
    bench.sync()
    path.unlink()
    report = bench.sync()
    assert counts(report) == {"removed": 1, "unchanged": 1} and report.removed == (str(path),)
    assert bench.finds("today") == [] and list(bench.documents()) == ["b.txt"]


def test_a_moved_file_keeps_its_id_and_chunks(bench: Workbench) -> None:
    path = bench.write("a.txt", "an unusual content")
    bench.sync()
    before, chunks = bench.documents()["a.txt"], bench.library.chunk_ids().tolist()
    embedded = bench.embedder.passages_embedded
    (bench.folder / "sub").mkdir()
    path.rename(bench.folder / "sub" / "a.txt")
    report = bench.sync()
    assert counts(report) == {"renamed": 1}
    after = bench.documents()[os.path.join("sub", "a.txt")]  # noqa: PTH118 - as a string
    assert after.id == before.id and bench.library.chunk_ids().tolist() == chunks
    assert bench.embedder.passages_embedded == embedded
    assert counts(bench.sync()) == {"unchanged": 1}


def test_renamed_source_code_is_found_by_its_new_name(bench: Workbench) -> None:
    path = bench.write("harbour.py", "def tide():\n    return 1\n")
    bench.sync()
    path.rename(bench.folder / "lagoon.py")
    assert counts(bench.sync()) == {"renamed": 1}
    assert bench.documents()["lagoon.py"].title == "lagoon.py"
    assert bench.finds("lagoon") == ["lagoon.py"] and bench.finds("harbour") == []


def test_a_renamed_file_is_found_by_its_new_name(bench: Workbench) -> None:
    path = bench.write("harbour.txt", "an unusual content")
    bench.sync()
    before = bench.documents()["harbour.txt"]
    path.rename(bench.folder / "lagoon.txt")
    assert counts(bench.sync()) == {"renamed": 1}
    after = bench.documents()["lagoon.txt"]
    assert (before.title, after.title, after.id) == ("harbour", "lagoon", before.id)
    assert bench.finds("lagoon") == ["lagoon.txt"] and bench.finds("harbour") == []
    assert [len(ids) for ids, _ in bench.library.embeddings()] == [1]


def test_of_two_equal_files_one_may_go(bench: Workbench) -> None:
    first = bench.write("a.txt", "twin")
    bench.write("b.txt", "twin")
    bench.sync()
    first.rename(bench.folder / "c.txt")
    assert counts(bench.sync()) == {"renamed": 1, "unchanged": 1}
    assert sorted(bench.documents()) == ["b.txt", "c.txt"]


def test_overlapping_sources_hold_a_file_once(bench: Workbench) -> None:
    single = bench.write("in/a.txt", "inner")
    bench.write("b.txt", "outer")
    bench.sync(bench.folder, bench.folder / "in", single)
    assert len(bench.library.documents()) == 2
    assert counts(bench.sync(bench.folder)) == {"unchanged": 2}
    assert bench.syncer().remove(str(bench.folder)) == 1
    assert counts(bench.sync(bench.folder / "in")) == {"unchanged": 1}


def test_a_folder_that_is_not_there_keeps_its_documents(bench: Workbench) -> None:
    bench.write("a.txt", "on the drive")
    bench.sync()
    away = bench.folder.rename(bench.folder.parent / "unplugged")
    report = bench.syncer().run()
    assert [source.location for source in report.unreachable] == [str(bench.folder)]
    assert counts(report) == {} and bench.finds("drive") == ["a.txt"]
    assert "unplugged" in report.troubles[0].reason
    away.rename(bench.folder)
    assert counts(bench.sync()) == {"unchanged": 1}


def test_a_single_file_that_was_deleted_goes(bench: Workbench) -> None:
    path = bench.write("a.txt", "alone")
    bench.sync(path)
    path.unlink()
    assert counts(bench.syncer().run()) == {"removed": 1}


def test_a_huge_file_is_skipped_unread_with_the_limit(bench: Workbench) -> None:
    path = bench.folder / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)
    assert counts(bench.sync()) == {"skipped": 1}
    document = bench.documents()["huge.txt"]
    assert document.content_hash == ""  # not even hashed
    assert document.error is not None and "2,000 MB" in document.error and "200 MB" in document.error
    assert counts(bench.sync()) == {"unchanged": 1}


def test_a_raised_limit_lets_a_skipped_file_in(bench: Workbench) -> None:
    bench.write("a.txt", "text " * 100)
    bench.settings = SyncSettings(max_file_mb=0.0001)
    assert counts(bench.sync()) == {"skipped": 1}
    bench.settings = SyncSettings()
    assert counts(bench.sync()) == {"ok": 1}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be made here")
@pytest.mark.parametrize("name", ["new\nline.txt", "\udcff\udcfe.txt", "snow\N{SNOWMAN}.txt", "-rf.txt", "a b'c\".txt"])
def test_odd_names(bench: Workbench, name: str) -> None:
    bench.write(name, "oddly named")
    assert counts(bench.sync()) == {"ok": 1}
    assert list(bench.documents()) == [name]
    assert counts(bench.sync()) == {"unchanged": 1}
    (bench.folder / name).unlink()
    assert counts(bench.sync()) == {"removed": 1}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_fails_and_is_tried_again(bench: Workbench) -> None:
    path = bench.write("a.txt", "secret")
    path.chmod(0)
    assert counts(bench.sync()) == {"failed": 1}
    assert "ermi" in str(bench.documents()["a.txt"].error)
    path.chmod(0o600)
    assert counts(bench.sync()) == {"ok": 1}


def test_a_new_embedder_embeds_everything_again(bench: Workbench) -> None:
    for number in range(6):
        bench.write(f"{number}.txt", f"number {number}")
    bench.sync()
    ids = bench.library.chunk_ids().tolist()
    bench.embedder = FakeEmbedder("another", dimension=32)
    bench.settings = SyncSettings(embed_chunks=2)
    report = bench.sync()
    assert counts(report) == {"unchanged": 6}
    assert bench.library.embedder_name == "another" and bench.library.chunk_ids().tolist() == ids
    assert [(len(found), vectors.shape[1]) for found, vectors in bench.library.embeddings()] == [(6, 32)]
    assert [(e.done, e.total) for e in bench.events if e.kind == "embedding"] == [(2, 6), (4, 6), (6, 6)]


def test_a_cancelled_change_of_embedder_goes_on(bench: Workbench) -> None:
    for number in range(6):
        bench.write(f"{number}.txt", f"number {number}")
    bench.sync()
    bench.embedder = FakeEmbedder("another", dimension=32)
    bench.settings = SyncSettings(embed_chunks=2)
    cancel = threading.Event()
    assert bench.syncer().run(None, lambda event: cancel.set(), cancel).cancelled
    bench.sync()
    assert sum(len(ids) for ids, _ in bench.library.embeddings()) == 6


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path) -> None:
    bench = Workbench(tmp_path, lambda folder: Library.open(folder / "library.db"))
    bench.write("a.txt", "first")
    bench.sync()
    with bench.library.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    for number in range(200):
        bench.write(f"{number}.txt", f"number {number} " + "and so on " * 50)
    with pytest.raises(LibraryError, match="full"):
        bench.sync()
    bench.library.check()
    assert bench.finds("first") == ["a.txt"]
    with bench.library.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    bench.sync()
    assert bench.library.counts()["ok"] == 201
    bench.library.close()


def test_a_second_sync_at_the_same_time_is_refused(bench: Workbench) -> None:
    bench.write("a.txt", "text")
    bench.sync()
    with bench.library.writing():
        with pytest.raises(LibraryLocked):
            bench.syncer().run()
        assert bench.finds("text") == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no folder in memory")
@pytest.mark.parametrize("follow_links", [False, True])
def test_a_source_in_a_folder_in_memory_is_read(bench: Workbench, follow_links: bool) -> None:
    bench.settings = SyncSettings(follow_links=follow_links)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        Path(folder, "a.txt").write_text("kept in memory")
        assert counts(bench.sync(Path(folder))) == {"ok": 1} and bench.finds("memory") == ["a.txt"]
        assert counts(bench.sync(Path(folder))) == {"unchanged": 1}


def test_locations_that_cannot_be_used(bench: Workbench) -> None:
    syncer = bench.syncer()
    for location, reason in [
        (str(bench.folder / "gone"), "no file or folder"),
        ("https://example.org/page", "cannot read"),
        ("", "neither|no file|"),
    ]:
        if location:
            with pytest.raises(SourceError, match=reason) as caught:
                syncer.add(location)
            assert caught.value.remedy
    with pytest.raises(SourceError, match="not among"):
        syncer.remove(str(bench.folder))
    assert bench.library.sources() == []


def test_removing_a_source_forgets_its_documents(bench: Workbench) -> None:
    bench.write("a.txt", "text")
    bench.sync()
    assert bench.syncer().remove(str(bench.folder) + os.sep) == 1
    assert bench.library.sources() == [] and bench.library.documents() == []
    bench.library.check()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no time of status change")
def test_a_new_content_of_the_same_size_and_time_is_noticed(bench: Workbench) -> None:
    path = bench.write("a.txt", "code 1111")
    bench.sync()
    before = path.stat()
    path.write_text("code 9999")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counts(bench.sync()) == {"ok": 1}
    assert bench.finds("9999") == ["a.txt"] and bench.finds("1111") == []
    path.chmod(0o600)
    assert counts(bench.sync()) == {"unchanged": 1}


def test_a_file_in_the_cloud_keeps_what_was_read_of_it(bench: Workbench) -> None:
    path = bench.write("report.txt", "read before it was moved to the cloud")
    bench.sync()
    path.unlink()
    bench.write(".report.txt.icloud", "bplist00")
    report = bench.sync()
    assert [(trouble.path, "cloud" in trouble.reason) for trouble in report.troubles] == [(str(path), True)]
    assert bench.finds("moved") == ["report.txt"]


def test_documents_are_read_anew_where_that_is_asked_for(bench: Workbench) -> None:
    for name in ("a.txt", "below/b.txt", "below/c.txt"):
        bench.write(name, f"Words of {name}.")
    bench.sync()
    assert counts(bench.sync()) == {"unchanged": 3}
    report = bench.sync(anew=Filter(folders=(str(bench.folder / "below"),)))
    assert counts(report) == {"ok": 2, "unchanged": 1}
    assert {Path(document.path).name for document in report.documents} == {"b.txt", "c.txt"}
    assert counts(bench.sync(anew=Filter())) == {"ok": 3}


def test_a_preview_names_what_each_pattern_leaves_out_and_changes_nothing(bench: Workbench) -> None:
    for name in ("a.txt", "drafts/b.txt", "drafts/old/c.txt", "notes/d.tmp.txt", "notes/.docentignore", "e.md"):
        bench.write(name, "secret*\n" if name.endswith("ignore") else f"Words of {name}.")
    bench.write("notes/Secret.txt", "Not for anybody.")
    bench.settings = SyncSettings(patterns=Patterns(include=("*.txt",), exclude=("drafts/", "*.tmp.txt")))
    seen = bench.syncer().preview([str(bench.folder)])
    assert [os.path.relpath(path, bench.folder) for path in seen.files] == ["a.txt"] and seen.to_read == seen.files
    left_out = {
        (one.pattern, Path(one.place).name): ([os.path.relpath(path, bench.folder) for path in one.paths], one.files)
        for one in seen.left_out
    }
    assert left_out == {
        ("drafts/", "library.exclude"): (["drafts"], 2),
        ("*.tmp.txt", "library.exclude"): (["notes/d.tmp.txt"], 1),
        ("secret*", ".docentignore"): (["notes/Secret.txt"], 1),
        ("", "library.include"): (["e.md"], 1),
    }
    assert bench.library.sources() == []
