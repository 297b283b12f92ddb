"""Writes to a library on a PostgreSQL server (``rag.store.protocols.LibraryChanges``).

Every change is one transaction, whole or not at all, and several Docents make some at once. Rows of one document are
locked by the row of that; sums are appended to, so no writer waits for another there. What was embedded by one embedder
is not stored beside what another one has embedded: each transaction holds the name of the embedder until it ends.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.store.conditions import folder_range
from rag.store.document_parts import put_parts, terms_of
from rag.store.postgres import chunk_rows
from rag.store.postgres import vectors as pgvectors
from rag.store.postgres.chunk_rows import kept_text
from rag.store.postgres.collection_changes import CollectionChanges
from rag.store.postgres.schema import LOCK_CLASS
from rag.store.postgres.server import Connection, Server
from rag.store.protocols import FileState, KeptDocument, LibraryStore
from rag.store.schema import path_key
from rag.types import Chunk, ParsedDocument, Source

_ADDING_UP = -4  # the lock of who adds up


class PostgresWriter(CollectionChanges):
    """Changes to one library. All methods but ``transaction``, ``checkpoint`` and ``compact`` must run inside
    ``transaction``."""

    def __init__(self, library: LibraryStore, server: Server) -> None:
        super().__init__(library, server)
        self._embedder: str | None = None
        self._has_begun = self._has_changed = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Runs a block as one transaction. Raises LibraryError where another Docent has changed the embedder since the
        first one, and where the connection is lost: nothing of the block is stored then."""
        with self._server.transaction() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'embedder' FOR SHARE").fetchone()
            found = row[0] if row else None
            if self._has_begun and found != self._embedder:
                raise LibraryError(
                    f"Another Docent has begun to make the vectors of {self._server.place} anew, with {found}.",
                    "Give all that share the library the same embedder.folder, then sync again.",
                )
            self._embedder = found
            self._has_begun = True
            yield

    def checkpoint(self) -> None:
        """Adds up what many writers have appended, and makes the index of vectors where there are enough."""
        if self._has_changed:
            with self._server.transaction() as connection:
                _add_up(connection)
            self._has_changed = False
        pgvectors.make_index(self._server)

    def compact(self) -> None:
        """Has the server write its files anew, so that nothing of what was removed is left in them. Its backups and
        its log of changes are its own."""
        with self._server.lent() as connection:
            for table in ("texts", "tables", "chunk_words", "embeddings", "chunks", "documents", "lexemes"):
                connection.execute(f"VACUUM (FULL) {table}")

    # -- sources ---------------------------------------------------------------------------------------------------

    def add_source(self, kind: Literal["folder", "file", "youtube"], location: str) -> Source:
        """Returns the source with this location, new or as it was."""
        self._execute(
            "INSERT INTO sources (kind, location, added_at) VALUES (%s, %s, %s) ON CONFLICT (location) DO NOTHING",
            (kind, path_key(location), time.time()),
        )
        return next(source for source in self._library.sources() if source.location == location)

    def remove_source(self, source: Source) -> int:
        """Removes a source with its documents, except those that lie in another source too. Returns how many went."""
        others = [other for other in self._library.sources() if other.id != source.id and other.kind != "youtube"]
        for other in sorted(others, key=lambda other: -len(other.location)):  # the innermost folder takes first
            self._execute(
                "UPDATE documents SET source_id = %s "
                "WHERE source_id = %s AND (path = %s OR (path >= %s AND path < %s))",
                (other.id, source.id, path_key(other.location), *folder_range(other.location)),
            )
        self._execute(
            "DELETE FROM collection_members WHERE path IN (SELECT path FROM documents WHERE source_id = %s)",
            (source.id,),
        )
        gone = [row[0] for row in self._server.rows("SELECT id FROM documents WHERE source_id = %s", (source.id,))]
        self.delete(gone)
        self._execute("DELETE FROM sources WHERE id = %s", (source.id,))
        self._forget_members_below(source.location)
        return len(gone)

    # -- documents -------------------------------------------------------------------------------------------------

    def put_document(
        self,
        file: FileState,
        parsed: ParsedDocument,
        chunks: Sequence[Chunk],
        contexts: Sequence[str],
        vectors: NDArray[np.float16],
    ) -> int:
        """Stores a document that was read, in place of what stood at its path. Returns its id, which stays the same."""
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
        """Begins a document that was read; ``put_text``, ``put_table`` and ``put_chunks`` add its parts."""
        return self._put_row(file, title, media_type, "ok", " ".join(warnings) or None, chunks, pages)

    def put_text(self, document_id: int, length: int, parts: Iterable[bytes], marks: str, blocks: str) -> None:
        """Adds the text, compressed, in parts that have ``length`` bytes together."""
        data = b"".join(parts)
        assert len(data) == length, "the parts are not the whole"
        self._execute(
            "INSERT INTO texts (document_id, data, marks, blocks) VALUES (%s, %s, %s, %s)",
            (document_id, data, kept_text(marks), kept_text(blocks)),
        )

    def put_table(self, document_id: int, start: int, stop: int, data: str) -> None:
        """Adds where the cells of a table stand (``TableSpans.to_json``)."""
        self._execute(
            "INSERT INTO tables (document_id, start, stop, data) VALUES (%s, %s, %s, %s)",
            (document_id, start, stop, kept_text(data)),
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
        ids = chunk_rows.insert(self._server, document_id, chunks, contexts, terms)
        if vectors is not None:
            chunk_rows.put_vectors(self._server, ids, vectors)
        self._changed()

    def put_status(self, file: FileState, status: Literal["failed", "skipped"], reason: str) -> int:
        """Records that a file was not read, and drops what an earlier version of it had left. Returns its id."""
        document_id = self._put_row(file, "", "", status, reason, 0)
        self._changed()
        return document_id

    def restore_source(self, source: Source) -> None:
        """Adds a source as it is, with its id, which must be free."""
        self._execute(
            "INSERT INTO sources (id, kind, location, added_at) VALUES (%s, %s, %s, %s)",
            (source.id, source.kind, path_key(source.location), source.added_at),
        )
        self.keep_free("sources")

    def restore(self, kept: KeptDocument) -> None:
        """Adds a document as another library keeps it, with its id, in place of the one with that id."""
        document = kept.document
        self.delete([document.id])
        fields = asdict(document) | {"path": path_key(document.path), "title": kept_text(document.title)}
        fields["pages"] = fields.pop("page_count")
        if document.error is not None:
            fields["error"] = kept_text(document.error)
        places = ", ".join(["%s"] * len(fields))
        self._execute(f"INSERT INTO documents ({', '.join(fields)}) VALUES ({places})", list(fields.values()))
        self.keep_free("documents")
        if kept.text is not None:
            data, marks, blocks = kept.text
            self.put_text(document.id, len(data), (data,), marks, blocks)
        for table in kept.tables:
            self.put_table(document.id, *table)
        ids = chunk_rows.insert(
            self._server, document.id, kept.chunks, kept.contexts, terms_of(kept.chunks, kept.contexts)
        )
        there = [(id_, vector) for id_, vector in zip(ids, kept.vectors, strict=True) if vector is not None]
        chunk_rows.put_vectors(self._server, [id_ for id_, _ in there], [vector for _, vector in there])

    def touch(self, document_id: int, size: int, mtime_ns: int, ctime_ns: int) -> None:
        """Records that a file was rewritten with the same content."""
        self._execute(
            "UPDATE documents SET size = %s, mtime_ns = %s, ctime_ns = %s WHERE id = %s",
            (size, mtime_ns, ctime_ns, document_id),
        )

    def mark_unread(self, document_ids: Iterable[int]) -> None:
        """Has the next sync read these documents anew, whether their files have changed or not."""
        self._execute(
            "UPDATE documents SET mtime_ns = -1, content_hash = '' WHERE id = ANY(%s)", (sorted(document_ids),)
        )

    def move(self, document_id: int, file: FileState, title: str) -> None:
        """Records that a file was renamed or moved; chunks and ids stay, and so do its collections."""
        old = self._server.rows("SELECT path FROM documents WHERE id = %s FOR UPDATE", (document_id,))
        if old:
            self._move_members(old[0][0], path_key(file.path))
        self._execute(
            "UPDATE documents SET source_id = %s, path = %s, size = %s, mtime_ns = %s, ctime_ns = %s, title = %s "
            "WHERE id = %s",
            (
                file.source_id,
                path_key(file.path),
                file.size,
                file.mtime_ns,
                file.ctime_ns,
                kept_text(title),
                document_id,
            ),
        )

    def replace_contexts(self, document_id: int, contexts: Sequence[str]) -> None:
        """Gives the chunks of a document, in order, other contexts: new chunks without vectors."""
        chunks = self._library.chunk_range(document_id, 0, len(contexts))
        chunk_rows.delete(self._server, [document_id])
        chunk_rows.insert(self._server, document_id, chunks, contexts, terms_of(chunks, contexts))
        self._changed()

    def delete(self, document_ids: Iterable[int]) -> None:
        ids = sorted(document_ids)
        chunk_rows.delete(self._server, ids)
        self._execute("DELETE FROM documents WHERE id = ANY(%s)", (ids,))
        self._changed()

    # -- embeddings ------------------------------------------------------------------------------------------------

    def change_embedder(self, name: str) -> None:
        """Makes ``name`` the embedder: deletes all stored vectors, so that all chunks are ``chunks_to_embed``."""
        self._execute("UPDATE meta SET value = %s WHERE key = 'embedder'", (name,))
        pgvectors.drop_index(self._server)
        self._execute("DELETE FROM embeddings", ())
        self._embedder = name
        self._changed()

    def count_to_embed(self) -> int:
        """Returns how many chunks have no vector yet."""
        sql = "SELECT (SELECT count(*) FROM chunks) - (SELECT count(*) FROM embeddings)"
        return int(self._server.rows(sql)[0][0])

    def chunks_to_embed(self, limit: int, after: int = 0) -> list[tuple[int, str, str]]:
        """Returns up to ``limit`` (chunk id, context, text) without a vector, with ids above ``after``, in order."""
        return self._server.rows(
            "SELECT id, context, text FROM chunks c WHERE id > %s "
            "AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.chunk_id = c.id) ORDER BY id LIMIT %s",
            (after, limit),
        )

    def put_vectors(self, chunk_ids: Sequence[int], vectors: NDArray[np.float16]) -> None:
        """Stores vectors; those of chunks that are gone meanwhile are left out."""
        chunk_rows.put_vectors(self._server, chunk_ids, vectors)
        self._changed()

    # -- rows ------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._has_changed = True
        self._execute("INSERT INTO totals VALUES (1, 0, 0)", ())

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
        assert self._server.in_transaction, "changes are made inside transaction()"
        values: dict[str, Any] = {
            "source_id": file.source_id,
            "path": path_key(file.path),
            "title": kept_text(title),
            "media_type": media_type,
            "status": status,
            "error": None if error is None else kept_text(error),
            "chunks": chunks,
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "content_hash": file.content_hash,
            "read_at": time.time(),
            "ctime_ns": file.ctime_ns,
            "pages": pages,
        }
        updated = ", ".join(f"{name} = excluded.{name}" for name in values if name != "path")
        made = self._server.rows(
            f"INSERT INTO documents ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) "
            f"ON CONFLICT (path) DO UPDATE SET {updated} RETURNING id, xmax = 0",
            list(values.values()),
        )
        document_id, is_new = made[0]
        if is_new:
            return int(document_id)
        self._execute("DELETE FROM texts WHERE document_id = %s", (document_id,))
        self._execute("DELETE FROM tables WHERE document_id = %s", (document_id,))
        chunk_rows.delete(self._server, [document_id])
        return int(document_id)


def _add_up(connection: Connection) -> None:
    """One row for each word and one total, unless another Docent is at it: what it leaves is added up the next time.
    Tables that have grown by much are analysed, so that searches are planned for what is there."""
    asked = connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (LOCK_CLASS, _ADDING_UP)).fetchone()
    if asked is None or not asked[0]:
        return
    connection.execute(
        "WITH gone AS (DELETE FROM lexemes WHERE lexeme IN "
        "(SELECT lexeme FROM lexemes GROUP BY lexeme HAVING count(*) > 1) RETURNING lexeme, chunks) "
        "INSERT INTO lexemes SELECT lexeme, sum(chunks) FROM gone GROUP BY lexeme HAVING sum(chunks) <> 0"
    )
    connection.execute(
        "WITH gone AS (DELETE FROM totals RETURNING *) "
        "INSERT INTO totals SELECT sum(changes), sum(chunks), sum(tokens) FROM gone HAVING count(*) > 0"
    )
    grown = connection.execute(
        "INSERT INTO meta SELECT 'analysed', sum(chunks)::text FROM totals ON CONFLICT (key) DO UPDATE "
        "SET value = excluded.value WHERE abs(excluded.value::bigint - meta.value::bigint) > meta.value::bigint / 5"
    ).rowcount
    if grown:
        connection.execute("ANALYZE chunks, chunk_words, embeddings, documents, lexemes")
