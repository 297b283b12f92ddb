"""What every library does, through its public methods, against values worked out by hand: SQLite's and PostgreSQL's."""

import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.errors import LibraryError
from rag.store.protocols import FileState, LibraryStore
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Block, Filter, ParsedDocument
from tests.rag.conftest import OpenLibrary
from tests.rag.store.filling import TEXT, fill, parsed, store


@pytest.fixture
def library(open_library: OpenLibrary, tmp_path: Path) -> Iterator[LibraryStore]:
    opened = open_library(tmp_path)
    yield opened
    opened.close()


def test_a_stored_document_comes_back(library: LibraryStore) -> None:
    (id_,) = fill(library, "/data/a.txt")
    document = library.document(id_)
    assert document is not None
    assert (document.path, document.title, document.status, document.chunks) == ("/data/a.txt", "Greek", "ok", 2)
    assert library.document_text(id_) == TEXT
    assert library.document_at("/data/a.txt") == document
    first, second = library.chunk_range(id_, 0, 9)
    assert TEXT[second.start : second.end] == second.text == "Gamma delta."
    assert (second.page, second.page_label, second.start_s) == (2, "iv", 7.5)
    assert second.heading_path == ("Top", "Sub")
    assert library.chunks([second.id, 999, first.id]) == {second.id: (second, document), first.id: (first, document)}
    assert list(library.chunks([second.id, first.id])) == [second.id, first.id]
    assert library.counts() == {"ok": 1, "failed": 0, "skipped": 0, "chunks": 2}


def test_page_and_time_of_a_position(library: LibraryStore) -> None:
    (id_,) = fill(library, "/data/a.txt")
    assert library.locate(id_, 0) == (1, None, None)
    assert library.locate(id_, 12) == (1, None, None)
    assert library.locate(id_, 13) == (2, 7.5, "iv")
    assert library.locate(999, 0) == (None, None, None)


def test_pages_of_a_document_without_text(library: LibraryStore) -> None:
    """One that was not read, or whose places are damaged, has none."""
    assert library.page_spans(404, 1) == []


def test_embeddings_come_in_the_order_of_ids(library: LibraryStore) -> None:
    fill(library, "/data/a.txt", "/data/b.txt")
    ((ids, vectors),) = list(library.embeddings())
    assert ids.tolist() == library.chunk_ids().tolist()
    assert vectors.dtype == np.float16 and vectors.tolist() == [[0, 1, 0, 0], [1, 1, 0, 0]] * 2
    assert list(library.embeddings([12345])) == []  # all that was asked for is gone
    ((some, one),) = list(library.embeddings([int(ids[3]), 12345]))
    assert some.tolist() == [ids[3]] and one.tolist() == [[1, 1, 0, 0]]


def test_many_embeddings_come_in_batches_without_a_gap(library: LibraryStore) -> None:
    writer = library.writer()
    with writer.transaction():
        source = writer.add_source("folder", "/data")
        for number in range(10):
            blocks = tuple(Block(2 * at, 2 * at + 1) for at in range(500))
            store(library, source, f"/data/{number}", ParsedDocument("a " * 500, blocks, "title", "text/plain"), writer)
    batches = list(library.embeddings())
    assert len(batches) > 1
    assert np.concatenate([ids for ids, _ in batches]).tolist() == library.chunk_ids().tolist()
    assert sum(len(ids) for ids, _ in library.embeddings(library.chunk_ids().tolist())) == 5000


def test_a_replaced_document_keeps_its_id_and_its_chunks_get_new_ones(library: LibraryStore) -> None:
    (id_,) = fill(library, "/data/a.txt")
    before, generation = set(library.chunk_ids().tolist()), library.generation
    writer = library.writer()
    with writer.transaction():
        assert store(library, library.sources()[0], "/data/a.txt", parsed("Omega only."), writer) == id_
    after = library.chunk_ids().tolist()
    assert len(after) == 1 and min(after) > max(before)
    assert library.generation > generation
    assert library.full_text_search("gamma", 5) == []
    assert [hit for hit, _ in library.full_text_search("omega", 5)] == after
    library.check()


def test_deleting_leaves_nothing_behind(library: LibraryStore) -> None:
    one, two = fill(library, "/data/a.txt", "/data/b.txt")
    writer = library.writer()
    with writer.transaction():
        writer.delete([one])
    assert [document.id for document in library.documents()] == [two]
    assert library.document_text(one) == ""
    assert len(library.chunk_ids()) == 2
    assert len(library.full_text_search("alpha", 9)) == 1
    library.check()


