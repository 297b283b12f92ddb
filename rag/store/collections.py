"""Reads and changes collections: named sets of documents and folders.

They hold places, not rows of documents: a document that is gone for a while, or is read into a new library, is in its
collections again. ``rag.store.writer`` follows files that move and forgets what is removed.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rag.errors import CollectionError, UnknownCollection
from rag.store.protocols import LibraryChanges, LibraryStore
from rag.types import Collection

LONGEST_NAME = 100  # characters


class Collections:
    """The collections of one library that all see, and with an ``owner`` also those of that user. What is made belongs
    to the owner. A change is one transaction. It does not wait for a sync to end, only while the sync commits
    something, and no longer than ``rag.store.schema.BUSY_TIMEOUT_S`` (LibraryError)."""

    def __init__(self, library: LibraryStore, owner: str = "") -> None:
        self._library = library
        self._owner = owner

    def all(self) -> list[Collection]:
        """Every one of them with its members, ordered by name."""
        shown = [one for one in self._library.collections() if one.owner in ("", self._owner)]
        return sorted(shown, key=lambda collection: collection.name.casefold())

    def get(self, collection_id: int) -> Collection:
        """Raises UnknownCollection."""
        return self.some([collection_id])[0]

    def some(self, collection_ids: Iterable[int]) -> list[Collection]:
        """Those with these ids, in their order. Raises UnknownCollection where one does not exist."""
        known = {collection.id: collection for collection in self.all()}
        found = []
        for id_ in collection_ids:
            if id_ not in known:
                raise UnknownCollection(f"There is no collection {id_}.", "It may have been deleted since.")
            found.append(known[id_])
        return found

    def named(self, name: str) -> Collection:
        """The collection of this name, in whatever case. Raises UnknownCollection."""
        wanted = _tidy(name).casefold()
        for collection in self.all():
            if collection.name.casefold() == wanted:
                return collection
        raise UnknownCollection(f"There is no collection “{name}”.", "`docent collections` lists those that exist.")

    def make(self, name: str, locations: Iterable[str] = (), collection_id: int | None = None) -> Collection:
        """Makes a collection; one that is brought back has its id again, by which chats know it, unless that is taken.
        Raises CollectionError where the name is empty, too long or taken."""
        with self._changing() as writer:
            taken = {other.id for other in self._library.collections()}
            free = None if collection_id in taken else collection_id
            id_ = writer.add_collection(self._free(name, None), free, self._owner)
            writer.add_members(id_, locations)
        return self.get(id_)

    def remake(self, collection_id: int, name: str, locations: Iterable[str]) -> Collection:
        """Makes a collection that was deleted once more, with the id that it had. CollectionError for an id that is in
        use or that none has had."""
        is_gone = 0 < collection_id <= self._library.last_collection() and all(
            one.id != collection_id for one in self._library.collections()
        )
        if not is_gone:
            raise CollectionError(f"No collection {collection_id} was deleted.", "Make a new one.")
        return self.make(name, locations, collection_id)

    def change(
        self, collection_id: int, *, name: str | None = None, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> Collection:
        """Renames a collection, adds members and takes some out. Raises CollectionError, UnknownCollection."""
        with self._changing() as writer:
            self._own(collection_id)
            if name is not None:
                writer.rename_collection(collection_id, self._free(name, collection_id))
            writer.add_members(collection_id, add)
            writer.remove_members(collection_id, remove)
        return self.get(collection_id)

    def delete(self, collection_id: int) -> None:
        """Deletes a collection; its documents stay. Raises UnknownCollection."""
        with self._changing() as writer:
            self._own(collection_id)
            writer.delete_collection(collection_id)

    def documents(self, collection_id: int) -> frozenset[int]:
        """The ids of the documents that are in a collection now, whatever their status."""
        return self._library.documents_in(collection_id)

    def _own(self, collection_id: int) -> None:
        """Raises UnknownCollection, or CollectionError where it belongs to all and a user would change it."""
        if self.get(collection_id).owner != self._owner:
            raise CollectionError("This collection belongs to everybody.", "Make one of your own with what is in it.")

    @contextmanager
    def _changing(self) -> Iterator[LibraryChanges]:
        writer = self._library.writer()
        with writer.transaction():
            yield writer

    def _free(self, name: str, own: int | None) -> str:
        tidy = _tidy(name)
        if not tidy:
            raise CollectionError("A collection needs a name.", "Give it one.")
        if len(tidy) > LONGEST_NAME:
            raise CollectionError("The name of a collection has at most 100 characters.", "Take a shorter one.")
        if any(other.name.casefold() == tidy.casefold() and other.id != own for other in self.all()):
            raise CollectionError(f"There is a collection “{tidy}” already.", "Take another name, or add to that one.")
        return tidy


def _tidy(name: str) -> str:
    return " ".join(name.encode("utf-8", "replace").decode("utf-8").split())
