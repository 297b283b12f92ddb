"""The routes of conversations: list, search, read, rename, pin, copy, delete, bring back, export."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.api.archive import ARCHIVE, add_conversations, archive_reply
from app.api.gate import Gate
from app.api.json_body import RowNumber
from app.api.json_replies import NO_STORE, content, router
from app.api.shapes.answer import Conversation
from app.api.shapes.conversation import (
    ConversationChanged,
    ConversationFolder,
    ConversationList,
    ConversationMade,
    Deleted,
    FolderDeleted,
    Scope,
    Suggested,
)
from app.assistant import Assistant
from app.conversations.transcript import as_markdown
from app.feed import ConversationsChanged
from app.pages.desk import Desk


class ChangeBody(BaseModel):
    """What to change of a conversation; what is left out stays. ``folder`` is the id of the folder into which it moves,
    0 for none; ``model`` the name of the model that answers further questions, "" for the one that is set up."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, min_length=1, max_length=200)
    pinned: bool | None = None
    folder: int | None = Field(None, ge=0)
    model: str | None = Field(None, max_length=4_096)
    scope: Scope | None = None


class FolderBody(BaseModel):
    """``conversations`` are put into the folder."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    conversations: list[str] = Field(default=[], max_length=10_000, fail_fast=True)


class FolderName(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)


class CopyBody(BaseModel):
    """``before`` is the id of an exchange: only those before it are copied."""

    model_config = ConfigDict(extra="forbid")

    before: int | None = None


class ShownBody(BaseModel):
    """The exchange whose branch is shown."""

    model_config = ConfigDict(extra="forbid")

    exchange: int


class FeedbackBody(BaseModel):
    """1 for a good answer, -1 for a bad one, 0 for neither."""

    model_config = ConfigDict(extra="forbid")

    feedback: Literal[-1, 0, 1]


def folder_routes(assistant: Assistant, desk: Desk) -> APIRouter:
    routes = router("/conversation-folders")

    @routes.post("")
    def make(body: FolderBody) -> ConversationFolder:
        """Makes a folder for conversations, and puts some into it. Its name must be free."""
        made = assistant.conversation_folders.make(body.name, body.conversations)
        desk.feed.publish(ConversationsChanged())
        return ConversationFolder.model_validate(made)

    @routes.patch("/{folder}")
    def rename(folder: RowNumber, body: FolderName) -> ConversationFolder:
        """Gives a folder another name."""
        renamed = assistant.conversation_folders.rename(folder, body.name)
        desk.feed.publish(ConversationsChanged())
        return ConversationFolder.model_validate(renamed)

    @routes.delete("/{folder}")
    def delete(folder: RowNumber) -> FolderDeleted:
        """Deletes a folder; its conversations stay and lie in none."""
        assistant.conversation_folders.delete(folder)
        desk.feed.publish(ConversationsChanged())
        return FolderDeleted(id=folder)

    return routes


def conversation_routes(assistant: Assistant, desk: Desk) -> APIRouter:
    routes = router("/conversations")
    suggesting, exporting = Gate(1), Gate(1)

    def changed(conversation_id: str | None = None) -> None:
        desk.feed.publish(ConversationsChanged(conversation_id))

    @routes.get("")
    def conversations(holding: Annotated[str, Query(max_length=1000)] = "") -> ConversationList:
        """Lists the conversations, newest first, and their folders; with ``holding`` the conversations in which its
        words stand."""
        return ConversationList.of(assistant.conversations(holding), assistant.conversation_folders.all())

    @routes.get("/export", response_class=Response, responses=ARCHIVE)
    async def export_all() -> Response:
        """Returns an archive of all conversations, each as Markdown and as JSON."""
        return await archive_reply(desk, exporting, "docent-chats", partial(add_conversations, assistant))

    @routes.get("/{conversation_id}")
    def conversation(conversation_id: str, after: RowNumber = 0, all: bool = False) -> Conversation:
        """Returns the questions and answers of the branch that is shown, oldest first, or with ``all`` of every branch.

        Only those after the exchange ``after`` are returned, if that is given and among them."""
        exchanges = assistant.all_exchanges(conversation_id) if all else assistant.conversation(conversation_id)
        if any(exchange.id == after for exchange in exchanges):
            exchanges = [exchange for exchange in exchanges if exchange.id > after]
        return Conversation.of(conversation_id, exchanges)

    @routes.put("/{conversation_id}/shown")
    def show(conversation_id: str, body: ShownBody) -> Conversation:
        """Shows the branch on which an exchange lies, to its newest end; further questions follow it.

        Returns that exchange and what follows it there."""
        assistant.show_exchange(conversation_id, body.exchange)
        changed(conversation_id)
        exchanges = assistant.conversation(conversation_id)
        return Conversation.of(conversation_id, [one for one in exchanges if one.id >= body.exchange])

    markdown = content("text/markdown", {"type": "string"}, "The conversation.")

    @routes.get("/{conversation_id}/export", response_class=Response, responses=markdown)
    def export(conversation_id: str) -> Response:
        """Returns a conversation as Markdown, with its sources: the branch that is shown, then the other versions."""
        title = next((info.title for info in assistant.conversations() if info.id == conversation_id), "")
        shown, every = assistant.conversation(conversation_id), assistant.all_exchanges(conversation_id)
        text = as_markdown(title, shown, every).encode("utf-8", "replace")
        return Response(text, media_type="text/markdown; charset=utf-8", headers=NO_STORE)

    @routes.patch("/{conversation_id}")
    def change(conversation_id: str, body: ChangeBody) -> ConversationChanged:
        """Gives a conversation another title, pins it to the head of the list, moves it into a folder, or keeps what
        its next questions ask and which model answers them."""
        if body.title is not None:
            assistant.rename_conversation(conversation_id, body.title)
        if body.pinned is not None:
            assistant.pin_conversation(conversation_id, body.pinned)
        if body.folder is not None:
            assistant.conversation_folders.put(conversation_id, body.folder or None)
        if body.model is not None:
            assistant.choose_model(conversation_id, body.model or None)
        if body.scope is not None:
            assistant.restrict_conversation(conversation_id, body.scope.chosen())
        changed()
        return ConversationChanged(id=conversation_id, **body.model_dump())

    @routes.post("/{conversation_id}/copy")
    def copy(conversation_id: str, body: CopyBody) -> ConversationMade:
        """Makes another conversation with the exchanges of the branch that is shown, or those before a given one."""
        made = assistant.copy_conversation(conversation_id, body.before)
        changed()
        return ConversationMade(id=made)

    @routes.delete("/{conversation_id}")
    def delete(conversation_id: str, undo: bool = False) -> Deleted:
        """Deletes a conversation for good; with ``undo`` it can be brought back within a day."""
        desk.runs.stop_conversation(conversation_id)
        assistant.delete_conversation(conversation_id, undo=undo)
        changed()
        return Deleted(id=conversation_id)

    @routes.post("/{conversation_id}/restore")
    def restore(conversation_id: str) -> ConversationMade:
        """Brings back a conversation that was deleted with ``undo``."""
        assistant.restore_conversation(conversation_id)
        changed()
        return ConversationMade(id=conversation_id)

    @routes.delete("/{conversation_id}/exchanges/{exchange}")
    def forget(conversation_id: str, exchange: RowNumber) -> Deleted:
        """Deletes one question with its answer; what follows it and its other versions stay."""
        assistant.forget_exchange(conversation_id, exchange)
        changed(conversation_id)
        return Deleted(id=conversation_id)

    @routes.get("/{conversation_id}/exchanges/{exchange}/suggestions")
    async def suggestions(conversation_id: str, exchange: RowNumber) -> Suggested:
        """Finds questions to ask next, which the documents answer; none while a question is being answered."""
        found = await suggesting.run(partial(desk.suggestions.after, conversation_id, exchange))
        return Suggested(questions=list(found))

    @routes.put("/{conversation_id}/exchanges/{exchange}/feedback")
    def feedback(conversation_id: str, exchange: RowNumber, body: FeedbackBody) -> ConversationMade:
        """Keeps what the person thinks of an answer. It stays on this computer."""
        assistant.mark_exchange(conversation_id, exchange, body.feedback)
        return ConversationMade(id=conversation_id)

    return routes
