"""What is stored of a document: its text, tables and chunks, made ready in the child process and kept in a spool.

The parent never holds a whole document: the child writes it in frames of bounded size (``frames``), the
parent keeps these in a temporary file and takes them from there when it stores them.
"""

import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from rag.ingest.children.frames import read_frame, skip_frames, write_frame
from rag.ingest.chunks.chunk import iter_chunks
from rag.parsers import progress
from rag.store.marks import blocks_of, marks_of, pages_of
from rag.text.context import context_of, document_label
from rag.text.index_terms import chunk_terms
from rag.text.table_spans import TableSpans
from rag.types import Block, Chunk, CountTokens, ParsedDocument

Emit = Callable[[bytes, bytes], None]
"""Takes a frame: its kind and what it holds."""

TEXT, TABLE, CHUNKS = b"T", b"B", b"C"

_SLICE_CHARS = 1 << 20  # compressed at a time
_BATCH_CHUNKS = 64  # in a frame
_IN_MEMORY = 1 << 20  # bytes of one document
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk, the line that is put before it for embedding and search, and its terms in the full-text index."""

    chunk: Chunk
    context: str
    terms: str


def spool_in(folder: Path | None) -> BinaryIO:
    """A stream for the frames of one document: in memory while it is small, then a file without a name in ``folder``
    (None: the system's)."""
    where = None if folder is None else str(folder)
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=where))


class PreparedDocument:
    """A document in a spool. ``marks`` says in JSON where each place begins, ``blocks`` what stands where, ``chunks``
    how many there are, ``pages`` how many pages it has.

    ``text_bytes`` is the length of ``text_parts`` together, ``size`` that of the spool. ``vectors`` are those of the
    chunks, [chunks, dimension] as the library keeps them; None where they are still to be made. Close it when it is
    stored.
    """

    def __init__(self, head: Mapping[str, Any], spool: BinaryIO) -> None:
        self.title: str = head["title"]
        self.media_type: str = head["media_type"]
        self.warnings: tuple[str, ...] = tuple(head["warnings"])
        self.marks: str = head["marks"]
        self.blocks: str = head["blocks"]
        self.pages: int | None = head["pages"]
        self.chunks: int = head["chunks"]
        self.text_bytes: int = head["text_bytes"]
        self.vectors: NDArray[np.float16] | None = None
        self.head = head
        self._spool = spool
        self.size = spool.tell()

    def text_parts(self) -> Iterator[bytes]:
        """Yields the text as UTF-8 (with surrogates passed), compressed with zlib."""
        return self._frames(TEXT)

    def tables(self) -> Iterator[tuple[int, int, str]]:
        """Yields start, end and JSON of each table."""
        for frame in self._frames(TABLE):
            places, _, data = frame.partition(b"\n")
            start, end = map(int, places.split())
            yield start, end, data.decode("utf-8")

    def chunk_batches(self) -> Iterator[list[PreparedChunk]]:
        """Yields the chunks in order, some dozens at a time."""
        for frame in self._frames(CHUNKS):
            yield [_chunk(values) for values in json.loads(frame)]

    def text(self) -> str:
        """Returns the whole text."""
        return zlib.decompress(b"".join(self.text_parts())).decode("utf-8", "surrogatepass")

    def spooled(self) -> bytes:
        """All frames, for a spool on another computer."""
        self._spool.seek(0)
        return self._spool.read()

    def close(self) -> None:
        self._spool.close()

    def _frames(self, kind: bytes) -> Iterator[bytes]:
        """Yields the frames of a kind, which stand together."""
        self._spool.seek(0)
        skip_frames(self._spool, kind)
        while (frame := read_frame(self._spool)) is not None and frame[:1] == kind:
            yield frame[1:]


