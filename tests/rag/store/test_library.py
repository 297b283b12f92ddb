"""The library through its public methods, against values worked out by hand."""

import itertools
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.errors import LibraryError
from rag.store import schema
from rag.store.library import Library
from rag.store.writer import FileState, LibraryWriter
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Block, Chunk, Filter, ParsedDocument, Source

TEXT = "Alpha beta.\n\nGamma delta."


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db") as opened:
        yield opened


def parsed(text: str = TEXT, title: str = "Greek") -> ParsedDocument:
    first = text.find("\n\n") if "\n\n" in text else len(text)
    blocks = [Block(0, first, page=1)]
    if first < len(text):
        blocks.append(Block(first + 2, len(text), page=2, start_s=7.5, page_label="iv"))
    return ParsedDocument(text, tuple(blocks), title, "text/plain")


def store(library: Library, source: Source, path: str, document: ParsedDocument, writer: LibraryWriter) -> int:
    chunks = [
        Chunk(
            0,
            i,
            b.start,
            b.end,
            document.text[b.start : b.end],
            ("Top", "Sub"),
            b.page,
            b.start_s,
            page_label=b.page_label,
        )
        for i, b in enumerate(document.blocks)
    ]
    vectors = np.array([[i, 1, 0, 0] for i in range(len(chunks))], dtype=np.float16)
    file = FileState(source.id, path, len(document.text), 5, "hash-of-" + path.encode("utf-8", "replace").decode())
    return writer.put_document(file, document, chunks, [f"{document.title} > Top"] * len(chunks), vectors)


def fill(library: Library, *paths: str, location: str = "/data") -> list[int]:
    writer = LibraryWriter(library)
    with writer.transaction():
        source = writer.add_source("folder", location)
        return [store(library, source, path, parsed(), writer) for path in paths]


def test_a_stored_document_comes_back(library: Library) -> None:
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


def test_page_and_time_of_a_position(library: Library) -> None:
    (id_,) = fill(library, "/data/a.txt")
    assert library.locate(id_, 0) == (1, None, None)
    assert library.locate(id_, 12) == (1, None, None)
    assert library.locate(id_, 13) == (2, 7.5, "iv")
    assert library.locate(999, 0) == (None, None, None)


def test_embeddings_come_in_the_order_of_ids(library: Library) -> None:
    fill(library, "/data/a.txt", "/data/b.txt")
    ((ids, vectors),) = list(library.embeddings())
    assert ids.tolist() == library.chunk_ids().tolist()
    assert vectors.dtype == np.float16 and vectors.tolist() == [[0, 1, 0, 0], [1, 1, 0, 0]] * 2
    assert list(library.embeddings([12345])) == []  # all that was asked for is gone
    ((some, one),) = list(library.embeddings([int(ids[3]), 12345]))
    assert some.tolist() == [ids[3]] and one.tolist() == [[1, 1, 0, 0]]


def test_many_embeddings_come_in_batches_without_a_gap(library: Library) -> None:
    fill(library, *(f"/data/{i}.txt" for i in range(2500)))
    batches = list(library.embeddings())
    assert len(batches) > 1
    assert np.concatenate([ids for ids, _ in batches]).tolist() == library.chunk_ids().tolist()
    assert sum(len(ids) for ids, _ in library.embeddings(library.chunk_ids().tolist())) == 5000


def test_a_replaced_document_keeps_its_id_and_its_chunks_get_new_ones(library: Library) -> None:
    (id_,) = fill(library, "/data/a.txt")
    before, generation = set(library.chunk_ids().tolist()), library.generation
    writer = LibraryWriter(library)
    with writer.transaction():
        assert store(library, library.sources()[0], "/data/a.txt", parsed("Omega only."), writer) == id_
    after = library.chunk_ids().tolist()
    assert len(after) == 1 and min(after) > max(before)
    assert library.generation > generation
    assert library.full_text_search("gamma", 5) == []
    assert [hit for hit, _ in library.full_text_search("omega", 5)] == after
    library.check()


def test_deleting_leaves_nothing_behind(library: Library) -> None:
    one, two = fill(library, "/data/a.txt", "/data/b.txt")
    writer = LibraryWriter(library)
    with writer.transaction():
        writer.delete([one])
    assert [document.id for document in library.documents()] == [two]
    assert library.document_text(one) == ""
    assert len(library.chunk_ids()) == 2
    assert len(library.full_text_search("alpha", 9)) == 1
    library.check()


