"""Reads the library: sources, documents, their text, chunks and embeddings, straight from library.db.

A ``Library`` may be used from several threads (one connection each) and while another process writes: every call sees
the last committed state. ``rag.store.writer`` writes. Rows are checked where they are read (``rag.store.rows``): a
damaged one costs itself alone.
"""

import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from docent import cause_of
from files import new_private
from rag.errors import LibraryError
from rag.store import keyword_search, lock, marks, rows, schema
from rag.store.conditions import document_condition, folder_range, json_ids
from rag.store.full_text import FtsIndex
from rag.store.protocols import KeptDocument
from rag.store.rows import CHUNK_COLUMNS, DOCUMENT_COLUMNS
from rag.store.thread_connections import ThreadConnections
from rag.text.table_spans import TableSpans
from rag.types import Block, Chunk, Collection, Document, Filter, Place, Source

if TYPE_CHECKING:
    from rag.store.faiss_index import VectorIndex
    from rag.store.writer import LibraryWriter

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_BATCH = 4096  # embeddings a batch; 3 MiB at 384 dimensions
_TABLES = 16  # read at a time


class Library:
    """An open library.db. Close it, or use it as a context manager."""

    def __init__(self, path: Path, *, read_only: bool, immutable: bool = False) -> None:
        """Takes a path that ``open`` has checked; use that."""
        self.path = path
        self.read_only = read_only
        self._connections = ThreadConnections(lambda: schema.connect(path, read_only=read_only, immutable=immutable))

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Opens or creates the file; with ``read_only`` it must exist and is never changed.

        A library on a full or read-only disk is opened for reading, and writing to it raises LibraryError.

        Raises LibraryError when the file is damaged, foreign, of a newer version or cannot be created.
        """
        if read_only and not path.exists():
            raise LibraryError(f"There is no library at {path}.", "Run `docent sync FOLDER` first.")
        if not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LibraryError(
                    f"The data folder {path.parent} cannot be made ({cause_of(error)}).",
                    "Check the disk and your rights to it, or choose another data folder.",
                ) from error
            new_private(path)
        try:
            return cls._opened(path, read_only=read_only)
        except LibraryError as error:
            log = path.with_name(f"{path.name}-wal")
            whole = path.is_file() and path.stat().st_size and not (log.is_file() and log.stat().st_size)
            if not (whole and schema.is_refusal(error.__cause__)):
                raise
            _log.warning("%s is opened for reading alone: %s", path, error.message)
            return cls._opened(path, read_only=True, immutable=True)

    @classmethod
    def _opened(cls, path: Path, *, read_only: bool, immutable: bool = False) -> Self:
        library = cls(path, read_only=read_only, immutable=immutable)
        try:
            with library.reading() as connection:
                schema.prepare(connection, path, read_only=read_only)
                library.generation  # noqa: B018 - the first read needs room for what SQLite keeps beside the file
        except BaseException:
            library.close()
            raise
        return library

    def close(self) -> None:
        """Closes the connections of all threads; who reads meanwhile is told. Calling it twice is harmless."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yields this thread's connection, with SQLite's errors turned into LibraryError. For this package only."""
        with schema.explained(self.path), self._connections.lent() as connection:
            yield connection

    def writer(self) -> "LibraryWriter":
        """Returns what changes the library. Raises LibraryError where it cannot be written to."""
        from rag.store.writer import LibraryWriter

        return LibraryWriter(self)

    def writing(self, timeout_s: float = 0.0, sources: Sequence[Source] | None = None) -> AbstractContextManager[None]:
        """Holds the library for writing (``rag.store.lock``); one process does at a time, whatever the ``sources``."""
        return lock.writing(self.path.parent, timeout_s)

    def vectors(self) -> "VectorIndex":
        """Returns the index of the nearest chunks, kept beside the library."""
        from rag.store.faiss_index import VectorIndex

        return VectorIndex(self, self.path.with_name("vectors.faiss"))

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self.reading() as connection:
            return connection.execute(sql, parameters).fetchall()

    # -- the library as a whole ------------------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.path)

    def size_bytes(self) -> int:
        """Returns the size of the file and its write-ahead log."""
        beside = self.path.with_name(f"{self.path.name}-wal")
        return sum(path.stat().st_size for path in (self.path, beside) if path.is_file())

    @property
    def generation(self) -> int:
        """Grows with every committed change to chunks or embeddings."""
        value = self._meta("generation")
        return value if isinstance(value, int) else 0

    @property
    def embedder_name(self) -> str | None:
        """The name of the embedder whose vectors ``embeddings`` yields; None before the first sync."""
        name = self._meta("embedder")
        return name if rows.is_text(name) else None

    def _meta(self, key: str) -> Any:
        found = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return found[0][0] if found else None

    def counts(self) -> dict[str, int]:
        """Counts the documents of each status, and all "chunks"."""
        counts = dict.fromkeys(("ok", "failed", "skipped"), 0)
        for status, count, chunks in self._rows("SELECT status, count(*), sum(chunks) FROM documents GROUP BY status"):
            counts[status if status in counts else "failed"] += count
            counts["chunks"] = counts.get("chunks", 0) + int(chunks or 0)
        counts.setdefault("chunks", 0)
        return counts

    def check(self) -> None:
        """Reads the whole file and raises LibraryError if any part is damaged. Takes seconds for a large library."""
        if self._rows("PRAGMA quick_check(1)") != [("ok",)] or self._rows("PRAGMA foreign_key_check"):
            raise schema.damaged(self.path)
        if not self.read_only:
            with self.reading() as connection:  # FTS5 asks for this check through an INSERT, which needs a writer
                connection.execute("INSERT INTO chunk_fts (chunk_fts, rank) VALUES ('integrity-check', 1)")

    # -- sources and documents -------------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        """Returns the sources in the order in which they were added."""
        found = self._rows("SELECT id, kind, location, added_at FROM sources ORDER BY id")
        return [source for row in found if (source := rows.source_from(row)) is not None]

    def documents(self, filter: Filter = Filter()) -> list[Document]:  # noqa: B008 - immutable
        """Returns every document that matches, whatever its status, ordered by path."""
        where, parameters = document_condition(filter)
        return [
            rows.document_from(row)
            for row in self._rows(
                f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE {where} ORDER BY d.path", parameters
            )
        ]

    def unread_documents(self) -> list[Document]:
        """Returns those that were skipped or could not be read, ordered by path. Those whose rows are damaged are not
        all among them; ``rag.store.check`` finds them."""
        found = self._rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.status IS NOT 'ok' ORDER BY d.path")
        return [rows.document_from(row) for row in found]

    def document(self, document_id: int) -> Document | None:
        if not 0 <= document_id < 1 << 63:  # SQLite knows no such number
            return None
        found = self._rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.id = ?", (document_id,))
        return rows.document_from(found[0]) if found else None

    def document_at(self, path: str) -> Document | None:
        """Returns the document with exactly this path or URL."""
        found = self._rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.path = ?", (schema.path_key(path),))
        return rows.document_from(found[0]) if found else None

    def holds(self, location: str) -> bool:
        """Tells whether a path or URL is a document, a source, or a place in one."""
        if self.document_at(location) is not None:
            return True
        key = schema.path_key(location)
        for source in self.sources():
            below_from, below_to = folder_range(source.location)
            if source.location == location or below_from <= key < below_to:
                return True
        return False

    def document_text(self, document_id: int) -> str:
        """Returns the canonical text; empty for a document that was not read. Raises LibraryError if it is damaged."""
        found = self._rows("SELECT data FROM texts WHERE document_id = ?", (document_id,))
        try:
            return rows.whole_text(found[0][0]) if found else ""
        except rows.DamagedRow as damage:
            document = self.document(document_id)
            name = document.path if document is not None else f"document {document_id}"
            raise LibraryError(
                f"The text of {name} in the library is damaged.", "`docent repair` reads the file again."
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
        """A list about a text; damaged, it is as if nothing were known."""
        found = self._rows(f"SELECT {column} FROM texts WHERE document_id = ?", (document_id,))
        try:
            return read(found[0][0]) if found else []
        except rows.DamagedRow:
            _log.warning("%s of document %d are damaged; `docent repair` reads it again", column, document_id)
            return []

    def page_spans(self, document_id: int, page: int) -> list[tuple[int, int | None]]:
        """Returns where in the canonical text a page of the file stands; None where it goes on to the end."""
        return marks.page_spans(self.places(document_id), page)

    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        """Returns the tables of a document that stand in ``text[start:end]``, wholly or in part, in order."""
        found = self._rows(
            "SELECT data FROM tables WHERE document_id = ? AND start < ? AND stop > ? ORDER BY start",
            (document_id, end, start),
        )
        return tuple(rows.sound((row[0] for row in found), rows.table_of, f"a table of document {document_id}"))

    def all_tables(self, document_id: int, start: int = 0, end: int = sys.maxsize) -> Iterator[TableSpans]:
        """Yields the tables that ``tables`` returns, a few of them read at a time: there can be tens of thousands. Any
        thread may take the next one."""
        after = -1
        while found := self._rows(
            "SELECT data, start FROM tables "
            "WHERE document_id = ? AND start > ? AND start < ? AND stop > ? ORDER BY start LIMIT ?",
            (document_id, after, end, start, _TABLES),
        ):
            after = found[-1][1]
            yield from rows.sound((row[0] for row in found), rows.table_of, f"a table of document {document_id}")

    # -- chunks ----------------------------------------------------------------------------------------------------

    def chunks(self, ids: Sequence[int]) -> dict[int, tuple[Chunk, Document]]:
        """Returns chunks by id with their documents, in the order of ``ids``; what is gone or damaged is left out."""
        read = self._rows(
            f"SELECT {CHUNK_COLUMNS}, {DOCUMENT_COLUMNS} FROM chunks c JOIN documents d ON d.id = c.document_id "
            "WHERE c.id IN (SELECT value FROM json_each(?))",
            (json_ids(ids),),
        )
        pairs = rows.sound(read, rows.chunk_and_document, "a passage")
        found = {chunk.id: (chunk, document) for chunk, document in pairs}
        return {int(id_): found[int(id_)] for id_ in ids if int(id_) in found}

    def chunk_range(self, document_id: int, first_ordinal: int, last_ordinal: int) -> list[Chunk]:
        """Returns the chunks of a document from one ordinal to another, both included, in order."""
        read = self._rows(
            f"SELECT {CHUNK_COLUMNS} FROM chunks c "
            "WHERE c.document_id = ? AND c.ordinal BETWEEN ? AND ? ORDER BY c.ordinal",
            (document_id, first_ordinal, last_ordinal),
        )
        return list(rows.sound(read, rows.chunk_of, f"a passage of document {document_id}"))

    def chunk_ids(self, filter: Filter = Filter()) -> NDArray[np.int64]:  # noqa: B008 - immutable
        """Returns ids of all chunks that match, ascending. Shape [n]."""
        if filter:
            where, parameters = document_condition(filter)
            sql = f"SELECT id FROM chunks WHERE document_id IN (SELECT d.id FROM documents d WHERE {where}) ORDER BY id"
        else:
            sql, parameters = "SELECT id FROM chunks ORDER BY id", []
        read = self._rows(sql, parameters)
        return np.fromiter((row[0] for row in read), dtype=np.int64, count=len(read))

    def embeddings(self, ids: Sequence[int] | None = None) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
        """Yields batches of (chunk ids ascending [n], vectors [n, dimension]); of all chunks, or of those in ``ids``.

        A chunk that waits to be embedded again (the embedder has changed) is left out, and so is a damaged vector.
        """
        width = self.vector_bytes()
        if ids is None:
            last = -1
            while batch := self._rows(
                "SELECT chunk_id, vector FROM embeddings WHERE chunk_id > ? ORDER BY chunk_id LIMIT ?", (last, _BATCH)
            ):
                yield from rows.sound_vectors(batch, width)
                last = batch[-1][0]
            return
        ordered = sorted({int(id_) for id_ in ids})
        for first in range(0, len(ordered), _BATCH):
            batch = self._rows(
                "SELECT chunk_id, vector FROM embeddings WHERE chunk_id IN (SELECT value FROM json_each(?)) "
                "ORDER BY chunk_id",
                (json_ids(ordered[first : first + _BATCH]),),
            )
            yield from rows.sound_vectors(batch, width)

    def vector_bytes(self) -> int:
        """Returns the size of a stored vector: that of most of the first ones."""
        found = self._rows(
            "SELECT length(vector) FROM (SELECT vector FROM embeddings ORDER BY chunk_id LIMIT 99) "
            "GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
        )
        return int(found[0][0] or 0) if found else 0

    @contextmanager
    def words(self, filter: Filter = Filter()) -> Iterator[FtsIndex]:  # noqa: B008 - immutable
        """Yields the words of the chunks that match. For this package only."""
        where, parameters = document_condition(filter) if filter else ("", [])
        with self.reading() as connection:
            yield FtsIndex(connection, where, parameters)

    def full_text_search(self, question: str, k: int, filter: Filter = Filter()) -> list[tuple[int, float]]:  # noqa: B008
        """Returns the ``k`` best chunks by BM25 as (chunk id, score), best first; ``question`` is free text.

        A damaged index finds nothing, so that vectors alone go on finding."""
        with self.words(filter) as index:
            try:
                return keyword_search.search(index, question, k)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_CORRUPT_VTAB:
                    raise
                _log.warning("the full-text index is damaged; `docent repair` makes it anew")
                return []

    def kept(self, document: Document) -> KeptDocument:
        """Returns all that is kept of a document."""
        key = (document.id,)
        texts = self._rows("SELECT data, marks, blocks FROM texts WHERE document_id = ?", key)
        tables = self._rows("SELECT start, stop, data FROM tables WHERE document_id = ? ORDER BY start", key)
        contexts = self._rows("SELECT context FROM chunks WHERE document_id = ? ORDER BY ordinal", key)
        return rows.kept_of(self, document, texts, tables, contexts)

    # -- collections -----------------------------------------------------------------------------------------------

    def collections(self) -> list[Collection]:
        """Returns every collection with its members, ordered by path; damaged members are left out."""
        named = self._rows("SELECT id, name, owner FROM collections")
        members = self._rows("SELECT collection_id, path FROM collection_members ORDER BY path")
        return rows.collections_of(named, members)

    def last_collection(self) -> int:
        """Returns the highest id that a collection has or had, 0 where there was none."""
        return int(self._rows("SELECT max(seq) FROM sqlite_sequence WHERE name = 'collections'")[0][0] or 0)

    def documents_in(self, collection_id: int) -> frozenset[int]:
        """Returns the ids of the documents that are in a collection now, whatever their status."""
        members = self._rows(
            "SELECT m.path, d.id FROM collection_members m LEFT JOIN documents d ON d.path = m.path "
            "WHERE m.collection_id = ?",
            (collection_id,),
        )
        found = {id_ for _, id_ in members if id_ is not None}
        for place in rows.paths_from(key for key, id_ in members if id_ is None):  # a folder, a playlist, or gone
            found |= {document.id for document in self.documents(Filter(folders=(place,)))}
        return frozenset(found)
