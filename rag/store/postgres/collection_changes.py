"""Changes to the collections of a library on a PostgreSQL server; see ``rag.store.writer`` for what each does."""

from collections.abc import Iterable, Sequence
from typing import Literal

from rag.store import rows
from rag.store.conditions import folder_range
from rag.store.postgres.server import Server
from rag.store.protocols import LibraryStore
from rag.store.schema import path_key
from rag.types import Filter


class CollectionChanges:
    """The part of the writer that keeps collections. All methods must run inside a transaction."""

    def __init__(self, library: LibraryStore, server: Server) -> None:
        self._library = library
        self._server = server

    def _execute(self, sql: str, parameters: Sequence[object]) -> int:
        assert self._server.in_transaction, "changes are made inside transaction()"
        with self._server.lent() as connection:
            return connection.execute(sql, parameters).rowcount

    def add_collection(self, name: str, collection_id: int | None = None, owner: str = "") -> int:
        """Returns the id of a new collection: a number that none has had, or the one given. Id, and name among those of
        its owner, must be free."""
        if collection_id is None:
            sql = "INSERT INTO collections (name, owner) VALUES (%s, %s) RETURNING id"
            return int(self._server.rows(sql, (name, owner))[0][0])
        sql = "INSERT INTO collections (id, name, owner) VALUES (%s, %s, %s)"
        self._execute(sql, (collection_id, name, owner))
        self.keep_free("collections")
        return collection_id

    def keep_free(self, table: Literal["sources", "documents", "chunks", "collections"]) -> None:
        """Has the next number of a table lie above all that it holds."""
        self._server.rows(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
            f"greatest((SELECT max(id) FROM {table}), (SELECT last_value FROM {table}_id_seq)))"
        )

    def rename_collection(self, collection_id: int, name: str) -> None:
        self._execute("UPDATE collections SET name = %s WHERE id = %s", (name, collection_id))

    def delete_collection(self, collection_id: int) -> None:
        self._execute("DELETE FROM collections WHERE id = %s", (collection_id,))

    def delete_collections(self) -> None:
        """Deletes all of them."""
        self._execute("DELETE FROM collections", ())

    def add_members(self, collection_id: int, locations: Iterable[str]) -> None:
        """Adds documents and folders by their paths or URLs; those that are in it already stay."""
        for location in locations:
            self._execute(
                "INSERT INTO collection_members VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (collection_id, path_key(location)),
            )

    def remove_members(self, collection_id: int, locations: Iterable[str]) -> None:
        self._execute(
            "DELETE FROM collection_members WHERE collection_id = %s AND path = ANY(%s)",
            (collection_id, list(map(path_key, locations))),
        )

    def move_members(self, old: str, new: str) -> None:
        """Has collections follow a folder to its new place."""
        self._move_members(path_key(old), path_key(new))

    def _move_members(self, old: bytes, new: bytes) -> None:
        if old != new:
            self._execute(
                "WITH gone AS (DELETE FROM collection_members WHERE path = %s RETURNING collection_id) "
                "INSERT INTO collection_members SELECT collection_id, %s FROM gone ON CONFLICT DO NOTHING",
                (old, new),
            )

    def forget_member(self, location: str) -> None:
        """Takes a document or folder out of all collections."""
        self._execute("DELETE FROM collection_members WHERE path = %s", (path_key(location),))

    def _forget_members_below(self, location: str) -> None:
        """Takes folders at and below a place that is no source any more out of all collections, unless they hold
        documents of another source."""
        members = self._server.rows(
            "SELECT DISTINCT path FROM collection_members WHERE path = %s OR (path >= %s AND path < %s)",
            (path_key(location), *folder_range(location)),
        )
        for place in rows.paths_from(key for (key,) in members):
            if not self._library.documents(Filter(folders=(place,))):
                self.forget_member(place)
