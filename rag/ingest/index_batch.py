"""Chunks, embeds and stores parsed documents.

Chunks of several documents are gathered, embedded together and committed in one transaction, so that a kill costs at
most one batch of work and never half a document. The first batches are small, so that a sync that is stopped early
keeps something.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.ingest.chunk import chunk_document
from rag.ingest.events import SyncEvent
from rag.ingest.settings import SyncSettings
from rag.protocols import Embedder
from rag.store.library import Library
from rag.store.writer import FileState, LibraryWriter
from rag.text.context import context_of, document_label
from rag.types import Chunk, ParsedDocument

_FIRST_BATCH = 16  # chunks; each batch is twice as large as the one before, up to SyncSettings.embed_chunks
_SLICE = 64  # chunks between two looks at ``cancel``: under a second of embedding on two cores


class Cancelled(Exception):
    """The caller wants no more: unwinds to the sync, which reports it."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    file: FileState
    parsed: ParsedDocument
    chunks: list[Chunk]
    contexts: list[str]


@dataclass(frozen=True, slots=True)
class _Unread:
    file: FileState
    status: Literal["failed", "skipped"]
    reason: str


class IndexBatch:
    """Gathers documents and stores them. ``on_stored`` gets the id of each after its commit."""

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        settings: SyncSettings,
        on_event: Callable[[SyncEvent], None],
        on_stored: Callable[[int], None],
        cancel: threading.Event,
    ) -> None:
        self._writer = LibraryWriter(library)
        self._embedder = embedder
        self._settings = settings
        self._on_event = on_event
        self._on_stored = on_stored
        self._cancel = cancel
        self._waiting: list[_Parsed | _Unread] = []
        self._waiting_chunks = 0
        self._batch = min(_FIRST_BATCH, settings.embed_chunks)

    def add(self, file: FileState, parsed: ParsedDocument) -> None:
        chunks = chunk_document(parsed, self._embedder.count_tokens, self._settings.target_tokens)
        label = document_label(file.path, parsed.title)
        contexts = [context_of(label, chunk.heading_path) for chunk in chunks]
        self._waiting.append(_Parsed(file, parsed, chunks, contexts))
        self._waiting_chunks += len(chunks)
        self._flush_if_full()

    def add_unread(self, file: FileState, status: Literal["failed", "skipped"], reason: str) -> None:
        self._waiting.append(_Unread(file, status, reason))
        self._flush_if_full()

    def _flush_if_full(self) -> None:
        if self._waiting_chunks >= self._batch or len(self._waiting) >= self._batch:
            self.flush()
            self._batch = min(2 * self._batch, self._settings.embed_chunks)

    def flush(self) -> None:
        """Embeds and commits what waits."""
        if not self._waiting:
            return
        vectors = self._embed_waiting()
        stored = []
        with self._writer.transaction():
            first = 0
            for item in self._waiting:
                if isinstance(item, _Unread):
                    stored.append(self._writer.put_status(item.file, item.status, item.reason))
                    continue
                last = first + len(item.chunks)
                stored.append(
                    self._writer.put_document(item.file, item.parsed, item.chunks, item.contexts, vectors[first:last])
                )
                first = last
        self._waiting, self._waiting_chunks = [], 0
        for document_id in stored:
            self._on_stored(document_id)

    def _embed_waiting(self) -> NDArray[np.float16]:
        texts = []
        for item in self._waiting:
            if isinstance(item, _Parsed):
                texts += [
                    passage_text(context, chunk.text) for context, chunk in zip(item.contexts, item.chunks, strict=True)
                ]
        path = self._waiting[-1].file.path if self._waiting else ""
        vectors = np.zeros((len(texts), self._embedder.dimension), dtype=np.float16)
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))  # little padding within a slice
        for first in range(0, len(texts), _SLICE):
            if self._cancel.is_set():
                raise Cancelled
            batch = by_length[first : first + _SLICE]
            vectors[batch] = self._embedder.embed_passages([texts[index] for index in batch])
            self._on_event(SyncEvent("embedding", path, done=first + len(batch), total=len(texts)))
        return vectors

    def embed_stored(self) -> None:
        """Embeds every stored chunk that has no vector: those of an earlier embedder, in batches."""
        total, done, last = self._writer.count_to_embed(), 0, 0
        while total and (waiting := self._writer.chunks_to_embed(self._settings.embed_chunks, after=last)):
            if self._cancel.is_set():
                raise Cancelled
            ids = [chunk_id for chunk_id, _, _ in waiting]
            vectors = self._embedder.embed_passages([passage_text(context, text) for _, context, text in waiting])
            with self._writer.transaction():
                self._writer.put_vectors(ids, vectors.astype(np.float16))
            last, done = ids[-1], done + len(ids)
            self._on_event(SyncEvent("embedding", done=done, total=total))


def passage_text(context: str, text: str) -> str:
    """Returns the text that is embedded for a chunk."""
    return f"{context}\n{text}" if context else text