def test_an_error_inside_a_transaction_undoes_all_of_it(library: LibraryStore) -> None:
    fill(library, "/data/a.txt")
    writer = library.writer()
    with pytest.raises(RuntimeError), writer.transaction():
        store(library, library.sources()[0], "/data/b.txt", parsed(), writer)
        raise RuntimeError
    assert [document.path for document in library.documents()] == ["/data/a.txt"]


def test_filters_by_document_and_folder(library: LibraryStore) -> None:
    paths = ["/data/a.txt", "/data/a/x.txt", "/data/a/deep/y.txt", "/data/ab/z.txt"]
    paths = [path.replace("/", os.sep) for path in paths]
    ids = fill(library, *paths, location=f"{os.sep}data")
    below = Filter(folders=(f"{os.sep}data{os.sep}a",))
    assert [d.path for d in library.documents(below)] == [paths[2], paths[1]]
    assert {d.id for d in library.documents(Filter(folders=(paths[0], paths[3])))} == {ids[0], ids[3]}
    both = Filter(document_ids=frozenset({ids[0], ids[1]}), folders=below.folders)
    assert [d.id for d in library.documents(both)] == [ids[1]]
    chunks = library.chunks(library.chunk_ids(both).tolist())
    assert len(chunks) == 2 and {d.id for _, d in chunks.values()} == {ids[1]}
    assert {hit for hit, _ in library.full_text_search("gamma alpha", 9, both)} == set(chunks)
    assert library.chunk_ids(Filter(folders=("/elsewhere",))).size == 0


def test_a_playlist_is_a_folder_of_its_videos(library: LibraryStore) -> None:
    playlist = "https://www.youtube.com/playlist?list=PL1"
    (id_,) = fill(library, "https://www.youtube.com/watch?v=abc", location=playlist)
    fill(library, "/data/a.txt")
    assert [d.id for d in library.documents(Filter(folders=(playlist,)))] == [id_]


@pytest.mark.parametrize("name", ["new\nline", "snow\N{SNOWMAN}", "un\udcffdecodable", "lone\ud83dhalf", "a'b\"c;--"])
def test_any_file_name_round_trips(library: LibraryStore, name: str) -> None:
    (id_,) = fill(library, f"/data/{name}")
    document = library.document(id_)
    assert document is not None and document.path == f"/data/{name}"
    assert library.document_at(f"/data/{name}") == document


def test_removing_a_source_spares_what_lies_in_another(library: LibraryStore) -> None:
    writer = library.writer()
    outer, inner = f"{os.sep}data", f"{os.sep}data{os.sep}in"
    fill(library, f"{outer}{os.sep}a.txt", f"{inner}{os.sep}b.txt", location=outer)
    with writer.transaction():
        kept = writer.add_source("folder", inner)
        assert writer.remove_source(library.sources()[0]) == 1
    assert [(d.path, d.source_id) for d in library.documents()] == [(f"{inner}{os.sep}b.txt", kept.id)]
    library.check()


def test_adding_a_source_twice_gives_the_same(library: LibraryStore) -> None:
    writer = library.writer()
    with writer.transaction():
        assert writer.add_source("folder", "/data") == writer.add_source("folder", "/data")
    assert len(library.sources()) == 1


def test_a_changed_embedder_leaves_chunks_to_embed_again(library: LibraryStore) -> None:
    fill(library, "/data/a.txt")
    writer = library.writer()
    with writer.transaction():
        writer.change_embedder("other")
    assert library.embedder_name == "other"
    assert list(library.embeddings()) == []
    waiting = writer.chunks_to_embed(10)
    assert [text for _, _, text in waiting] == ["Alpha beta.", "Gamma delta."]
    with writer.transaction():
        writer.put_vectors([waiting[0][0]], np.ones((1, 8), dtype=np.float16))
    ((ids, vectors),) = list(library.embeddings())
    assert ids.tolist() == [waiting[0][0]] and vectors.shape == (1, 8)
    assert [id_ for id_, _, _ in writer.chunks_to_embed(10)] == [waiting[1][0]]


def test_a_failed_file_has_a_reason_and_no_chunks(library: LibraryStore) -> None:
    (id_,) = fill(library, "/data/a.txt")
    writer = library.writer()
    with writer.transaction():
        state = FileState(library.sources()[0].id, "/data/a.txt", 1, 2, "")
        assert writer.put_status(state, "failed", "It is damaged.") == id_
    document = library.document(id_)
    assert document is not None
    assert (document.status, document.error, document.chunks) == ("failed", "It is damaged.", 0)
    assert library.chunk_ids().size == 0


