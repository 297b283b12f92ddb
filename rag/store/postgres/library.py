"""Reads a library on a PostgreSQL server (``rag.store.protocols.LibraryStore``).

It may be used from several threads and while other Docents write. ``rag.store.postgres.writer`` writes.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.errors import LibraryError
from rag.store import keyword_search, marks, rows
from rag.store.conditions import folder_range
from rag.store.postgres import check, locks, vectors
from rag.store.postgres.server import Server
from rag.store.postgres.word_index import TsvectorIndex
from rag.store.protocols import KeptDocument
from rag.store.rows import CHUNK_COLUMNS, DOCUMENT_COLUMNS
from rag.store.schema import path_key
from rag.text.table_spans import TableSpans
from rag.types import Block, Chunk, Collection, Document, Filter, Place, Source

if TYPE_CHECKING:
    from rag.store.postgres.writer import PostgresWriter

_T = TypeVar("_T")
_BATCH = 4096  # embeddings a batch
_TABLES = 16  # read at a time
_LAST_ID = (1 << 63) - 1
_ALL = Filter()


class PostgresLibrary:
    """An open library. Close it, or use it as a context manager."""

    def __init__(self, url: str) -> None:
        """Makes or updates the tables if need be. Raises LibraryError where the server is not there, refuses, is too
        old or has no pgvector, and where a newer Docent has written the library."""
        self._server = Server(url)

    def close(self) -> None:
        """Closes the connections; who reads afterwards is told. Calling it twice is harmless."""
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def writer(self) -> "PostgresWriter":
        from rag.store.postgres.writer import PostgresWriter

        return PostgresWriter(self, self._server)

    def writing(self, timeout_s: float = 0.0, sources: Sequence[Source] | None = None) -> AbstractContextManager[None]:
        """Holds these sources and what overlaps with them, or all. Raises LibraryLocked."""
        return locks.writing(self._server, timeout_s, sources, self.sources())

    def vectors(self) -> vectors.PgVectors:
        return vectors.PgVectors(self._server)

    # -- the library as a whole ------------------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """The address without its password."""
        return self._server.place

    @property
    def generation(self) -> int:
        """Grows with every committed change to chunks or embeddings."""
        return int(self._server.rows("SELECT sum(changes)::bigint FROM totals")[0][0] or 0)

    @property
    def embedder_name(self) -> str | None:
        """The name of the embedder whose vectors ``embeddings`` yields; None before the first sync."""
        found = self._server.rows("SELECT value FROM meta WHERE key = 'embedder'")
        return found[0][0] if found else None

    def counts(self) -> dict[str, int]:
        """Counts the documents of each status, and all "chunks"."""
        counts = dict.fromkeys(("ok", "failed", "skipped", "chunks"), 0)
        sql = "SELECT status, count(*), sum(chunks)::bigint FROM documents GROUP BY status"
        for status, count, chunks in self._server.rows(sql):
            counts[status] += count
            counts["chunks"] += chunks
        return counts

    def size_bytes(self) -> int:
        """Returns the size of all tables and indexes on the server."""
        sql = (
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class "
            "WHERE relnamespace = 'docent'::regnamespace AND relkind = 'r'"
        )
        return int(self._server.rows(sql)[0][0])

    def check(self) -> None:
        """Raises LibraryError unless everything that is derived fits what it is derived from. Reads all of it."""
        check.check(self._server)

    # -- sources and documents -------------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        """Returns the sources in the order in which they were added."""
        found = self._server.rows("SELECT id, kind, location, added_at FROM sources ORDER BY id")
        return list(rows.sound(found, rows.source_of, "a source"))

    def documents(self, filter: Filter = _ALL) -> list[Document]:
        """Returns every document that matches, whatever its status, ordered by path."""
        where, parameters = document_condition(filter)
        return self._documents(f"WHERE {where} ORDER BY d.path", parameters)

    def unread_documents(self) -> list[Document]:
        """Returns those that were skipped or could not be read, ordered by path."""
        return self._documents("WHERE d.status <> 'ok' ORDER BY d.path", ())

    def document(self, document_id: int) -> Document | None:
        if not 0 <= document_id <= _LAST_ID:
            return None
        return next(iter(self._documents("WHERE d.id = %s", (document_id,))), None)

    def document_at(self, path: str) -> Document | None:
        """Returns the document with exactly this path or URL."""
        return next(iter(self._documents("WHERE d.path = %s", (path_key(path),))), None)

    def _documents(self, condition: str, parameters: Sequence[object]) -> list[Document]:
        found = self._server.rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents d {condition}", parameters)
        return [rows.document_from(row) for row in found]

    def holds(self, location: str) -> bool:
        """Tells whether a path or URL is a document, a source, or a place in one."""
        if self.document_at(location) is not None:
            return True
        key = path_key(location)
        for source in self.sources():
            below_from, below_to = folder_range(source.location)
            if source.location == location or below_from <= key < below_to:
                return True
        return False

    def document_text(self, document_id: int) -> str:
        """Returns the canonical text; empty for a document that was not read. Raises LibraryError if it is damaged."""
        found = self._server.rows("SELECT data FROM texts WHERE document_id = %s", (document_id,))
        try:
            return rows.whole_text(found[0][0]) if found else ""
        except rows.DamagedRow as damage:
            raise LibraryError(
                f"The text of document {document_id} in the library is damaged.", "`docent sync --anew` reads it again."
            ) from damage

    def locate(self, document_id: int, start: int) -> Place:
        """Returns where in its file a character position of the canonical text stands, as far as that is known."""
        return marks.place_at(self.places(document_id), start)

    def places(self, document_id: int) -> list[tuple[int, Place]]:
        """Returns the position in the canonical text at which each place of the file begins, in order."""
        return self._structure(document_id, "marks", rows.marks_of)

    def blocks(self, document_id: int) -> list[Block]:
        """Returns what is more than a paragraph or a table in the canonical text, in order."""
        return self._structure(document_id, "blocks", rows.blocks_of)

    def _structure(self, document_id: int, column: str, read: Callable[[object], list[_T]]) -> list[_T]:
        found = self._server.rows(f"SELECT {column} FROM texts WHERE document_id = %s", (document_id,))
        lists = list(rows.sound((row[0] for row in found), read, f"{column} of document {document_id}"))
        return lists[0] if lists else []

    def page_spans(self, document_id: int, page: int) -> list[tuple[int, int | None]]:
        """Returns where in the canonical text a page of the file stands; None where it goes on to the end."""
        return marks.page_spans(self.places(document_id), page)

    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        """Returns the tables of a document that stand in ``text[start:end]``, wholly or in part, in order."""
        found = self._server.rows(
            "SELECT data FROM tables WHERE document_id = %s AND start < %s AND stop > %s ORDER BY start",
            (document_id, end, start),
        )
        return tuple(rows.sound((row[0] for row in found), rows.table_of, f"a table of document {document_id}"))

    def all_tables(self, document_id: int, start: int = 0, end: int = sys.maxsize) -> Iterator[TableSpans]:
        """Yields the tables that ``tables`` returns, a few of them read at a time: there can be tens of thousands. Any
        thread may take the next one."""
        after = -1
        while found := self._server.rows(
            "SELECT data, start FROM tables "
            "WHERE document_id = %s AND start > %s AND start < %s AND stop > %s ORDER BY start LIMIT %s",
            (document_id, after, end, start, _TABLES),
        ):
            after = found[-1][1]
            yield from rows.sound((row[0] for row in found), rows.table_of, f"a table of document {document_id}")

    # -- chunks ----------------------------------------------------------------------------------------------------

    def chunks(self, ids: Sequence[int]) -> dict[int, tuple[Chunk, Document]]:
        """Returns chunks by id with their documents, in the order of ``ids``; what is gone is left out."""
        read = self._server.rows(
            f"SELECT {CHUNK_COLUMNS}, {DOCUMENT_COLUMNS} FROM chunks c JOIN documents d ON d.id = c.document_id "
            "WHERE c.id = ANY(%s)",
            ([int(id_) for id_ in ids],),
        )
        pairs = rows.sound(read, rows.chunk_and_document, "a passage")
        found = {chunk.id: (chunk, document) for chunk, document in pairs}
        return {int(id_): found[int(id_)] for id_ in ids if int(id_) in found}

    def chunk_range(self, document_id: int, first_ordinal: int, last_ordinal: int) -> list[Chunk]:
        """Returns the chunks of a document from one ordinal to another, both included, in order."""
        read = self._server.rows(
            f"SELECT {CHUNK_COLUMNS} FROM chunks c "
            "WHERE c.document_id = %s AND c.ordinal BETWEEN %s AND %s ORDER BY c.ordinal",
            (document_id, first_ordinal, last_ordinal),
        )
        return list(rows.sound(read, rows.chunk_of, f"a passage of document {document_id}"))

    def chunk_ids(self, filter: Filter = _ALL) -> NDArray[np.int64]:
        """Returns ids of all chunks that match, ascending. Shape [n]."""
        where, parameters = document_condition(filter)
        chosen = f"WHERE document_id IN (SELECT d.id FROM documents d WHERE {where})" if filter else ""
        read = self._server.rows(f"SELECT id FROM chunks {chosen} ORDER BY id", parameters)
        return np.fromiter((row[0] for row in read), dtype=np.int64, count=len(read))

    def embeddings(self, ids: Sequence[int] | None = None) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
        """Yields batches of (chunk ids ascending [n], vectors [n, dimension]); of all chunks, or of those in ``ids``.

        A chunk that waits to be embedded again (the embedder has changed) is left out.
        """
        wanted = None if ids is None else sorted({int(id_) for id_ in ids})
        sql = "SELECT chunk_id, halfvec_send(vector) FROM embeddings WHERE chunk_id > %s"
        last = -1
        for first in range(0, _LAST_ID if wanted is None else len(wanted), _BATCH):
            if wanted is None:
                batch = self._server.rows(f"{sql} ORDER BY chunk_id LIMIT %s", (last, _BATCH))
                if not batch:
                    return
                last = batch[-1][0]
            else:
                some = wanted[first : first + _BATCH]
                batch = self._server.rows(f"{sql} AND chunk_id = ANY(%s) ORDER BY chunk_id", (-1, some))
            unpacked = vectors.unpacked(batch)
            if unpacked:
                yield from rows.sound_vectors(unpacked, len(unpacked[0][1]))

    # -- words and collections -------------------------------------------------------------------------------------

    @contextmanager
    def words(self, filter: Filter = _ALL) -> Iterator[TsvectorIndex]:
        """Yields the words of the chunks that match."""
        where, parameters = document_condition(filter) if filter else ("", [])
        yield TsvectorIndex(self._server, where, parameters)

    def full_text_search(self, question: str, k: int, filter: Filter = _ALL) -> list[tuple[int, float]]:
        """Returns the ``k`` best chunks by BM25 as (chunk id, score), best first; ``question`` is free text."""
        with self.words(filter) as index:
            return keyword_search.search(index, question, k)

    def kept(self, document: Document) -> KeptDocument:
        """Returns all that is kept of a document."""
        key = (document.id,)
        texts = self._server.rows("SELECT data, marks, blocks FROM texts WHERE document_id = %s", key)
        tables = self._server.rows("SELECT start, stop, data FROM tables WHERE document_id = %s ORDER BY start", key)
        contexts = self._server.rows("SELECT context FROM chunks WHERE document_id = %s ORDER BY ordinal", key)
        return rows.kept_of(self, document, texts, tables, contexts)

    def collections(self) -> list[Collection]:
        """Returns every collection with its members, ordered by path."""
        named = self._server.rows("SELECT id, name, owner FROM collections")
        members = self._server.rows("SELECT collection_id, path FROM collection_members ORDER BY path")
        return rows.collections_of(named, members)

    def last_collection(self) -> int:
        """Returns the highest id that a collection has or had, 0 where there was none."""
        sql = "SELECT last_value FROM pg_sequences WHERE schemaname = 'docent' AND sequencename = 'collections_id_seq'"
        found = self._server.rows(sql)
        return int(found[0][0] or 0) if found else 0

    def documents_in(self, collection_id: int) -> frozenset[int]:
        """Returns the ids of the documents that are in a collection now, whatever their status."""
        members = self._server.rows(
            "SELECT m.path, d.id FROM collection_members m LEFT JOIN documents d ON d.path = m.path "
            "WHERE m.collection_id = %s",
            (collection_id,),
        )
        found = {id_ for _, id_ in members if id_ is not None}
        for place in rows.paths_from(key for key, id_ in members if id_ is None):  # a folder, a playlist, or gone
            found |= {document.id for document in self.documents(Filter(folders=(place,)))}
        return frozenset(found)


def document_condition(filter: Filter) -> tuple[str, list[object]]:
    """Returns an SQL condition over ``documents d`` and its parameters."""
    conditions: list[str] = []
    parameters: list[object] = []
    if filter.document_ids:
        conditions.append("d.id = ANY(%s)")
        parameters.append(sorted(filter.document_ids))
    if filter.folders:
        source = "d.source_id IN (SELECT id FROM sources WHERE location = %s)"
        one = f"d.path = %s OR (d.path >= %s AND d.path < %s) OR {source}"
        for folder in filter.folders:
            parameters += [path_key(folder), *folder_range(folder), path_key(folder)]
        conditions.append(f"({' OR '.join([one] * len(filter.folders))})")
    return " AND ".join(conditions) or "true", parameters
