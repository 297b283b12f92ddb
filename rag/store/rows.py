"""Turns rows of library.db into the dataclasses of ``rag.types`` and checks each value: SQLite notices neither a bad
byte in a text nor a word in a column of numbers.

A row that cannot be what Docent wrote raises DamagedRow here; the library leaves it out or, where it is a document,
shows it as one to be read again.
"""

import json
import logging
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from rag.store import schema
from rag.store.protocols import KeptDocument
from rag.text.table_spans import TableSpans
from rag.types import Block, BlockKind, Chunk, Collection, Document, DocumentStatus, Place, Source

_log = logging.getLogger(__name__)
DAMAGED = "Its entry in the library is damaged; the next sync reads it again."
CHUNK_COLUMNS = (
    "c.id, c.document_id, c.ordinal, c.start, c.stop, c.text, c.heading_path, c.page, c.start_s, c.end_s, c.page_label"
)
DOCUMENT_COLUMNS = (
    "d.id, d.source_id, d.path, d.title, d.media_type, d.status, d.error, d.chunks, "
    "d.size, d.mtime_ns, d.content_hash, d.read_at, d.ctime_ns, d.pages"
)
_CHUNK_WIDTH = CHUNK_COLUMNS.count(",") + 1
_NAMELESS = "Collection {}"  # whose name is damaged
NOBODY = "?"  # no user has this name
_LATEST = 253_402_300_799  # Unix time of the end of the year 9999
_T = TypeVar("_T")
_Made = TypeVar("_Made")


class DamagedRow(Exception):
    """The text says which value of the row is wrong."""


def is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_time(value: object) -> bool:
    """Tells whether a value is a Unix time that can be shown as a date."""
    return is_number(value) and 0 <= float(value) <= _LATEST  # type: ignore[arg-type]