def test_each_thread_reads_for_itself_while_one_writes(library: LibraryStore) -> None:
    fill(library, "/data/a.txt")
    writer, seen, failures = library.writer(), [], []

    def read() -> None:
        try:
            seen.append(len(library.documents()))
        except LibraryError as error:  # pragma: no cover - the failure that this test looks for
            failures.append(error)

    with writer.transaction():
        store(library, library.sources()[0], "/data/b.txt", parsed(), writer)
        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    read()
    assert failures == [] and seen == [1] * 8 + [2]


def test_tables_come_back_where_they_stand_and_go_with_their_document(library: LibraryStore) -> None:
    first = TableSpans(("Port", "2030"), 1, (TableRow(0, 11, (0, 4, 0, 7, 4, 1)),))
    second = TableSpans(("", ""), 1, (TableRow(13, 25, (0, 5, 0, 6, 6, 1)),), records=True, caption="Ports")
    blocks = (Block(0, 11, "table", table=first), Block(13, 25, "table", table=second))
    writer = library.writer()
    with writer.transaction():
        source = writer.add_source("folder", "/data")
        id_ = store(library, source, "/data/a.txt", ParsedDocument(TEXT, blocks, "Greek", "text/plain"), writer)
    assert library.tables(id_, 0, 100) == (first, second)
    assert tuple(library.all_tables(id_)) == (first, second)
    for start, end in ((first.start, first.end), (second.start, second.end), (first.end, second.start), (0, 1)):
        assert tuple(library.all_tables(id_, start, end)) == library.tables(id_, start, end)
    assert library.tables(id_, 11, 14) == (second,)
    assert library.tables(id_, 11, 13) == ()
    with writer.transaction():
        store(library, source, "/data/a.txt", parsed(), writer)
    assert library.tables(id_, 0, 100) == ()


def test_who_reads_while_the_library_is_closed_is_told(library: LibraryStore) -> None:
    fill(library, *(f"/data/{i}.txt" for i in range(200)))
    reading = threading.Barrier(4)
    told: list[str] = []

    def read() -> None:
        try:
            for number in itertools.count():
                list(library.documents())
                if number == 1:
                    reading.wait()
        except LibraryError as error:
            told.append(error.message)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    reading.wait()
    library.close()
    for thread in threads:
        thread.join()
    assert told == ["The library is closed."] * 3


def test_what_another_one_commits_is_seen(library: LibraryStore, open_library: OpenLibrary, tmp_path: Path) -> None:
    other = open_library(tmp_path)
    generation = other.generation
    fill(library, "/data/a.txt")
    assert [document.path for document in other.documents()] == ["/data/a.txt"]
    assert other.generation > generation
    other.check()
    other.close()


def test_the_nearest_vectors_are_found(library: LibraryStore) -> None:
    first, second = fill(library, "/data/a.txt", "/data/b.txt")
    with library.writer().transaction():
        library.writer().change_embedder("e")
    ids = library.chunk_ids()
    rows = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, 1]], dtype=np.float16)
    with library.writer().transaction():
        library.writer().put_vectors(ids.tolist(), rows)
    vectors = library.vectors()
    vectors.refresh()
    assert (vectors.embedder_name, len(vectors)) == ("e", 4)
    query = np.array([0, 1, 0], dtype=np.float32)
    found = vectors.search(query, 2)
    assert [id_ for id_, _ in found] == [ids[1], ids[2]]
    assert [score for _, score in found] == pytest.approx([1.0, 0.8], abs=1e-3)
    only = library.chunk_ids(Filter(document_ids=frozenset({second})))
    assert [id_ for id_, _ in vectors.search(query, 5, only)] == [ids[2], ids[3]]
    assert vectors.search(query, 5, ids[:0]) == [] and first != second


def test_an_empty_library_has_no_vectors(library: LibraryStore) -> None:
    vectors = library.vectors()
    vectors.refresh()
    assert (vectors.embedder_name, len(vectors)) == (None, 0)
    assert vectors.search(np.ones(3, dtype=np.float32), 5) == []


def test_who_writes_keeps_others_out_until_it_ends(
    library: LibraryStore, open_library: OpenLibrary, tmp_path: Path
) -> None:
    other = open_library(tmp_path)
    with library.writing(), pytest.raises(LibraryError, match=r"already|writing"), other.writing(0.05):
        pass
    with other.writing():
        pass
    other.close()
