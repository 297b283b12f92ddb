"""Takes a document that was read apart into what a library stores of it, wherever the library is kept."""

import json
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.store.marks import blocks_of, marks_of, pages_of
from rag.store.protocols import FileState, LibraryChanges
from rag.text.index_terms import chunk_terms
from rag.types import Chunk, ParsedDocument


def put_parts(
    writer: LibraryChanges,
    file: FileState,
    parsed: ParsedDocument,
    chunks: Sequence[Chunk],
    contexts: Sequence[str],
    vectors: NDArray[np.float16],
) -> int:
    """Implements ``LibraryChanges.put_document`` by the methods that store parts. Returns the document's id."""
    pages = pages_of(parsed)
    document_id = writer.put_row(file, parsed.title, parsed.media_type, parsed.warnings, len(chunks), pages)
    data = zlib.compress(parsed.text.encode("utf-8", "surrogatepass"), 6)
    writer.put_text(document_id, len(data), (data,), marks_of(parsed.blocks), blocks_of(parsed.blocks))
    for block in parsed.blocks:
        if block.table is not None:
            packed = json.dumps(block.table.to_json(), ensure_ascii=False, separators=(",", ":"))
            writer.put_table(document_id, block.table.start, block.table.end, packed)
    writer.put_chunks(document_id, chunks, contexts, terms_of(chunks, contexts), vectors)
    return document_id


def terms_of(chunks: Sequence[Chunk], contexts: Sequence[str]) -> list[str]:
    """The words by which each chunk is found."""
    return [chunk_terms(context, chunk.text) for chunk, context in zip(chunks, contexts, strict=True)]
