"""Reads a whole library and names whatever is damaged in it, and mends what can be mended without the files.

What only a file can mend is marked, so that the next sync reads that file again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rag.store import rows, schema
from rag.store.library import Library
from rag.store.rows import CHUNK_COLUMNS, DOCUMENT_COLUMNS
from rag.types import Collection

SourceKind = Literal["folder", "file", "youtube"]
_BATCH = 2000  # rows
_LENGTH_MAY_DIFFER_BY = 0.02  # of a unit vector in 16-bit floats
_ORPHANS = (
    ("texts", "document_id NOT IN (SELECT id FROM documents)"),
    ("tables", "document_id NOT IN (SELECT id FROM documents)"),
    ("chunks", "document_id NOT IN (SELECT id FROM documents)"),
    ("embeddings", "chunk_id NOT IN (SELECT id FROM chunks)"),
    ("collection_members", "collection_id NOT IN (SELECT id FROM collections)"),
)


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged thing. ``kind`` says how it is mended, ``id`` which row it is; ``what`` is a sentence."""

    kind: Literal["index", "meta", "source", "document", "vector", "collection", "orphan"]
    id: int
    what: str


def examine(library: Library) -> list[Damage]:
    """Checks every table, text and vector. Takes seconds for a large library.

    Raises LibraryError where SQLite itself cannot read the file: then only a new library helps.
    """
    return [
        *_pages(library),
        *_meta(library),
        *_sources(library),
        *_documents(library),
        *_vectors(library),
        *_collections(library),
        *_orphans(library),
    ]


def mend(library: Library, damages: list[Damage]) -> None:
    """Mends the damages in one transaction of the caller's: removes what cannot be kept, makes the full-text index anew
    and marks documents so that the next sync reads their files."""
    with library.reading() as connection:
        connection.execute(
            "INSERT INTO chunk_fts (chunk_fts) VALUES ('rebuild')"
        )  # deleting passages needs a sound one
        for damage in damages:
            if damage.kind == "meta":
                connection.execute(
                    "INSERT OR REPLACE INTO meta SELECT 'generation', 1 + coalesce(max(id), 0) FROM chunks"
                )
                connection.execute("INSERT OR IGNORE INTO meta VALUES ('embedder', NULL)")
            elif damage.kind == "source":
                _mend_source(library, connection, damage.id)
            elif damage.kind == "document":
                _mend_document(connection, damage.id)
            elif damage.kind == "vector":
                connection.execute("DELETE FROM embeddings WHERE chunk_id = ?", (damage.id,))
            elif damage.kind == "collection":
                _mend_collection(connection, damage.id)
        for table, condition in _ORPHANS:
            connection.execute(f"DELETE FROM {table} WHERE {condition}")
        connection.execute("DELETE FROM documents WHERE source_id NOT IN (SELECT id FROM sources)")
        connection.execute("INSERT INTO chunk_fts (chunk_fts) VALUES ('rebuild')")
        connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")


def _mend_source(library: Library, connection: sqlite3.Connection, source_id: int) -> None:
    known = {source.id: source for source in library.sources()}
    source = known.get(source_id)
    if source is None:  # its place is lost; its documents go with it
        connection.execute("DELETE FROM documents WHERE source_id = ?", (source_id,))
        connection.execute("DELETE FROM sources WHERE id = ?", (source_id,))
    else:
        connection.execute(
            "UPDATE sources SET kind = ?, added_at = ? WHERE id = ?", (source.kind, source.added_at, source_id)
        )


def _mend_document(connection: sqlite3.Connection, document_id: int) -> None:
    """Makes the row one that can be read, without the file's version, so that the next sync reads the file."""
    found = connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.id = ?", (document_id,)).fetchone()
    if found is None:
        return
    try:
        document = rows.document_of(found)
    except rows.DamagedRow:
        document = rows.document_from(found)
        try:
            rows.path_of(found[2])
        except rows.DamagedRow:  # no file can be found for it
            connection.execute("DELETE FROM documents WHERE id = ?", (document_id,))
            return
        connection.execute(
            "UPDATE documents SET title = ?, media_type = '', status = 'failed', error = ?, chunks = 0, size = 0, "
            "read_at = 0, ctime_ns = 0 WHERE id = ?",
            (document.title, rows.DAMAGED, document_id),
        )
        connection.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
    connection.execute("UPDATE documents SET mtime_ns = -1, content_hash = '' WHERE id = ?", (document_id,))


