"""Collections of single users beside those of all, and libraries from before there were any."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rag.errors import CollectionError, UnknownCollection
from rag.store import schema
from rag.store.check import collections_left
from rag.store.collections import Collections
from rag.store.copying import copy_library
from rag.store.library import Library
from rag.store.protocols import LibraryStore
from rag.types import Collection
from tests.rag.conftest import OpenLibrary
from tests.rag.store.filling import fill


@pytest.fixture
def library(open_library: OpenLibrary, tmp_path: Path) -> Iterator[LibraryStore]:
    opened = open_library(tmp_path)
    yield opened
    opened.close()


def test_a_user_sees_those_of_all_and_their_own(library: LibraryStore) -> None:
    fill(library, "/data/a.txt", "/data/b.txt")
    shared, anna, ben = (Collections(library, owner) for owner in ("", "anna", "ben"))
    tax = shared.make("Tax", ["/data/a.txt"])
    hers = anna.make("Garden", ["/data/b.txt"])
    his = ben.make("garden")
    assert [one.name for one in anna.all()] == ["Garden", "Tax"]
    assert [one.id for one in ben.all()] == [his.id, tax.id]
    assert shared.all() == [tax]
    assert (hers.owner, tax.owner) == ("anna", "")
    with pytest.raises(CollectionError, match="already"):
        anna.make("tax")
    for other in (ben, shared):
        for refused in (
            lambda other=other: other.get(hers.id),
            lambda other=other: other.some([hers.id]),
            lambda other=other: other.change(hers.id, name="Mine"),
            lambda other=other: other.delete(hers.id),
            lambda other=other: other.named("Garden") if other is shared else other.get(hers.id),
        ):
            with pytest.raises(UnknownCollection):
                refused()
    for change in (lambda: anna.change(tax.id, add=["/data/b.txt"]), lambda: anna.delete(tax.id)):
        with pytest.raises(CollectionError, match="belongs to everybody"):
            change()
    assert anna.change(hers.id, name="Plants", remove=["/data/b.txt"]).locations == ()
    anna.delete(hers.id)
    with pytest.raises(CollectionError, match="was deleted"):
        ben.remake(tax.id, "Tax", [])
    assert anna.remake(hers.id, "Garden", []).owner == "anna"


def test_a_copy_keeps_whose_they_are(open_library: OpenLibrary, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    source, target = map(open_library, folders)
    fill(source, "/data/a.txt")
    Collections(source, "anna").make("Garden", ["/data/a.txt"])
    Collections(source, "ben").make("Garden")
    copy_library(source, target)
    assert sorted((one.owner, one.name) for one in target.collections()) == [("anna", "Garden"), ("ben", "Garden")]
    for one in (source, target):
        one.close()


def test_those_of_an_earlier_library_are_everybodys(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.create_function("index_terms", 1, lambda text: text)
        for statements in schema.MIGRATIONS[:8]:
            for statement in statements:
                old.execute(statement)
        old.execute("INSERT INTO collections (name) VALUES ('Tax'), ('Gone')")
        old.execute("INSERT INTO collection_members VALUES (1, X'2F61'), (1, X'2F62'), (77, X'2F63')")  # 77: damage
        old.execute("DELETE FROM collections WHERE name = 'Gone'")
        old.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        old.execute("PRAGMA user_version = 8")
    assert collections_left(str(path)) == [Collection(1, "Tax", ("/a", "/b"), "")]
    with Library.open(path) as library:
        assert library.collections() == [Collection(1, "Tax", ("/a", "/b"), "")]
        assert Collections(library, "anna").make("Tax papers").id == 3, "the number of a deleted one stays used"
        library.writer()
    with closing(sqlite3.connect(path, isolation_level=None)) as new:
        assert new.execute("PRAGMA foreign_key_check").fetchall() == []
        assert new.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        new.execute("PRAGMA foreign_keys = ON")
        new.execute("DELETE FROM collections WHERE id = 1")
        assert new.execute("SELECT * FROM collection_members").fetchall() == []
    assert collections_left(str(path))[0].owner == "anna"


def test_one_whose_owner_is_damaged_is_shown_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Library.open(path) as library:
        made = Collections(library, "anna").make("Garden")
        with library.reading() as connection:
            connection.execute("UPDATE collections SET owner = CAST(X'FF' AS TEXT) WHERE id = ?", (made.id,))
        assert Collections(library).all() == Collections(library, "anna").all() == []
