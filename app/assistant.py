"""Assistant: the one object behind the command line, the HTTP API and the window.

    sync:  locations -> sources -> rag.sync -> events, report
    ask:   question -> rewrite with the conversation -> retrieve -> answer -> conversation on disk, events

Opening it is cheap: the library, the models and the index load on first use (app.parts). Every method may be called
from several threads. It raises DocentError for whatever a person can mend and knows nothing of terminals or HTTP.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.config import Settings
from app.events import AskEvent, ConversationInfo, DocumentView, Exchange, Status
from rag.types import Document, Filter, Hit

if TYPE_CHECKING:
    from app.parts import Parts
    from rag.sync import SyncEvent, SyncReport

_log = logging.getLogger(__name__)


class Assistant:
    """Use ``Assistant.open(settings)`` as a context manager, or call ``close``."""

    def __init__(self, settings: Settings, parts: "Parts") -> None:
        self.settings = settings
        self._parts = parts

    @classmethod
    def open(cls, settings: Settings) -> Self:
        from app.parts import Parts

        return cls(settings, Parts(settings))

    def sync(
        self,
        locations: Sequence[str] | None = None,
        on_event: "Callable[[SyncEvent], None] | None" = None,
        cancel: threading.Event | None = None,
    ) -> "SyncReport":
        """Brings the library in line with folders, files and YouTube URLs, adding those it does not know.

        None means every known source. ``on_event`` is called on this thread as documents are finished. Setting
        ``cancel`` ends the sync soon and keeps what is finished.
        """
        raise NotImplementedError

    def ask(
        self,
        question: str,
        *,
        conversation_id: str | None = None,
        filter: Filter = Filter(),
        stop: threading.Event | None = None,
        remember: bool = True,
    ) -> Iterator[AskEvent]:
        """Answers from the documents: ``Retrieved``, ``TextDelta`` ..., ``Answered``.

        The exchange is appended to the conversation; None starts a new one, and ``remember=False`` records nothing.
        Setting ``stop`` ends the answer with the text so far.
        """
        raise NotImplementedError

    def search(self, question: str, k: int = 10, filter: Filter = Filter()) -> list[Hit]:
        """The best chunks, best first."""
        raise NotImplementedError

    def status(self) -> Status:
        raise NotImplementedError

    def remove(self, location: str) -> int:
        """Forgets a source (its files stay where they are). Returns how many documents left the library."""
        raise NotImplementedError

    def documents(self) -> list[Document]:
        raise NotImplementedError

    def document_view(self, document_id: int) -> DocumentView:
        raise NotImplementedError

    def page_png(
        self, document_id: int, page: int, quote_span: tuple[int, int] | None = None, scale: float = 2.0
    ) -> bytes:
        """A page (from 1) of a PDF as a picture, with the quote highlighted."""
        raise NotImplementedError

    def conversations(self) -> list[ConversationInfo]:
        """Newest first."""
        raise NotImplementedError

    def conversation(self, conversation_id: str) -> list[Exchange]:
        """Oldest first."""
        raise NotImplementedError

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        raise NotImplementedError

    def delete_conversation(self, conversation_id: str) -> None:
        raise NotImplementedError

    def watch(self, on_event: "Callable[[SyncEvent], None]") -> AbstractContextManager[None]:
        """Keeps the known folders in sync while the context is open."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends what is open; the assistant cannot be used afterwards."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
