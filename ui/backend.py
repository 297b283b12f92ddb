"""Defines the Protocol by which the window calls the application, and the type of Gradio's untyped values."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from app.events import AskEvent, ConversationInfo, DocumentView, Exchange, Status
from rag.types import Document, Filter

if TYPE_CHECKING:
    from rag.ingest.events import SyncEvent, SyncReport

# Gradio ships no types: its components, updates and themes are the only ``Any`` of this package.
Untyped: TypeAlias = Any


class Backend(Protocol):
    """The part of ``app.assistant.Assistant`` that the window uses, with the same meaning.

    Every method may be called from several threads and raises DocentError for what a person can mend.
    """

    def sync(
        self,
        locations: Sequence[str] | None = None,
        on_event: "Callable[[SyncEvent], None] | None" = None,
        cancel: threading.Event | None = None,
        *,
        anew: bool = False,
    ) -> "SyncReport": ...

    def remove(self, location: str) -> int: ...

    def status(self) -> Status: ...

    def documents(self) -> list[Document]: ...

    def document_view(self, document_id: int) -> DocumentView: ...

    def ask(
        self,
        question: str,
        *,
        conversation_id: str | None = None,
        filter: Filter = ...,
        stop: threading.Event | None = None,
    ) -> Iterator[AskEvent]: ...

    def conversations(self) -> list[ConversationInfo]: ...

    def conversation(self, conversation_id: str) -> list[Exchange]: ...

    def rename_conversation(self, conversation_id: str, title: str) -> None: ...

    def delete_conversation(self, conversation_id: str) -> None: ...