def prepare(
    document: ParsedDocument, path: str, count_tokens: CountTokens, target_tokens: int, emit: Emit
) -> dict[str, Any]:
    """Makes a document ready to be stored: emits its frames and returns what a ``PreparedDocument`` has as its head."""
    document = _cleaned(document)
    text_bytes = 0
    for part in _compressed(document.text):
        emit(TEXT, part)
        text_bytes += len(part)
    for block in document.blocks:
        if block.table is not None:
            data = json.dumps(block.table.to_json(), ensure_ascii=False, separators=(",", ":"))
            emit(TABLE, f"{block.table.start} {block.table.end}\n{data}".encode())
    label = document_label(path, document.title)
    chunks = 0
    batch: list[list[Any]] = []
    for chunk in iter_chunks(document, count_tokens, target_tokens):
        chunks += 1
        context = context_of(label, chunk.heading_path)
        batch.append(_values(PreparedChunk(chunk, context, chunk_terms(context, chunk.text))))
        if len(batch) == _BATCH_CHUNKS:
            if "pages" not in document.metadata:  # a parser that counts pages has told of them
                progress.tell(chunk.end, len(document.text))
            emit(CHUNKS, _json(batch))
            batch = []
    if batch:
        emit(CHUNKS, _json(batch))
    return {
        "title": document.title,
        "media_type": document.media_type,
        "warnings": document.warnings,
        "marks": marks_of(document.blocks),
        "blocks": blocks_of(document.blocks),
        "pages": pages_of(document),
        "chunks": chunks,
        "text_bytes": text_bytes,
    }


def prepare_into(
    spool: BinaryIO, document: ParsedDocument, path: str, count_tokens: CountTokens, target_tokens: int
) -> PreparedDocument:
    """Makes ready in this process a document that did not come from a file."""
    head = prepare(
        document, path, count_tokens, target_tokens, lambda kind, payload: write_frame(spool, kind + payload)
    )
    return PreparedDocument(head, spool)


def printable(text: str) -> str:
    """Replaces each lone surrogate, which cannot be stored or shown, by one character, so that positions stay."""
    return text if text.isascii() else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _cleaned(document: ParsedDocument) -> ParsedDocument:
    """The same document with all its text ``printable``."""
    return replace(
        document,
        text=printable(document.text),
        blocks=tuple(map(_cleaned_block, document.blocks)),
        title=printable(document.title),
        warnings=tuple(map(printable, document.warnings)),
    )


def _cleaned_block(block: Block) -> Block:
    table = block.table
    if (block.label or "").isascii() and (block.page_label or "").isascii() and (table is None or _is_ascii(table)):
        return block
    return replace(
        block,
        label=None if block.label is None else printable(block.label),
        page_label=None if block.page_label is None else printable(block.page_label),
        table=table and replace(table, columns=tuple(map(printable, table.columns)), caption=printable(table.caption)),
    )


def _is_ascii(table: TableSpans) -> bool:
    return table.caption.isascii() and all(map(str.isascii, table.columns))


def _compressed(text: str) -> Iterator[bytes]:
    packer = zlib.compressobj(6)
    for first in range(0, len(text), _SLICE_CHARS):
        part = packer.compress(text[first : first + _SLICE_CHARS].encode("utf-8"))
        if part:
            yield part
    yield packer.flush()


def _json(values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _values(prepared: PreparedChunk) -> list[Any]:
    chunk = prepared.chunk
    return [
        chunk.ordinal,
        chunk.start,
        chunk.end,
        chunk.text,
        chunk.heading_path,
        chunk.page,
        chunk.start_s,
        chunk.end_s,
        chunk.page_label,
        prepared.context,
        prepared.terms,
    ]


def _chunk(values: Sequence[Any]) -> PreparedChunk:
    ordinal, start, end, text, heading_path, page, start_s, end_s, page_label, context, terms = values
    chunk = Chunk(0, ordinal, start, end, text, tuple(heading_path), page, start_s, end_s, page_label=page_label)
    return PreparedChunk(chunk, context, terms)
