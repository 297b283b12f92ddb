"""Keeps count of what a sync does, tells it while it runs, and sums it up."""

from collections.abc import Callable

from rag.ingest.events import SyncEvent, SyncReport
from rag.ingest.sources.scan import Trouble
from rag.store.protocols import LibraryStore
from rag.types import Document, Source


class Tally:
    """The events and the report of one sync."""

    def __init__(self, library: LibraryStore, on_event: Callable[[SyncEvent], None]) -> None:
        self._library = library
        self._on_event = on_event
        self._documents: dict[int, Document] = {}
        self._removed: list[str] = []
        self._troubles: list[Trouble] = []
        self._unreachable: list[Source] = []
        self._counts = dict.fromkeys(("ok", "failed", "skipped", "renamed", "removed", "unchanged", "chunks"), 0)
        self._done = self._total = 0

    def found(self, total: int, unchanged: int, location: str = "") -> None:
        """A source was looked through: ``total`` documents are to be worked on."""
        self._total += total
        self._counts["unchanged"] += unchanged
        self._on_event(SyncEvent("scanned", location, total=self._total))

    def reading(self, path: str, done: int, total: int) -> None:
        """``done`` of ``total`` parts of a large file are read."""
        self._on_event(SyncEvent("reading", path, done=done, total=total))

    def finished(self, document_id: int, what: str | None = None) -> None:
        """A document was committed; ``what`` happened to it, if it was not read."""
        document = self._library.document(document_id)
        assert document is not None, "just committed"
        self._documents[document_id] = document
        self._counts[what or document.status] += 1
        self._counts["chunks"] += 0 if what else document.chunks
        self._done += 1
        self._on_event(
            SyncEvent(
                "document", document.path, document.status, document.error, document.chunks, self._done, self._total
            )
        )

    def gone(self, document: Document) -> None:
        """A document was taken out of the library."""
        self._removed.append(document.path)
        self._counts["removed"] += 1
        self._done += 1
        self._on_event(SyncEvent("document", document.path, "removed", done=self._done, total=self._total))

    def trouble(self, path: str, reason: str) -> None:
        """Something could not be looked at."""
        self._troubles.append(Trouble(path, reason))
        self._on_event(SyncEvent("document", path, "failed", reason, done=self._done, total=self._total))

    def given_up(self, path: str, reason: str) -> None:
        """A file is left to the next sync."""
        self._done += 1
        self.trouble(path, reason)

    def unreachable(self, source: Source, reason: str = "") -> None:
        """A source is not there; its documents are kept."""
        self._unreachable.append(source)
        if reason:
            self.trouble(source.location, reason)

    def report(self, seconds: float, *, cancelled: bool) -> SyncReport:
        """The sync is over."""
        self._on_event(SyncEvent("done", done=self._done, total=self._total))
        return SyncReport(
            documents=tuple(self._documents.values()),
            removed=tuple(self._removed),
            counts=self._counts,
            unreachable=tuple(self._unreachable),
            troubles=tuple(self._troubles),
            seconds=seconds,
            cancelled=cancelled,
        )