def test_an_error_inside_a_transaction_undoes_all_of_it(library: Library) -> None:
    fill(library, "/data/a.txt")
    writer = LibraryWriter(library)
    with pytest.raises(RuntimeError), writer.transaction():
        store(library, library.sources()[0], "/data/b.txt", parsed(), writer)
        raise RuntimeError
    assert [document.path for document in library.documents()] == ["/data/a.txt"]


def test_filters_by_document_and_folder(library: Library) -> None:
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


def test_a_playlist_is_a_folder_of_its_videos(library: Library) -> None:
    playlist = "https://www.youtube.com/playlist?list=PL1"
    (id_,) = fill(library, "https://www.youtube.com/watch?v=abc", location=playlist)
    fill(library, "/data/a.txt")
    assert [d.id for d in library.documents(Filter(folders=(playlist,)))] == [id_]


@pytest.mark.parametrize("name", ["new\nline", "snow\N{SNOWMAN}", "un\udcffdecodable", "lone\ud83dhalf", "a'b\"c;--"])
def test_any_file_name_round_trips(library: Library, name: str) -> None:
    (id_,) = fill(library, f"/data/{name}")
    document = library.document(id_)
    assert document is not None and document.path == f"/data/{name}"
    assert library.document_at(f"/data/{name}") == document


def test_removing_a_source_spares_what_lies_in_another(library: Library) -> None:
    writer = LibraryWriter(library)
    outer, inner = f"{os.sep}data", f"{os.sep}data{os.sep}in"
    fill(library, f"{outer}{os.sep}a.txt", f"{inner}{os.sep}b.txt", location=outer)
    with writer.transaction():
        kept = writer.add_source("folder", inner)
        assert writer.remove_source(library.sources()[0]) == 1
    assert [(d.path, d.source_id) for d in library.documents()] == [(f"{inner}{os.sep}b.txt", kept.id)]
    library.check()


def test_adding_a_source_twice_gives_the_same(library: Library) -> None:
    writer = LibraryWriter(library)
    with writer.transaction():
        assert writer.add_source("folder", "/data") == writer.add_source("folder", "/data")
    assert len(library.sources()) == 1


def test_a_changed_embedder_leaves_chunks_to_embed_again(library: Library) -> None:
    fill(library, "/data/a.txt")
    writer = LibraryWriter(library)
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


def test_a_failed_file_has_a_reason_and_no_chunks(library: Library) -> None:
    (id_,) = fill(library, "/data/a.txt")
    writer = LibraryWriter(library)
    with writer.transaction():
        state = FileState(library.sources()[0].id, "/data/a.txt", 1, 2, "")
        assert writer.put_status(state, "failed", "It is damaged.") == id_
    document = library.document(id_)
    assert document is not None
    assert (document.status, document.error, document.chunks) == ("failed", "It is damaged.", 0)
    assert library.chunk_ids().size == 0


def test_each_thread_reads_for_itself_while_one_writes(library: Library) -> None:
    fill(library, "/data/a.txt")
    writer, seen, failures = LibraryWriter(library), [], []

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


def test_a_reader_of_another_connection_sees_commits(library: Library) -> None:
    with Library.open(library.path, read_only=True) as reader:
        assert reader.documents() == []
        fill(library, "/data/a.txt")
        assert len(reader.documents()) == 1
        reader.check()


