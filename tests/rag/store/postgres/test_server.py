"""What a PostgreSQL server refuses, what several Docents do at once, and what is left when one or the server dies."""

import tempfile
import threading
from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

from rag.errors import LibraryError, LibraryLocked
from rag.store.postgres import schema
from rag.store.postgres.library import PostgresLibrary
from rag.store.postgres.vectors import make_index
from rag.store.protocols import FileState
from tests.rag.postgres_server import PostgresServer
from tests.rag.store.filling import fill, parsed, store


@pytest.fixture
def url(postgres: PostgresServer, request: pytest.FixtureRequest) -> str:
    return postgres.made(request.node.name[:60])


@pytest.fixture
def library(url: str) -> Iterator[PostgresLibrary]:
    with PostgresLibrary(url) as opened:
        yield opened


def changed(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def test_where_no_server_answers() -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(LibraryError, match="No PostgreSQL server") as told:
        PostgresLibrary(f"postgresql://me:secret@/docs?host={folder}")
    assert "secret" not in str(told.value) and "library.url" in told.value.remedy


def test_a_wrong_address() -> None:
    with pytest.raises(LibraryError, match="no address"):
        PostgresLibrary("postgresql://host/docs?nonsense=1")


def test_a_database_or_a_user_that_is_not_there(postgres: PostgresServer) -> None:
    with pytest.raises(LibraryError, match="no database"):
        PostgresLibrary(postgres.url("nowhere"))
    with pytest.raises(LibraryError, match="nobody_knows"):
        PostgresLibrary(postgres.url("postgres", "nobody_knows"))


def test_a_wrong_password(postgres: PostgresServer, url: str) -> None:
    changed(url, "DROP ROLE IF EXISTS guarded")
    changed(url, "CREATE ROLE guarded LOGIN PASSWORD 'right'")
    rules = postgres.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all guarded scram-sha-256\n{before}")
    try:
        changed(url, "SELECT pg_reload_conf()")
        with pytest.raises(LibraryError, match="refuses") as told:
            PostgresLibrary(url.replace("docent@", "guarded:wrong@"))
        assert "password" in told.value.remedy and "wrong@" not in str(told.value)
    finally:
        rules.write_text(before)
        changed(url, "SELECT pg_reload_conf()")


def test_a_user_who_may_not_make_tables(url: str) -> None:
    changed(url, "CREATE EXTENSION vector")
    changed(url, "DROP ROLE IF EXISTS reader")
    changed(url, "CREATE ROLE reader LOGIN")
    with pytest.raises(LibraryError, match="does not allow"):
        PostgresLibrary(url.replace("docent@", "reader@"))


def test_an_older_pgvector(url: str) -> None:
    changed(url, "CREATE EXTENSION vector")
    changed(url, "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    with pytest.raises(LibraryError, match=r"0\.7\.4") as told:
        PostgresLibrary(url)
    assert "ALTER EXTENSION" in told.value.remedy


def test_a_library_of_a_newer_version_is_refused_and_kept(url: str, library: PostgresLibrary) -> None:
    fill(library, "/data/a.txt")
    changed(url, f"UPDATE docent.meta SET value = '{schema.VERSION + 1}' WHERE key = 'version'")
    with pytest.raises(LibraryError, match="newer Docent"):
        PostgresLibrary(url)
    assert len(library.documents()) == 1


def test_many_docents_make_the_tables_once(url: str) -> None:
    opened: list[PostgresLibrary] = []
    threads = [threading.Thread(target=lambda: opened.append(PostgresLibrary(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.documents() for one in opened] == [[]] * 4
    for one in opened:
        one.close()


def test_several_docents_write_different_folders_at_once(url: str, library: PostgresLibrary) -> None:
    def write(number: int) -> None:
        with PostgresLibrary(url) as own:
            writer = own.writer()
            with writer.transaction():
                source = writer.add_source("folder", f"/data{number}")
            with own.writing(5, [source]):
                for name in range(20):
                    with writer.transaction():
                        store(own, source, f"/data{number}/{name % 15}.txt", parsed(f"Text {name}.\n\nMore."), writer)
                writer.checkpoint()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert library.counts() == {"ok": 60, "failed": 0, "skipped": 0, "chunks": 120}
    library.check()


def test_two_docents_sync_folders_apart_but_not_one_within_the_other(url: str, library: PostgresLibrary) -> None:
    writer = library.writer()
    with writer.transaction():
        outer, inner, other = (writer.add_source("folder", place) for place in ("/data", "/data/deep", "/else"))
    with PostgresLibrary(url) as second, library.writing(0, [outer]):
        with second.writing(0, [other]):
            pass
        with pytest.raises(LibraryLocked, match=r"already syncing|is writing"), second.writing(0.05, [inner]):
            pass
        with pytest.raises(LibraryLocked), second.writing(0.05):
            pass
    with PostgresLibrary(url) as second, second.writing(0):
        pass


def test_a_lost_connection_undoes_the_transaction_and_the_next_try_goes_well(
    url: str, library: PostgresLibrary
) -> None:
    fill(library, "/data/a.txt")
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '{}'"
    end_all = f"SELECT pg_terminate_backend(pid, 10000) {others}"  # waits until they have ended
    statement = end_all.format(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    writer = library.writer()
    with pytest.raises(LibraryError, match="lost") as told, writer.transaction():
        store(library, library.sources()[0], "/data/b.txt", parsed(), writer)
        changed(url, statement)
        store(library, library.sources()[0], "/data/c.txt", parsed(), writer)
    assert "kept" in told.value.remedy
    assert [document.path for document in library.documents()] == ["/data/a.txt"]
    changed(url, statement)
    assert [document.path for document in library.documents()] == ["/data/a.txt"]  # on a new connection
    fill(library, "/data/b.txt")
    assert len(library.documents()) == 2
    library.check()


def test_vectors_of_two_embedders_are_not_mixed(url: str, library: PostgresLibrary) -> None:
    fill(library, "/data/a.txt")
    writer = library.writer()
    with writer.transaction():
        writer.change_embedder("one")
    with PostgresLibrary(url) as other, other.writer().transaction():
        other.writer().change_embedder("two")
    with pytest.raises(LibraryError, match="two"), writer.transaction():
        pass


def test_a_text_with_a_character_that_postgresql_does_not_keep(library: PostgresLibrary) -> None:
    text = "Alpha\0beta."
    with library.writer().transaction():
        writer = library.writer()
        source = writer.add_source("folder", "/data")
        id_ = store(library, source, "/data/a.txt", parsed(text, "Ti\0tle"), writer)
        writer.put_status(FileState(source.id, "/data/b", 1, 1, ""), "failed", "a \0 in it")
    (chunk,) = library.chunk_range(id_, 0, 9)
    assert (len(chunk.text), library.document_text(id_)) == (len(text), text)
    library.check()


def test_the_index_of_vectors_finds_what_comparing_each_finds(library: PostgresLibrary) -> None:
    fill(library, *(f"/data/{number}.txt" for number in range(300)))
    with library.writer().transaction():
        library.writer().change_embedder("e")
    random = np.random.default_rng(0)
    ids = library.chunk_ids()
    rows = random.normal(size=(len(ids), 16)).astype(np.float16)
    with library.writer().transaction():
        library.writer().put_vectors(ids.tolist(), rows)
    server = library._server
    vectors = library.vectors()
    queries = random.normal(size=(20, 16)).astype(np.float32)
    exact = [{id_ for id_, _ in vectors.search(query, 10)} for query in queries]
    make_index(server, indexed_from=100)
    assert server.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'embeddings_by_nearness'::regclass") == [
        (True,)
    ]
    found = [{id_ for id_, _ in vectors.search(query, 10)} for query in queries]
    assert sum(len(one & other) for one, other in zip(exact, found, strict=True)) >= 190
    with library.writer().transaction():
        library.writer().change_embedder("other")  # of another dimension
    with library.writer().transaction():
        library.writer().put_vectors(ids.tolist(), rows[:, :8])
    assert len(vectors.search(queries[0][:8], 10)) == 10
