"""The routes of conversations: list, search, read, rename, pin, copy, delete, bring back, export."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.api.answer_shapes import (
    Conversation,
    ConversationChanged,
    ConversationList,
    ConversationMade,
    Deleted,
    Suggested,
)
from app.api.json_replies import NO_STORE, content, router
from app.assistant import Assistant
from app.desk import Desk
from app.feed import ConversationsChanged
from app.transcript import as_markdown


class ChangeBody(BaseModel):
    """What to change of a conversation; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, min_length=1, max_length=200)
    pinned: bool | None = None


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


def conversation_routes(assistant: Assistant, desk: Desk) -> APIRouter:
    routes = router("/conversations")

    def changed(conversation_id: str | None = None) -> None:
        desk.feed.publish(ConversationsChanged(conversation_id))

    @routes.get("")
    def conversations(holding: Annotated[str, Query(max_length=1000)] = "") -> ConversationList:
        """Lists the conversations, newest first; with ``holding`` those in which its words stand."""
        return ConversationList.of(assistant.conversations(holding))

    @routes.get("/{conversation_id}")
    def conversation(conversation_id: str, after: int = 0, all: bool = False) -> Conversation:
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
        """Gives a conversation another title, or pins it to the head of the list."""
        if body.title is not None:
            assistant.rename_conversation(conversation_id, body.title)
        if body.pinned is not None:
            assistant.pin_conversation(conversation_id, body.pinned)
        changed()
        return ConversationChanged(id=conversation_id, title=body.title, pinned=body.pinned)

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
    def forget(conversation_id: str, exchange: int) -> Deleted:
        """Deletes one question with its answer; what follows it and its other versions stay."""
        assistant.forget_exchange(conversation_id, exchange)
        changed(conversation_id)
        return Deleted(id=conversation_id)

    @routes.get("/{conversation_id}/exchanges/{exchange}/suggestions")
    def suggestions(conversation_id: str, exchange: int) -> Suggested:
        """Finds questions to ask next, which the documents answer; none while a question is being answered."""
        return Suggested(questions=list(desk.suggestions.after(conversation_id, exchange)))

    @routes.put("/{conversation_id}/exchanges/{exchange}/feedback")
    def feedback(conversation_id: str, exchange: int, body: FeedbackBody) -> ConversationMade:
        """Keeps what the person thinks of an answer. It stays on this computer."""
        assistant.mark_exchange(conversation_id, exchange, body.feedback)
        return ConversationMade(id=conversation_id)

    return routes