def test_reading_a_library_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no library"):
        Library.open(tmp_path / "library.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_tables_come_back_where_they_stand_and_go_with_their_document(library: Library) -> None:
    first = TableSpans(("Port", "2030"), 1, (TableRow(0, 11, (0, 4, 0, 7, 4, 1)),))
    second = TableSpans(("", ""), 1, (TableRow(13, 25, (0, 5, 0, 6, 6, 1)),), records=True, caption="Ports")
    blocks = (Block(0, 11, "table", table=first), Block(13, 25, "table", table=second))
    writer = LibraryWriter(library)
    with writer.transaction():
        source = writer.add_source("folder", "/data")
        id_ = store(library, source, "/data/a.txt", ParsedDocument(TEXT, blocks, "Greek", "text/plain"), writer)
    assert library.tables(id_, 0, 100) == (first, second)
    assert library.tables(id_, 11, 14) == (second,)
    assert library.tables(id_, 11, 13) == ()
    with writer.transaction():
        store(library, source, "/data/a.txt", parsed(), writer)
    assert library.tables(id_, 0, 100) == ()


def test_files_of_an_older_library_are_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with sqlite3.connect(path) as connection:
        for statement in schema.MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO sources VALUES (1, 'folder', CAST('/data' AS BLOB), 0)")
        for id_, place in enumerate(("/data/a.csv", "https://youtu.be/x"), start=1):
            row = (id_, 1, place.encode(), "t", "text/csv", "ok", None, 0, 3, 7, "hash", 0.0)
            connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()
    with Library.open(path) as library:
        states = [(document.path, document.mtime_ns, document.content_hash) for document in library.documents()]
        assert states == [("/data/a.csv", -1, ""), ("https://youtu.be/x", 7, "hash")]
        assert library.tables(1, 0, 10) == ()


def test_a_library_of_a_newer_version_is_refused_and_kept(library: Library) -> None:
    fill(library, "/data/a.txt")
    library.close()
    with sqlite3.connect(library.path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(LibraryError, match="newer Docent"):
        Library.open(library.path)
    with sqlite3.connect(library.path) as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (1,)
    connection.close()


def test_a_foreign_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="not a Docent library"):
        Library.open(path)
    assert path.read_bytes() == before


def test_who_reads_while_the_library_is_closed_is_told(library: Library) -> None:
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


@pytest.mark.parametrize("damage", ["text", "header", "cut"])
def test_a_damaged_file_is_named_and_kept(library: Library, damage: str) -> None:
    fill(library, *(f"/data/{i}.txt" for i in range(200)))
    LibraryWriter(library).checkpoint()
    library.close()
    content = library.path.read_bytes()
    broken = {"text": b"not a database at all" * 500, "header": b"\0" * 100 + content[100:], "cut": content[:20480]}[
        damage
    ]
    library.path.write_bytes(broken)
    with pytest.raises(LibraryError, match="damaged") as caught, Library.open(library.path):
        pass
    assert str(library.path) in str(caught.value) and "docent repair" in caught.value.remedy
    assert library.path.read_bytes() == broken


def test_damage_inside_is_found_by_a_check_and_kept(library: Library) -> None:
    fill(library, *(f"/data/{i}.txt" for i in range(200)))
    LibraryWriter(library).checkpoint()
    library.close()
    content = bytearray(library.path.read_bytes())
    content[16384:65536] = bytes(i * 37 % 251 for i in range(65536 - 16384))
    library.path.write_bytes(content)
    with Library.open(library.path) as reopened, pytest.raises(LibraryError, match="damaged"):
        reopened.check()
    assert library.path.stat().st_size == len(content)


def test_a_full_disk_loses_nothing(library: Library) -> None:
    fill(library, "/data/a.txt")
    with library.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LibraryError, match="full"):
        fill(library, *(f"/data/{i}.txt" for i in range(500)))
    assert [document.path for document in library.documents()] == ["/data/a.txt"]
    library.check()
    with library.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    fill(library, "/data/b.txt")
    assert len(library.documents()) == 2


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LibraryError, match="cannot be made"):
        Library.open(tmp_path / "file" / "library.db")


def test_a_library_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "library.db")
    for statement in schema.MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO sources VALUES (1, 'folder', x'2f6f', 0)")
    connection.execute(
        "INSERT INTO documents VALUES (1, 1, x'2f6f2f61', 'o', 'text/plain', 'ok', NULL, 1, 1, 1, 'h', 0)"
    )
    connection.execute(
        "INSERT INTO chunks VALUES (1, 1, 0, 0, 40, NULL, NULL, NULL, '[]', 'o', 'Sørensen paid 1.874,00 crowns', '')"
    )
    connection.commit()
    connection.close()
    with Library.open(tmp_path / "library.db") as library:
        assert [id_ for id_, _ in library.full_text_search("1874", 5)] == [1]
        assert [id_ for id_, _ in library.full_text_search("Sorensen", 5)] == [1]
        library.check()
        (id_,) = fill(library, "/data/a.txt")
        assert [chunk.page_label for chunk in library.chunk_range(id_, 0, 9)] == [None, "iv"]


def test_pages_are_counted_and_those_of_an_older_library_are_what_its_passages_tell(library: Library) -> None:
    fill(library, "/data/a.txt")
    (document,) = library.documents()
    assert document.page_count == 2
    library.close()
    with sqlite3.connect(library.path) as connection:
        connection.execute("ALTER TABLE documents DROP COLUMN pages")
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with Library.open(library.path) as opened:
        assert [one.page_count for one in opened.documents()] == [2]
