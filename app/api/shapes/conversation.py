"""The JSON documents of conversations as they are listed and changed, and of their folders."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from app import events
from app.api.shapes.base import Shape


class Scope(Shape):
    """What is asked: folders, and documents and collections by their ids; what is searched fits each kind that is
    given."""

    folders: list[str] = Field(default=[], max_length=1000)
    documents: list[int] = Field(default=[], max_length=100_000, fail_fast=True)
    collections: list[int] = Field(default=[], max_length=1000)

    def chosen(self) -> events.Scope:
        return events.Scope(tuple(self.folders), tuple(self.documents), tuple(self.collections))


class ConversationInfo(Shape):
    """A conversation in the list; ``updated_at`` is a Unix time in seconds; ``turns`` counts exchanges of the
    branch that is shown. ``folder`` is the id of the folder in which it lies, null outside of all; ``scope`` and
    ``model`` are what was chosen for its next questions, null for the model that is set up. ``excerpt`` is the piece
    of it around the words of ``holding``, null without them and where they stand in the title."""

    id: str
    title: str
    updated_at: float
    turns: int
    pinned: bool
    folder: int | None
    model: str | None
    scope: Scope
    excerpt: str | None


class ConversationFolder(Shape):
    id: int
    name: str


class ConversationList(Shape):
    """The conversations, newest first, and the folders, ordered by name."""

    conversations: list[ConversationInfo]
    folders: list[ConversationFolder]

    @classmethod
    def of(cls, known: Iterable[events.ConversationInfo], folders: Iterable[events.ConversationFolder] = ()) -> Self:
        return cls(
            conversations=[ConversationInfo.model_validate(info) for info in known],
            folders=[ConversationFolder.model_validate(folder) for folder in folders],
        )


class ConversationChanged(Shape):
    """What has been changed of a conversation; null is what stayed as it was."""

    id: str
    title: str | None = None
    pinned: bool | None = None
    folder: int | None = None
    model: str | None = None
    scope: Scope | None = None


class FolderDeleted(Shape):
    id: int
    deleted: bool = True


class Suggested(Shape):
    """Questions that lead on from an answer; each was answered once from the documents."""

    questions: list[str]


class ConversationMade(Shape):
    id: str


class Deleted(Shape):
    id: str
    deleted: bool = True
