"""Changes to the collections of a library in a file: the part of the writer that keeps them."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from rag.store import rows
from rag.store.conditions import folder_range
from rag.store.schema import path_key
from rag.types import Chunk, Document, Filter, Source


class FileLibrary(Protocol):
    """The part of ``rag.store.library.Library`` that the writer reads and writes through."""

    path: Path
    read_only: bool

    def reading(self) -> AbstractContextManager[sqlite3.Connection]: ...
    def sources(self) -> list[Source]: ...
    def documents(self, filter: Filter = ...) -> list[Document]: ...
    def chunk_range(self, document_id: int, first_ordinal: int, last_ordinal: int) -> list[Chunk]: ...


class CollectionChanges:
    """All methods must run inside a transaction of the writer."""

    def __init__(self, library: FileLibrary) -> None:
        self._library = library

    def _execute(self, sql: str, parameters: Sequence[object]) -> int:
        with self._library.reading() as connection:
            assert connection.in_transaction, "changes are made inside transaction()"
            return connection.execute(sql, parameters).rowcount

    def add_collection(self, name: str, collection_id: int | None = None, owner: str = "") -> int:
        """Returns the id of a new collection: a number that none has had, or the one given. Id, and name among those of
        its owner, must be free."""
        with self._library.reading() as connection:
            sql = "INSERT INTO collections (id, name, owner) VALUES (?, ?, ?) RETURNING id"
            (id_,) = connection.execute(sql, (collection_id, name, owner)).fetchone()
            return int(id_)

    def rename_collection(self, collection_id: int, name: str) -> None:
        self._execute("UPDATE collections SET name = ? WHERE id = ?", (name, collection_id))

    def delete_collection(self, collection_id: int) -> None:
        self._execute("DELETE FROM collections WHERE id = ?", (collection_id,))

    def delete_collections(self) -> None:
        """Deletes all of them."""
        self._execute("DELETE FROM collections", ())

    def add_members(self, collection_id: int, locations: Iterable[str]) -> None:
        """Adds documents and folders by their paths or URLs; those that are in it already stay."""
        for location in locations:
            self._execute(
                "INSERT INTO collection_members VALUES (?, ?) ON CONFLICT DO NOTHING",
                (collection_id, path_key(location)),
            )

    def remove_members(self, collection_id: int, locations: Iterable[str]) -> None:
        for location in locations:
            self._execute(
                "DELETE FROM collection_members WHERE collection_id = ? AND path = ?",
                (collection_id, path_key(location)),
            )

    def move_members(self, old: str, new: str) -> None:
        """Has collections follow a folder to its new place."""
        self._execute(
            "UPDATE OR REPLACE collection_members SET path = ? WHERE path = ?", (path_key(new), path_key(old))
        )

    def forget_member(self, location: str) -> None:
        """Takes a document or folder out of all collections."""
        self._execute("DELETE FROM collection_members WHERE path = ?", (path_key(location),))

    def _forget_members_below(self, location: str) -> None:
        """Takes folders at and below a place that is no source any more out of all collections, unless they hold
        documents of another source."""
        with self._library.reading() as connection:
            members = connection.execute(
                "SELECT DISTINCT path FROM collection_members WHERE path = ? OR (path >= ? AND path < ?)",
                (path_key(location), *folder_range(location)),
            ).fetchall()
        for place in rows.paths_from(key for (key,) in members):
            if not self._library.documents(Filter(folders=(place,))):
                self.forget_member(place)
