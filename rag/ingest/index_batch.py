"""Embeds and stores the documents that were parsed and chunked.

Chunks of several documents are gathered, embedded together and committed in one transaction, so that a kill costs at
most one batch of work and never half a document. The first batches are small, so that a sync that is stopped early
keeps something. A document with more chunks than a batch is stored at once, without vectors: keywords find it from then
on. ``embed_stored`` makes its vectors when all else is done, a batch after the other, and goes on where it was stopped.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.ingest.children.prepared import PreparedChunk, PreparedDocument
from rag.ingest.events import SyncEvent
from rag.ingest.settings import SyncSettings
from rag.protocols import Embedder
from rag.store.protocols import FileState, LibraryStore

_FIRST_BATCH = 16  # chunks; each batch is twice as large as the one before, up to SyncSettings.embed_chunks
_WAITING_BYTES = 32 << 20
_SLICE = 64  # chunks between two looks at ``cancel``, at most
_FIRST_SLICE = 16
_SLICE_S = 0.5  # between two looks, about


class Cancelled(Exception):
    """The caller wants no more: unwinds to the sync, which reports it."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    file: FileState
    document: PreparedDocument


@dataclass(frozen=True, slots=True)
class _Unread:
    file: FileState
    status: Literal["failed", "skipped"]
    reason: str