def or_none(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


def require(name: str, value: _T, check: Callable[[object], bool]) -> _T:
    if not check(value):
        raise DamagedRow(name)
    return value


def sound(read: Iterable[_T], made: Callable[[_T], _Made], what: str) -> Iterator[_Made]:
    """Yields what is made of the rows that are not damaged."""
    for row in read:
        try:
            yield made(row)
        except DamagedRow as damage:
            _log.warning("%s is damaged (%s) and left out; `docent repair` reads it again", what, damage)


# -- documents and sources ---------------------------------------------------------------------------------------------


def document_of(row: Sequence[Any]) -> Document:
    """Raises DamagedRow."""
    id_, source_id, path, title, media_type, status, error, chunks, size, mtime_ns, digest, read_at, *rest = row
    ctime_ns, pages = rest
    for name, value in (("source_id", source_id), ("chunks", chunks), ("size", size), ("mtime_ns", mtime_ns)):
        require(name, value, is_whole)
    for name, value in (("title", title), ("media_type", media_type), ("content_hash", digest)):
        require(name, value, is_text)
    require("status", status, lambda value: value in get_args(DocumentStatus))
    require("error", error, or_none(is_text))
    require("read_at", read_at, is_number)
    require("ctime_ns", ctime_ns, is_whole)
    require("pages", pages, or_none(is_whole))
    return Document(
        id_,
        source_id,
        path_of(path),
        title,
        media_type,
        status,
        error,
        chunks,
        size,
        mtime_ns,
        digest,
        read_at,
        ctime_ns,
        pages,
    )


def document_from(row: Sequence[Any]) -> Document:
    """Returns the document of a row; of a damaged one what is left of it, to be read again."""
    try:
        return document_of(row)
    except DamagedRow:
        id_, source_id, key = row[:3]
        try:
            path = path_of(key)
        except DamagedRow:
            path = os.sep + f"(entry {id_} of the library)"
        source_id = source_id if is_whole(source_id) else 0
        title = PurePath(path).stem.encode("utf-8", "replace").decode()
        return Document(id_, source_id, path, title, "", "failed", DAMAGED, 0, -1, -1, "", 0.0)


def source_of(row: Sequence[Any]) -> Source:
    """Raises DamagedRow."""
    id_, kind, location, added_at = row
    require("kind", kind, lambda value: value in ("folder", "file", "youtube"))
    require("added_at", added_at, is_time)
    return Source(id_, kind, path_of(location), added_at)


def source_from(row: Sequence[Any]) -> Source | None:
    """Returns the source of a row; a damaged one as far as its place is known, None where it is not."""
    try:
        return source_of(row)
    except DamagedRow:
        pass
    try:
        place = path_of(row[2])
    except DamagedRow:
        return None
    kind = row[1] if row[1] in ("folder", "file", "youtube") else _kind_of(place)
    return Source(row[0], kind, place, row[3] if is_time(row[3]) else 0.0)


def _kind_of(place: str) -> Any:
    if "://" in place:
        return "youtube"
    return "file" if os.path.isfile(place) else "folder"  # noqa: PTH113 - may hold surrogates


def path_of(key: object) -> str:
    """Returns the path or URL that was stored. Raises DamagedRow."""
    if not isinstance(key, bytes) or not key or b"\0" in key:
        raise DamagedRow("path")
    try:
        return schema.path_text(key)
    except UnicodeDecodeError:
        raise DamagedRow("path") from None


def paths_from(keys: Iterable[object]) -> Iterator[str]:
    """Yields those that can be read; `docent doctor` names the others."""
    for key in keys:
        with suppress(DamagedRow):
            yield path_of(key)


def collections_of(
    named: Iterable[tuple[int, object, object]], members: Iterable[tuple[int, object]]
) -> list[Collection]:
    """Returns collections of (id, name, owner) and (collection id, path); members that are damaged are left out. One
    whose owner is damaged is nobody's, so that it is not shown to all."""
    locations: dict[int, list[str]] = {}
    for id_, key in members:
        locations.setdefault(id_, []).extend(paths_from([key]))
    return [
        Collection(
            id_,
            str(name) if is_text(name) else _NAMELESS.format(id_),
            tuple(locations.get(id_, ())),
            str(owner) if is_text(owner) else NOBODY,
        )
        for id_, name, owner in named
    ]


# -- texts, chunks, tables, vectors ------------------------------------------------------------------------------------


def whole_text(data: object) -> str:
    """Raises DamagedRow."""
    try:
        return zlib.decompress(data).decode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    except (zlib.error, TypeError, UnicodeDecodeError):
        raise DamagedRow("text") from None


def marks_of(stored: object) -> list[tuple[int, Place]]:
    """Returns where in a text each place begins. Raises DamagedRow."""
    marks = []
    for entry in _json_list("marks", stored):
        if not isinstance(entry, list) or len(entry) != 4:
            raise DamagedRow("marks")
        start, page, start_s, label = entry
        require("marks", start, is_whole)
        require("marks", page, or_none(is_whole))
        require("marks", start_s, or_none(is_number))
        require("marks", label, or_none(is_text))
        marks.append((start, Place(page, start_s, label)))
    return marks


def blocks_of(stored: object) -> list[Block]:
    """Returns the blocks of a text that are more than paragraphs and tables. Raises DamagedRow."""
    blocks = []
    for entry in _json_list("blocks", stored):
        if not isinstance(entry, list) or len(entry) not in (4, 5):
            raise DamagedRow("blocks")
        start, end, kind, level, *label = entry
        for number in (start, end, level):
            require("blocks", number, is_whole)
        require("blocks", kind, lambda value: value in get_args(BlockKind))
        require("blocks", label[0] if label else None, or_none(is_text))
        blocks.append(Block(start, end, kind, level, label=label[0] if label else None))
    return blocks


def table_of(stored: object) -> TableSpans:
    """Raises DamagedRow."""
    fields = _json_list("table", stored)
    try:
        table = TableSpans.from_json(fields)
        names = (*table.columns, table.caption, *(row.section for row in table.rows))
        sound = all(map(is_text, names)) and all(
            is_whole(number) for row in table.rows for number in (row.start, row.end, *row.places)
        )
    except (ValueError, TypeError):
        sound = False
    if not sound or not table.rows or not is_whole(table.name_columns):
        raise DamagedRow("table")
    return table


def chunk_of(row: Sequence[Any]) -> Chunk:
    """Raises DamagedRow."""
    id_, document_id, ordinal, start, end, text, heading_path, page, start_s, end_s, page_label = row
    for value in (document_id, ordinal, start, end):
        require("position", value, is_whole)
    require("text", text, lambda value: is_text(value) and len(text) == end - start)
    headings = _json_list("heading_path", heading_path)
    require("heading_path", headings, lambda value: all(map(is_text, headings)))
    require("page", page, or_none(is_whole))
    require("time", start_s, or_none(is_number))
    require("time", end_s, or_none(is_number))
    require("page_label", page_label, or_none(is_text))
    return Chunk(
        document_id=document_id,
        ordinal=ordinal,
        start=start,
        end=end,
        text=text,
        heading_path=tuple(headings),
        page=page,
        start_s=start_s,
        end_s=end_s,
        id=id_,
        page_label=page_label,
    )


def chunk_and_document(row: Sequence[Any]) -> tuple[Chunk, Document]:
    """Of a row of CHUNK_COLUMNS and DOCUMENT_COLUMNS. Raises DamagedRow."""
    return chunk_of(row[:_CHUNK_WIDTH]), document_of(row[_CHUNK_WIDTH:])


class _Chunks(Protocol):
    """The part of a library that ``kept_of`` reads."""

    def chunk_range(self, document_id: int, first_ordinal: int, last_ordinal: int) -> list[Chunk]: ...
    def embeddings(self, ids: Sequence[int]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]: ...


def kept_of(
    library: _Chunks,
    document: Document,
    texts: Sequence[tuple[Any, ...]],
    tables: Sequence[tuple[Any, ...]],
    contexts: Sequence[tuple[Any, ...]],
) -> KeptDocument:
    """Puts together all that a library keeps of a document, of its rows."""
    chunks = tuple(library.chunk_range(document.id, 0, document.chunks))
    vectors: dict[int, NDArray[np.float16]] = {}
    for ids, batch in library.embeddings([chunk.id for chunk in chunks]):
        vectors |= dict(zip(ids.tolist(), batch, strict=True))
    return KeptDocument(
        document,
        (bytes(texts[0][0]), texts[0][1], texts[0][2]) if texts else None,
        tuple((start, stop, data) for start, stop, data in tables),
        chunks,
        tuple(context for (context,) in contexts),
        tuple(vectors.get(chunk.id) for chunk in chunks),
    )


def sound_vectors(
    batch: Sequence[tuple[int, object]], width: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
    """Yields the ids and vectors of the sound rows, if there are any."""
    ids, vectors, damaged = vectors_of(batch, width)
    if damaged:
        _log.warning("%d vectors are damaged and left out; `docent repair` makes them anew", len(damaged))
    if len(ids):
        yield ids, vectors


def vectors_of(
    batch: Sequence[tuple[int, object]], width: int
) -> tuple[NDArray[np.int64], NDArray[np.float16], list[int]]:
    """Returns the ids and vectors of the sound rows, and the ids of the others. ``width``: bytes of a vector."""
    sound = [(id_, vector) for id_, vector in batch if isinstance(vector, bytes) and len(vector) == width]
    ids = np.fromiter((id_ for id_, _ in sound), dtype=np.int64, count=len(sound))
    vectors = np.frombuffer(b"".join(vector for _, vector in sound), dtype=np.float16)
    vectors = vectors.reshape(len(sound), width // vectors.itemsize)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        ids, vectors = ids[finite], vectors[finite]
    good = set(ids.tolist())
    return ids, vectors, [id_ for id_, _ in batch if id_ not in good]


def _json_list(name: str, stored: object) -> list[Any]:
    try:
        found = json.loads(stored)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):
        raise DamagedRow(name) from None
    if not isinstance(found, list):
        raise DamagedRow(name)
    return found
