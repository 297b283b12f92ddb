"""Collections through their public methods: members by place, moved and removed documents, damage, older libraries."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rag.errors import CollectionError, LibraryError, UnknownCollection
from rag.store import schema
from rag.store.check import collections_left, examine, mend
from rag.store.collections import Collections
from rag.store.library import Library
from rag.store.protocols import FileState, LibraryStore
from tests.rag.conftest import OpenLibrary
from tests.rag.store.filling import fill

TO_VERSION_6 = (
    "DROP TABLE collection_members; DROP TABLE collections; ALTER TABLE documents DROP COLUMN pages;"
    "PRAGMA user_version = 6"
)


@pytest.fixture
def library(open_library: OpenLibrary, tmp_path: Path) -> Iterator[LibraryStore]:
    opened = open_library(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db") as opened:
        yield opened


def names(library: LibraryStore, collection_id: int) -> list[str]:
    inside = Collections(library).documents(collection_id)
    return [document.path for document in library.documents() if document.id in inside]


def test_a_collection_holds_documents_and_what_lies_in_folders(library: LibraryStore) -> None:
    fill(library, "/data/a.txt", "/data/b.txt", "/data/taxes/2025.txt", "/data/taxes-old.txt")
    made = Collections(library).make("  Tax  papers ", ["/data/a.txt", "/data/taxes"])
    assert (made.name, made.locations) == ("Tax papers", ("/data/a.txt", "/data/taxes"))
    assert names(library, made.id) == ["/data/a.txt", "/data/taxes/2025.txt"]
    changed = Collections(library).change(made.id, name="Papers", add=["/data/b.txt"], remove=["/data/taxes"])
    assert (changed.name, names(library, made.id)) == ("Papers", ["/data/a.txt", "/data/b.txt"])
    assert Collections(library).named("PAPERS") == changed
    Collections(library).delete(made.id)
    assert Collections(library).all() == [] and len(library.documents()) == 4


def test_names_are_taken_once_and_ids_never_again(library: LibraryStore) -> None:
    collections = Collections(library)
    first = collections.make("Tax")
    for name in ("TAX", " ", "x" * 101):
        with pytest.raises(CollectionError):
            collections.make(name)
    assert collections.change(first.id, name="tax").name == "tax"
    collections.delete(first.id)
    assert collections.make("Tax").id != first.id
    for change in (collections.get, collections.delete, collections.change):
        with pytest.raises(UnknownCollection):
            change(first.id)
    assert [one.name for one in collections.all()] == ["Tax"]


def test_a_change_that_fails_changes_nothing(library: LibraryStore) -> None:
    collections = Collections(library)
    collections.make("Taken")
    made = collections.make("Tax", ["/data/a.txt"])
    with pytest.raises(CollectionError, match="already"):
        collections.change(made.id, name="taken", add=["/data/b.txt"])
    assert collections.get(made.id) == made


def test_a_moved_document_stays_in_its_collections_and_a_removed_one_leaves_them(library: LibraryStore) -> None:
    first, _ = fill(library, "/data/a.txt", "/data/b.txt")
    made = Collections(library).make("Tax", ["/data/a.txt", "/data/b.txt", "/data"])
    writer = library.writer()
    with writer.transaction():
        writer.move(first, FileState(1, "/data/c.txt", 1, 1, "hash"), "c")
    assert Collections(library).get(made.id).locations == ("/data", "/data/b.txt", "/data/c.txt")
    with writer.transaction():
        writer.delete([first])  # as a sync does: the file may come back
    assert "/data/c.txt" in Collections(library).get(made.id).locations
    with writer.transaction():
        writer.remove_source(library.sources()[0])  # as a person does
    assert Collections(library).get(made.id).locations == ()


def test_a_removed_source_leaves_what_another_one_holds(library: LibraryStore) -> None:
    fill(library, "/data/a.txt", "/data/deep/b.txt")
    fill(library, location="/data/deep")
    made = Collections(library).make("Tax", ["/data/deep", "/data/deep/b.txt"])
    writer = library.writer()
    with writer.transaction():
        writer.remove_source(next(one for one in library.sources() if one.location == "/data/deep"))
    assert Collections(library).get(made.id).locations == ("/data/deep", "/data/deep/b.txt")
    assert names(library, made.id) == ["/data/deep/b.txt"]


def test_a_library_without_collections_gets_them_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with Library.open(path) as library:
        fill(library, "/data/a.txt")
    with closing(sqlite3.connect(path)) as old:
        old.executescript(TO_VERSION_6)
    with pytest.raises(LibraryError, match="older"):
        Library.open(path, read_only=True)
    with Library.open(path) as library:
        assert Collections(library).make("Tax", ["/data/a.txt"]).locations == ("/data/a.txt",)
        library.check()
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_a_migration_that_is_cut_off_is_done_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    Library.open(path).close()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            f"{TO_VERSION_6};CREATE TABLE collection_members (left_over)"  # keeps the second statement from being done
        )
    with pytest.raises(sqlite3.OperationalError):
        Library.open(path)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'collections'").fetchone() == (0,)
        old.execute("DROP TABLE collection_members")
    with Library.open(path) as library:
        assert Collections(library).all() == []


def test_what_is_damaged_is_named_and_mended_and_the_rest_stays(file: Library) -> None:
    fill(file, "/data/a.txt", "/data/b.txt")
    collections = Collections(file)
    named, held = collections.make("Bad name", ["/data/a.txt"]), collections.make("Held", ["/data/b.txt"])
    with file.reading() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("UPDATE collections SET name = CAST(X'57FF68' AS TEXT) WHERE id = ?", (named.id,))
        connection.execute("INSERT INTO collection_members VALUES (?, X'FFFE00'), (99, X'2F61')", (held.id,))
        connection.execute("PRAGMA foreign_keys = ON")
    assert [one.name for one in collections.all()] == [f"Collection {named.id}", "Held"]
    assert names(file, held.id) == ["/data/b.txt"]
    damages = [one for one in examine(file) if one.kind != "vector"]  # those of this test are no unit vectors
    assert [one.what for one in damages] == [
        f"The name of collection {named.id} is damaged.",
        "An entry of the collection “Held” is damaged.",
        "1 rows of the table collection_members belong to nothing.",
    ]
    with file.writer().transaction():
        mend(file, damages)
    assert {one.kind for one in examine(file)} <= {"vector"}
    assert collections.get(named.id).locations == ("/data/a.txt",)
    assert collections.get(held.id) == held


def test_a_damaged_place_does_not_keep_its_source(file: Library) -> None:
    fill(file, "/data/a.txt")
    made = Collections(file).make("Tax", ["/data/a.txt", "/data/gone"])
    with file.reading() as connection:
        connection.execute("INSERT INTO collection_members VALUES (?, X'2F646174612FFF')", (made.id,))  # /data/ and FF
    (source,) = file.sources()
    with file.writer().transaction():
        file.writer().remove_source(source)
    assert (file.sources(), Collections(file).get(made.id).locations) == ([], ())


def test_collections_are_read_out_of_a_damaged_file(file: Library) -> None:
    made = [Collections(file).make(name) for name in ("Gone", "Tax", "Empty")]
    Collections(file).delete(made[0].id)
    tax = Collections(file).change(made[1].id, add=["/data/a.txt", "/data/b.txt"])
    assert collections_left(str(file.path)) == [tax, made[2]]


def test_a_collection_that_is_brought_back_has_its_id(library: LibraryStore) -> None:
    collections = Collections(library)
    made = collections.make("Tax", ["/data/a.txt"])
    assert collections.make("Other", (), made.id).id > made.id
    collections.delete(made.id)
    assert collections.make(made.name, made.locations, made.id) == made
    assert collections.make("Later").id > made.id


def test_a_deleted_collection_is_made_once_more_under_its_id(library: Library) -> None:
    collections = Collections(library)
    first, second = collections.make("Tax", ["/data/a.txt"]), collections.make("Garden")
    collections.delete(first.id)
    collections.delete(second.id)
    again = collections.remake(first.id, "Tax", ["/data/a.txt", "/gone.txt"])
    assert (again.id, again.locations) == (first.id, ("/data/a.txt", "/gone.txt"))
    for id_ in (0, first.id, second.id + 1):
        with pytest.raises(CollectionError, match=f"No collection {id_} was deleted"):
            collections.remake(id_, "Other", [])
    assert collections.make("New").id > second.id