def _mend_collection(connection: sqlite3.Connection, collection_id: int) -> None:
    """Gives it a name that can be shown, and takes out what is no place."""
    (name,) = connection.execute("SELECT name FROM collections WHERE id = ?", (collection_id,)).fetchone()
    if not rows.is_text(name):
        named = f"Collection {collection_id}"
        connection.execute("UPDATE OR IGNORE collections SET name = ? WHERE id = ?", (named, collection_id))
    for key in _lost_members(connection, collection_id):
        same, value = "path IS ?", key
        if isinstance(key, str):  # of bytes that are no UTF-8 (schema.text_of)
            same, value = "typeof(path) = 'text' AND CAST(path AS BLOB) = ?", key.encode("utf-8", "surrogateescape")
        connection.execute(f"DELETE FROM collection_members WHERE collection_id = ? AND {same}", (collection_id, value))


def _lost_members(connection: sqlite3.Connection, collection_id: int) -> list[object]:
    members = connection.execute("SELECT path FROM collection_members WHERE collection_id = ?", (collection_id,))
    lost: list[object] = []
    for (key,) in members.fetchall():
        try:
            rows.path_of(key)
        except rows.DamagedRow:
            lost.append(key)
    return lost


# -- looking -----------------------------------------------------------------------------------------------------------


