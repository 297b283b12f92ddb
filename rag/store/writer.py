"""Writes to the library; every change is one transaction, whole or not at all.

The caller groups changes in ``transaction``, and holds ``rag.store.lock`` unless it changes collections alone.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.store.collection_changes import CollectionChanges, FileLibrary
from rag.store.conditions import folder_range
from rag.store.document_parts import put_parts
from rag.store.protocols import FileState, KeptDocument
from rag.store.schema import path_key
from rag.text.index_terms import chunk_terms
from rag.types import Chunk, ParsedDocument, Source


class LibraryWriter(CollectionChanges):
    """Changes to one library. All methods but ``checkpoint`` and ``compact`` must run inside
    ``transaction``."""

    def __init__(self, library: FileLibrary) -> None:
        if library.read_only:
            raise LibraryError(
                f"The library {library.path} cannot be written to: the disk is full or read-only.",
                "Make room on it, then try again; asking works meanwhile.",
            )
        super().__init__(library)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Runs a block as one transaction: all of it becomes visible at once or, on any error or kill, nothing does."""
        with self._library.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself rolls back on some errors, a full disk among them
                    connection.execute("ROLLBACK")
                raise

    def checkpoint(self) -> None:
        """Moves the write-ahead log into the file where no reader is in the way; keeps the log small."""
        with self._library.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def compact(self) -> None:
        """Writes the file anew, so that nothing of what was removed is left in it."""
        with self._library.reading() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # -- sources ---------------------------------------------------------------------------------------------------

    def add_source(self, kind: Literal["folder", "file", "youtube"], location: str) -> Source:
        """Returns the source with this location, new or as it was."""
        self._execute(
            "INSERT INTO sources (kind, location, added_at) VALUES (?, ?, ?) ON CONFLICT (location) DO NOTHING",
            (kind, path_key(location), time.time()),
        )
        return next(source for source in self._library.sources() if source.location == location)

    def remove_source(self, source: Source) -> int:
        """Removes a source with its documents, except those that lie in another source too. Returns how many went."""
        others = [other for other in self._library.sources() if other.id != source.id and other.kind != "youtube"]
        for other in sorted(others, key=lambda other: -len(other.location)):  # the innermost folder takes first
            self._execute(
                "UPDATE documents SET source_id = ? WHERE source_id = ? AND (path = ? OR (path >= ? AND path < ?))",
                (other.id, source.id, path_key(other.location), *folder_range(other.location)),
            )
        self._execute(
            "DELETE FROM collection_members WHERE path IN (SELECT path FROM documents WHERE source_id = ?)",
            (source.id,),
        )
        removed = self._execute("DELETE FROM documents WHERE source_id = ?", (source.id,))
        self._execute("DELETE FROM sources WHERE id = ?", (source.id,))
        self._forget_members_below(source.location)
        self._changed()
        return removed

    # -- documents -------------------------------------------------------------------------------------------------

    def put_document(
        self,
        file: FileState,
        parsed: ParsedDocument,
        chunks: Sequence[Chunk],
        contexts: Sequence[str],
        vectors: NDArray[np.float16],
    ) -> int:
        """Stores a document that was read, in place of what stood at its path. Returns its id, which stays the same.

        ``contexts`` holds the line prepended to each chunk; ``vectors`` is [chunks, dimension].
        """
        return put_parts(self, file, parsed, chunks, contexts, vectors)

    def put_row(
        self,
        file: FileState,
        title: str,
        media_type: str,
        warnings: Sequence[str],
        chunks: int,
        pages: int | None = None,
    ) -> int:
        """Begins a document that was read, in place of what stood at its path. Returns its id, which stays the same.

        ``put_text``, ``put_table`` and ``put_chunks`` add its parts, in the same transaction.
        """
        return self._put_row(file, title, media_type, "ok", " ".join(warnings) or None, chunks, pages)

    def put_text(self, document_id: int, length: int, parts: Iterable[bytes], marks: str, blocks: str) -> None:
        """Adds the text, compressed, in parts that have ``length`` bytes together, with its ``marks_of`` and
        ``blocks_of``."""
        self._execute(
            "INSERT INTO texts (document_id, data, marks, blocks) VALUES (?, zeroblob(?), ?, ?)",
            (document_id, length, marks, blocks),
        )
        with (
            self._library.reading() as connection,
            connection.blobopen("texts", "data", document_id) as blob,
        ):
            for part in parts:
                blob.write(part)

    def put_table(self, document_id: int, start: int, stop: int, data: str) -> None:
        """Adds where the cells of a table stand (``TableSpans.to_json``)."""
        self._execute(
            "INSERT INTO tables (document_id, start, stop, data) VALUES (?, ?, ?, ?)",
            (document_id, start, stop, data),
        )

    def put_chunks(
        self,
        document_id: int,
        chunks: Sequence[Chunk],
        contexts: Sequence[str],
        terms: Sequence[str],
        vectors: Iterable[NDArray[np.float16]] | None,
    ) -> None:
        """Adds chunks, in order, with the line prepended to each, its ``chunk_terms``, and one [dimension] vector for
        each; with None they are ``chunks_to_embed``."""
        parts = zip(chunks, contexts, terms, strict=True)
        ids = [self._insert_chunk(document_id, chunk, context, of_it) for chunk, context, of_it in parts]
        for chunk_id, vector in zip(ids, vectors, strict=True) if vectors is not None else ():
            self._put_vector(chunk_id, vector)
        self._changed()

    def put_status(self, file: FileState, status: Literal["failed", "skipped"], reason: str) -> int:
        """Records that a file was not read, and drops what an earlier version of it had left. Returns its id."""
        document_id = self._put_row(file, "", "", status, reason, 0)
        self._changed()
        return document_id

    def restore_source(self, source: Source) -> None:
        """Adds a source as it is, with its id, which must be free."""
        self._execute(
            "INSERT INTO sources (id, kind, location, added_at) VALUES (?, ?, ?, ?)",
            (source.id, source.kind, path_key(source.location), source.added_at),
        )

    def restore(self, kept: KeptDocument) -> None:
        """Adds a document as another library keeps it, with its id, in place of the one with that id."""
        document = kept.document
        self._execute("DELETE FROM documents WHERE id = ?", (document.id,))
        fields = asdict(document) | {"path": path_key(document.path)}
        fields["pages"] = fields.pop("page_count")
        places = ", ".join("?" * len(fields))
        self._execute(f"INSERT INTO documents ({', '.join(fields)}) VALUES ({places})", list(fields.values()))
        if kept.text is not None:
            data, marks, blocks = kept.text
            self.put_text(document.id, len(data), (data,), marks, blocks)
        for table in kept.tables:
            self.put_table(document.id, *table)
        for chunk, context, vector in zip(kept.chunks, kept.contexts, kept.vectors, strict=True):
            chunk_id = self._insert_chunk(document.id, chunk, context, chunk_terms(context, chunk.text))
            if vector is not None:
                self._put_vector(chunk_id, vector)
        self._changed()

    def touch(self, document_id: int, size: int, mtime_ns: int, ctime_ns: int) -> None:
        """Records that a file was rewritten with the same content."""
        self._execute(
            "UPDATE documents SET size = ?, mtime_ns = ?, ctime_ns = ? WHERE id = ?",
            (size, mtime_ns, ctime_ns, document_id),
        )

    def mark_unread(self, document_ids: Iterable[int]) -> None:
        """Has the next sync read these documents anew, whether their files have changed or not."""
        for document_id in document_ids:
            self._execute("UPDATE documents SET mtime_ns = -1, content_hash = '' WHERE id = ?", (document_id,))

    def move(self, document_id: int, file: FileState, title: str) -> None:
        """Records that a file was renamed or moved; chunks and ids stay (but see ``replace_contexts``), and so do its
        collections."""
        self._execute(
            "UPDATE OR REPLACE collection_members SET path = ? WHERE path = (SELECT path FROM documents WHERE id = ?)",
            (path_key(file.path), document_id),
        )
        self._execute(
            "UPDATE documents SET source_id = ?, path = ?, size = ?, mtime_ns = ?, ctime_ns = ?, title = ? "
            "WHERE id = ?",
            (file.source_id, path_key(file.path), file.size, file.mtime_ns, file.ctime_ns, title, document_id),
        )

    def replace_contexts(self, document_id: int, contexts: Sequence[str]) -> None:
        """Gives the chunks of a document, in order, other contexts: new chunks, since what is embedded has changed.

        They have no vectors until ``put_vectors``.
        """
        chunks = self._library.chunk_range(document_id, 0, len(contexts))
        self._execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        for chunk, context in zip(chunks, contexts, strict=True):
            self._insert_chunk(document_id, chunk, context, chunk_terms(context, chunk.text))
        self._changed()

    def delete(self, document_ids: Iterable[int]) -> None:
        for document_id in document_ids:
            self._execute("DELETE FROM documents WHERE id = ?", (document_id,))
        self._changed()

    # -- embeddings ------------------------------------------------------------------------------------------------

    def change_embedder(self, name: str) -> None:
        """Makes ``name`` the embedder: deletes all stored vectors, so that all chunks are ``chunks_to_embed``."""
        self._execute("DELETE FROM embeddings", ())
        self._execute("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", (name,))
        self._changed()

    def count_to_embed(self) -> int:
        """Returns how many chunks have no vector yet."""
        with self._library.reading() as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM chunks) - (SELECT count(*) FROM embeddings)"
            ).fetchone()
            return int(row[0])

    def chunks_to_embed(self, limit: int, after: int = 0) -> list[tuple[int, str, str]]:
        """Returns up to ``limit`` (chunk id, context, text) without a vector, with ids above ``after``, in order."""
        with self._library.reading() as connection:
            return connection.execute(
                "SELECT id, context, text FROM chunks c WHERE id > ? "
                "AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.chunk_id = c.id) ORDER BY id LIMIT ?",
                (after, limit),
            ).fetchall()

    def put_vectors(self, chunk_ids: Sequence[int], vectors: NDArray[np.float16]) -> None:
        for chunk_id, vector in zip(chunk_ids, vectors, strict=True):
            self._put_vector(chunk_id, vector)
        self._changed()

    # -- rows ------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._execute(
            "INSERT INTO meta VALUES ('generation', 1) ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INT) + 1",
            (),
        )

    def _put_row(
        self,
        file: FileState,
        title: str,
        media_type: str,
        status: str,
        error: str | None,
        chunks: int,
        pages: int | None = None,
    ) -> int:
        with self._library.reading() as connection:
            (document_id,) = connection.execute(
                """INSERT INTO documents
                (source_id, path, title, media_type, status, error, chunks, size, mtime_ns, content_hash, read_at,
                ctime_ns, pages) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (path) DO UPDATE SET source_id = excluded.source_id, title = excluded.title,
                media_type = excluded.media_type, status = excluded.status, error = excluded.error,
                chunks = excluded.chunks, size = excluded.size, mtime_ns = excluded.mtime_ns,
                content_hash = excluded.content_hash, read_at = excluded.read_at, ctime_ns = excluded.ctime_ns,
                pages = excluded.pages RETURNING id""",
                (
                    file.source_id,
                    path_key(file.path),
                    title,
                    media_type,
                    status,
                    error,
                    chunks,
                    file.size,
                    file.mtime_ns,
                    file.content_hash,
                    time.time(),
                    file.ctime_ns,
                    pages,
                ),
            ).fetchone()
        self._execute("DELETE FROM texts WHERE document_id = ?", (document_id,))
        self._execute("DELETE FROM tables WHERE document_id = ?", (document_id,))
        self._execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        return int(document_id)

    def _insert_chunk(self, document_id: int, chunk: Chunk, context: str, terms: str) -> int:
        with self._library.reading() as connection:
            (chunk_id,) = connection.execute(
                """INSERT INTO chunks
                (document_id, ordinal, start, stop, page, start_s, end_s, page_label, heading_path, context, text,
                terms)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id""",
                (
                    document_id,
                    chunk.ordinal,
                    chunk.start,
                    chunk.end,
                    chunk.page,
                    chunk.start_s,
                    chunk.end_s,
                    chunk.page_label,
                    json.dumps(chunk.heading_path, ensure_ascii=False),
                    context,
                    chunk.text,
                    terms,
                ),
            ).fetchone()
            return int(chunk_id)

    def _put_vector(self, chunk_id: int, vector: NDArray[np.float16]) -> None:
        blob = np.ascontiguousarray(vector, dtype=np.float16).tobytes()
        self._execute("INSERT OR REPLACE INTO embeddings (chunk_id, vector) VALUES (?, ?)", (chunk_id, blob))
