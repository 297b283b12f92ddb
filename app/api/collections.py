"""The routes of collections: named sets of documents and folders."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.json_body import RowNumber
from app.api.json_replies import router
from app.api.shapes.library import Collection, CollectionList
from app.assistant import Assistant
from app.feed import CollectionsChanged
from app.pages.desk import Desk

Locations = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=4_096)]], Field(max_length=100_000, fail_fast=True)
]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CollectionBody(_Body):
    """``locations`` are paths and URLs of documents and folders of the library."""

    name: Name
    locations: Locations = []


class CollectionChange(_Body):
    """What to change of a collection; what is left out stays. ``add`` and ``remove`` are locations."""

    name: Name | None = None
    add: Locations = []
    remove: Locations = []


def collections_of(assistant: Assistant) -> CollectionList:
    """Returns all collections with the number of their documents."""
    known = assistant.collections()
    return CollectionList(collections=[Collection.of(one, len(assistant.documents_in(one.id))) for one in known])


def collection_routes(assistant: Assistant, desk: Desk) -> APIRouter:
    routes = router("/collections")

    @routes.get("")
    def collections() -> CollectionList:
        """Lists the collections, ordered by name."""
        return collections_of(assistant)

    @routes.post("")
    def make(body: CollectionBody) -> Collection:
        """Makes a collection of documents and folders. Its name must be free."""
        made = assistant.make_collection(body.name, body.locations)
        desk.feed.publish(CollectionsChanged())
        return Collection.of(made, len(assistant.documents_in(made.id)))

    @routes.post("/{collection_id}/restore")
    def restore(collection_id: RowNumber, body: CollectionBody) -> Collection:
        """Makes a collection that was deleted once more, under its id, by which conversations know it."""
        made = assistant.remake_collection(collection_id, body.name, body.locations)
        desk.feed.publish(CollectionsChanged())
        return Collection.of(made, len(assistant.documents_in(made.id)))

    @routes.patch("/{collection_id}")
    def change(collection_id: RowNumber, body: CollectionChange) -> Collection:
        """Renames a collection, adds documents and folders to it, takes others out of it."""
        changed = assistant.change_collection(collection_id, name=body.name, add=body.add, remove=body.remove)
        desk.feed.publish(CollectionsChanged())
        return Collection.of(changed, len(assistant.documents_in(changed.id)))

    @routes.delete("/{collection_id}")
    def delete(collection_id: RowNumber) -> CollectionList:
        """Deletes a collection; its documents stay in the library. Returns those that are left."""
        assistant.delete_collection(collection_id)
        desk.feed.publish(CollectionsChanged())
        return collections_of(assistant)

    return routes