def _pages(library: Library) -> Iterator[Damage]:
    with library.reading() as connection:
        if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            raise schema.damaged(library.path)
        try:
            if not library.read_only:  # FTS5 asks for this check through an INSERT, which needs a writer
                connection.execute("INSERT INTO chunk_fts (chunk_fts, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if schema.is_refusal(error):  # a full or read-only disk: the check needs to write
                return
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_CORRUPT_VTAB:
                raise
            yield Damage("index", 0, "The full-text index does not fit the passages.")


def _meta(library: Library) -> Iterator[Damage]:
    with library.reading() as connection:
        found = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    if not rows.is_whole(found.get("generation")):
        yield Damage("meta", 0, "The library's counter of changes is not a number.")
    if not rows.or_none(rows.is_text)(found.get("embedder")):
        yield Damage("meta", 0, "The name of the embedder is not text.")


def _sources(library: Library) -> Iterator[Damage]:
    with library.reading() as connection:
        read = connection.execute("SELECT id, kind, location, added_at FROM sources ORDER BY id").fetchall()
    for row in read:
        try:
            rows.source_of(row)
        except rows.DamagedRow as damage:
            source = rows.source_from(row)
            name = f"entry {row[0]}" if source is None else source.location
            yield Damage("source", row[0], f"The source {name} is damaged ({damage}).")


def _documents(library: Library) -> Iterator[Damage]:
    with library.reading() as connection:
        read = connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d ORDER BY d.id").fetchall()
        for row in read:
            if (found := _wrong_in(connection, row)) is not None:
                path = rows.document_from(row).path
                yield Damage("document", row[0], f"{path} is damaged in the library ({found}).")


def _wrong_in(connection: sqlite3.Connection, row: tuple[object, ...]) -> str | None:
    """Returns the first thing that is wrong with a document, its text, tables and passages."""
    try:
        document = rows.document_of(row)
        text = connection.execute(
            "SELECT data, marks, blocks FROM texts WHERE document_id = ?", (document.id,)
        ).fetchone()
        if text is None:
            return None if document.status != "ok" else "its text is missing"
        whole = rows.whole_text(text[0])
        rows.marks_of(text[1])
        rows.blocks_of(text[2])
        for (data,) in connection.execute("SELECT data FROM tables WHERE document_id = ?", (document.id,)):
            rows.table_of(data)
        chunks = connection.execute(
            f"SELECT {CHUNK_COLUMNS} FROM chunks c WHERE c.document_id = ? ORDER BY c.ordinal", (document.id,)
        ).fetchall()
        if len(chunks) != document.chunks:
            return "passages are missing"
        for chunk in map(rows.chunk_of, chunks):
            if whole[chunk.start : chunk.end] != chunk.text:
                return "a passage is not what stands in its text"
        for context, terms in connection.execute(
            "SELECT context, terms FROM chunks WHERE document_id = ?", (document.id,)
        ):
            if not (rows.is_text(context) and rows.is_text(terms)):
                return "the words of a passage"
    except rows.DamagedRow as damage:
        return str(damage)
    return None


def _vectors(library: Library) -> Iterator[Damage]:
    width = library.vector_bytes()
    last = -1
    with library.reading() as connection:
        while batch := connection.execute(
            "SELECT chunk_id, vector FROM embeddings WHERE chunk_id > ? ORDER BY chunk_id LIMIT ?", (last, _BATCH)
        ).fetchall():
            last = batch[-1][0]
            ids, vectors, damaged = rows.vectors_of(batch, width)
            if len(ids):
                lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
                damaged += ids[abs(lengths - 1) > _LENGTH_MAY_DIFFER_BY].tolist()
            for chunk_id in damaged:
                yield Damage("vector", chunk_id, f"The vector of passage {chunk_id} is damaged.")


def _collections(library: Library) -> Iterator[Damage]:
    with library.reading() as connection:
        for id_, name in connection.execute("SELECT id, name FROM collections").fetchall():
            if not rows.is_text(name):
                yield Damage("collection", id_, f"The name of collection {id_} is damaged.")
            elif _lost_members(connection, id_):
                yield Damage("collection", id_, f"An entry of the collection “{name}” is damaged.")


def _orphans(library: Library) -> Iterator[Damage]:
    with library.reading() as connection:
        for table, condition in (*_ORPHANS, ("documents", "source_id NOT IN (SELECT id FROM sources)")):
            (count,) = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()
            if count:
                yield Damage("orphan", 0, f"{count} rows of the table {table} belong to nothing.")


def sources_left(library_path: str) -> list[tuple[SourceKind, str]]:
    """Returns (kind, location) of the sources that can still be read out of a file that SQLite calls damaged."""
    found: list[tuple[SourceKind, str]] = []
    for row in _rows_left(library_path, "SELECT id, CAST(kind AS BLOB), location, added_at FROM sources"):
        kind = row[1].decode("ascii", "replace") if isinstance(row[1], bytes) else ""
        source = rows.source_from((row[0], kind, row[2], row[3]))
        if source is not None:
            found.append((source.kind, source.location))
    return found


def collections_left(library_path: str) -> list[Collection]:
    """Returns the collections that can still be read out of such a file, with the places that can be read."""
    sql = (
        "SELECT c.id, CAST(c.name AS BLOB), m.path, {owner} FROM collections c "
        "LEFT JOIN collection_members m ON m.collection_id = c.id"
    )
    left = _rows_left(library_path, sql.format(owner="CAST(c.owner AS BLOB)"))
    left = left or _rows_left(library_path, sql.format(owner="X''"))  # of a library before version 9
    found: dict[tuple[int, str, str], list[str]] = {}
    for id_, name, key, owner in left:
        if not isinstance(name, bytes) or not (read := name.decode("utf-8", "replace").strip()):
            continue
        whose = owner.decode("utf-8", "replace") if isinstance(owner, bytes) else rows.NOBODY
        found.setdefault((id_, read, whose), []).extend(rows.paths_from([key]))
    return [Collection(id_, name, tuple(places), owner) for (id_, name, owner), places in found.items()]


def _rows_left(library_path: str, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a file that SQLite calls damaged, those before the damage; texts are bytes."""
    found: list[tuple[Any, ...]] = []
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{library_path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        for row in connection.execute(sql):  # what comes before an error is kept
            found.append(row)
    return found
