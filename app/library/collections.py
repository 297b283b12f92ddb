"""Collections: sets of documents and folders that a person has named, and that a question can be restricted to.

One that nothing is in any more is an error when it is asked, because a filter without documents means everything.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.locations import normal
from rag.errors import CollectionError
from rag.types import Collection, Filter

if TYPE_CHECKING:
    from app.wiring import Parts
    from rag.store.collections import Collections
    from rag.store.protocols import LibraryStore


class CollectionWork:
    """The part of the Assistant that keeps collections. UnknownCollection for one that does not exist."""

    def __init__(self, parts: "Parts") -> None:
        self._parts = parts

    def collections(self) -> list[Collection]:
        """Ordered by name."""
        return self._kept().all()

    def collection_named(self, name: str) -> Collection:
        return self._kept().named(name)

    def documents_in(self, collection_id: int) -> frozenset[int]:
        """The ids of the documents that are in a collection now, whatever their status."""
        return self._kept().documents(collection_id)

    def make_collection(self, name: str, locations: Sequence[str] = ()) -> Collection:
        """Makes a collection of documents and folders of the library. CollectionError where the name is taken,
        UsageError where one of them is not in the library."""
        return self._kept().make(name, self._known(locations))

    def remake_collection(self, collection_id: int, name: str, locations: Sequence[str]) -> Collection:
        """Makes a collection that was deleted once more, under the id by which chats know it. What has left the library
        since is in it again. CollectionError where the id is in use, or was never one, or the name is taken."""
        return self._kept().remake(collection_id, name, locations)

    def change_collection(
        self, collection_id: int, *, name: str | None = None, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Collection:
        """Renames a collection, adds documents and folders, takes others out; errors as ``make_collection``."""
        taken = [spelling for location in remove for spelling in {location, normal(location)}]
        return self._kept().change(collection_id, name=name, add=self._known(add), remove=taken)

    def delete_collection(self, collection_id: int) -> None:
        """Its documents stay."""
        self._kept().delete(collection_id)

    def restricted(
        self, folders: Sequence[str] = (), documents: Iterable[int] = (), collections: Iterable[int] = ()
    ) -> Filter:
        """The filter that restricts a question to what lies in one of these folders, is one of these documents and is
        in one of these collections; each kind that is empty restricts nothing.

        CollectionError or UsageError where no document fits.
        """
        chosen = frozenset(documents)
        if wanted := list(collections):
            inside = self._searched(wanted)
            chosen = chosen & inside if chosen else inside
            if not chosen:
                raise UsageError("None of these documents is in this collection.", "Choose one or the other.")
        return Filter(chosen, tuple(normal(folder) for folder in folders))

    def _searched(self, collections: Sequence[int]) -> frozenset[int]:
        """The documents of collections that can be searched, at least one."""
        known = self._kept().some(collections)
        inside = frozenset[int]().union(*(self._kept().documents(one.id) for one in known))
        found = frozenset(
            document.id
            for document in self._library.documents(Filter(document_ids=inside) if inside else Filter())
            if document.id in inside and document.status == "ok"
        )
        if not found:
            names = ", ".join(f"“{one.name}”" for one in known)
            raise CollectionError(
                f"Nothing in {names} can be searched.", "Add documents to the collection, or ask everything."
            )
        return found

    def _known(self, locations: Sequence[str]) -> list[str]:
        """The locations as the library keeps them. UsageError for one that is not in it."""
        found = []
        for location in locations:
            place = next((one for one in (location, normal(location)) if self._library.holds(one)), None)
            if place is None:
                raise UsageError(f"{location} is not in the library.", "Add it to the library first.")
            found.append(place)
        return found

    @property
    def _library(self) -> "LibraryStore":
        return self._parts.library

    def _kept(self) -> "Collections":
        from rag.store.collections import Collections

        return Collections(self._parts.library, self._parts.owner)
