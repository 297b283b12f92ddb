"""The file of a library: older, newer, foreign, damaged ones, and disks that refuse. What every library does is in
test_contract.py."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import LibraryError
from rag.store import schema
from rag.store.library import Library
from rag.store.writer import LibraryWriter
from tests.rag.store.filling import fill


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db") as opened:
        yield opened


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