class IndexBatch:
    """Gathers documents and stores them. ``on_stored`` gets the id of each after its commit."""

    def __init__(
        self,
        library: LibraryStore,
        embedder: Embedder,
        settings: SyncSettings,
        on_event: Callable[[SyncEvent], None],
        on_stored: Callable[[int], None],
        cancel: threading.Event,
    ) -> None:
        self._writer = library.writer()
        self._embedder = embedder
        self._settings = settings
        self._on_event = on_event
        self._on_stored = on_stored
        self._cancel = cancel
        self._waiting: list[_Prepared | _Unread] = []
        self._waiting_chunks = self._waiting_bytes = 0
        self._batch = min(_FIRST_BATCH, settings.embed_chunks)

    def add(self, file: FileState, document: PreparedDocument) -> None:
        """Takes a document, and closes it when it is stored."""
        if document.chunks > self._settings.embed_chunks:
            self.flush()
            self._store_large(file, document)
            return
        self._waiting.append(_Prepared(file, document))
        self._waiting_chunks += document.chunks
        self._waiting_bytes += document.size
        self._flush_if_full()

    def add_unread(self, file: FileState, status: Literal["failed", "skipped"], reason: str) -> None:
        self._waiting.append(_Unread(file, status, reason))
        self._flush_if_full()

    def _flush_if_full(self) -> None:
        full = self._waiting_chunks >= self._batch or len(self._waiting) >= self._batch
        if full or self._waiting_bytes >= _WAITING_BYTES:
            self.flush()
            self._batch = min(2 * self._batch, self._settings.embed_chunks)

    def flush(self) -> None:
        """Embeds and commits what waits."""
        if not self._waiting:
            return
        chunks = [
            [chunk for batch in item.document.chunk_batches() for chunk in batch] if isinstance(item, _Prepared) else []
            for item in self._waiting
        ]
        unembedded = [
            of_one
            for item, of_one in zip(self._waiting, chunks, strict=True)
            if isinstance(item, _Prepared) and item.document.vectors is None
        ]
        texts = [passage_text(each.context, each.chunk.text) for of_one in unembedded for each in of_one]
        vectors = iter(self._embed(texts, self._waiting[-1].file.path, 0, len(texts)))
        stored = []
        with self._writer.transaction():
            for item, of_one in zip(self._waiting, chunks, strict=True):
                if isinstance(item, _Unread):
                    stored.append(self._writer.put_status(item.file, item.status, item.reason))
                    continue
                document_id = self._put(item.file, item.document)
                known = item.document.vectors
                self._put_chunks(document_id, of_one, list(islice(vectors, len(of_one)) if known is None else known))
                stored.append(document_id)
        for item in self._waiting:
            if isinstance(item, _Prepared):
                item.document.close()
        self._forget_waiting()
        for document_id in stored:
            self._on_stored(document_id)

    def close(self) -> None:
        """Forgets what waits."""
        for item in self._waiting:
            if isinstance(item, _Prepared):
                item.document.close()
        self._forget_waiting()

    def _forget_waiting(self) -> None:
        self._waiting, self._waiting_chunks, self._waiting_bytes = [], 0, 0

    def _store_large(self, file: FileState, document: PreparedDocument) -> None:
        """Stores a document and closes it; vectors that it lacks are made by ``embed_stored``."""
        known = None if document.vectors is None else iter(document.vectors)
        with contextlib.closing(document), self._writer.transaction():
            document_id = self._put(file, document)
            for batch in document.chunk_batches():
                self._stop_if_cancelled()
                self._put_chunks(document_id, batch, None if known is None else list(islice(known, len(batch))))
        self._on_stored(document_id)

    def _put(self, file: FileState, document: PreparedDocument) -> int:
        """Stores all of a document but its chunks."""
        title, kind, warnings = document.title, document.media_type, document.warnings
        document_id = self._writer.put_row(file, title, kind, warnings, document.chunks, document.pages)
        self._writer.put_text(document_id, document.text_bytes, document.text_parts(), document.marks, document.blocks)
        for number, (start, end, data) in enumerate(document.tables()):
            if number % _SLICE == 0:
                self._stop_if_cancelled()
            self._writer.put_table(document_id, start, end, data)
        return document_id

    def _put_chunks(
        self, document_id: int, chunks: Sequence[PreparedChunk], vectors: Sequence[NDArray[np.float16]] | None
    ) -> None:
        contexts, terms = [prepared.context for prepared in chunks], [prepared.terms for prepared in chunks]
        self._writer.put_chunks(document_id, [prepared.chunk for prepared in chunks], contexts, terms, vectors)

    def _embed(self, texts: Sequence[str], path: str, done: int, total: int) -> NDArray[np.float16]:
        """[texts, dimension] vectors of some texts of ``total``, before which ``done`` were embedded."""
        vectors = np.zeros((len(texts), self._embedder.dimension), dtype=np.float16)
        for batch in slices(texts):
            self._stop_if_cancelled()
            vectors[batch] = self._embedder.embed_passages([texts[index] for index in batch])
            done += len(batch)
            self._on_event(SyncEvent("embedding", path, done=done, total=total))
        return vectors

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise Cancelled

    def embed_stored(self) -> None:
        """Embeds every stored chunk that has no vector, in batches that are committed one by one: those of large
        documents, and all where the embedder has changed."""
        total, done, last = self._writer.count_to_embed(), 0, 0
        while total and (waiting := self._writer.chunks_to_embed(self._settings.embed_chunks, after=last)):
            ids = [chunk_id for chunk_id, _, _ in waiting]
            vectors = self._embed([passage_text(context, text) for _, context, text in waiting], "", done, total)
            with self._writer.transaction():
                self._writer.put_vectors(ids, vectors)
            last, done = ids[-1], done + len(ids)


def slices(texts: Sequence[str], clock: Callable[[], float] = time.monotonic) -> Iterator[list[int]]:
    """Yields the indices of texts that are to be embedded together: texts of like length, which need little padding,
    and so many of them that the caller soon comes back, however slowly it embeds."""
    by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    first, count = 0, _FIRST_SLICE
    while first < len(texts):
        began = clock()
        yield by_length[first : first + count]
        first += count
        took = clock() - began
        if took > _SLICE_S:
            count = max(1, count // 2)
        elif took < _SLICE_S / 2:
            count = min(_SLICE, 2 * count)


def passage_text(context: str, text: str) -> str:
    """Returns the text that is embedded for a chunk."""
    return f"{context}\n{text}" if context else text
