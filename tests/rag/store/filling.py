"""Puts small documents into a library, for tests of whatever holds one."""

import numpy as np

from rag.store.protocols import FileState, LibraryChanges, LibraryStore
from rag.types import Block, Chunk, ParsedDocument, Source

TEXT = "Alpha beta.\n\nGamma delta."


def parsed(text: str = TEXT, title: str = "Greek") -> ParsedDocument:
    first = text.find("\n\n") if "\n\n" in text else len(text)
    blocks = [Block(0, first, page=1)]
    if first < len(text):
        blocks.append(Block(first + 2, len(text), page=2, start_s=7.5, page_label="iv"))
    return ParsedDocument(text, tuple(blocks), title, "text/plain")


def store(library: LibraryStore, source: Source, path: str, document: ParsedDocument, writer: LibraryChanges) -> int:
    chunks = [
        Chunk(
            0,
            i,
            b.start,
            b.end,
            document.text[b.start : b.end],
            ("Top", "Sub"),
            b.page,
            b.start_s,
            page_label=b.page_label,
        )
        for i, b in enumerate(document.blocks)
    ]
    vectors = np.array([[i, 1, 0, 0] for i in range(len(chunks))], dtype=np.float16)
    file = FileState(source.id, path, len(document.text), 5, "hash-of-" + path.encode("utf-8", "replace").decode())
    return writer.put_document(file, document, chunks, [f"{document.title} > Top"] * len(chunks), vectors)


def fill(library: LibraryStore, *paths: str, location: str = "/data") -> list[int]:
    writer = library.writer()
    with writer.transaction():
        source = writer.add_source("folder", location)
        return [store(library, source, path, parsed(), writer) for path in paths]
