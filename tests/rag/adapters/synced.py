"""A library with three documents that are embedded, as a sync leaves it."""

import numpy as np

from rag.models.embedder import OnnxEmbedder
from rag.store.library import Library
from rag.store.protocols import FileState
from rag.store.writer import LibraryWriter
from rag.types import Block, Chunk, ParsedDocument

TEXTS = {
    "lamp": "The lamp of the lighthouse burned whale oil until 1868, then paraffin.",
    "pets": "Visitors may bring dogs on a lead into the garden, but not into the tower.",
    "pump": "The pump AB-1234 is to be serviced every 500 hours of operation.",
}


def put_synced(library: Library, embedder: OnnxEmbedder, texts: dict[str, str]) -> None:
    writer = LibraryWriter(library)
    with writer.transaction():
        source = writer.add_source("folder", "/docs")
        if library.embedder_name is None:
            writer.change_embedder(embedder.name)
        for name, text in texts.items():
            parsed = ParsedDocument(text, (Block(0, len(text)),), name, "text/plain")
            vectors = embedder.embed_passages([text]).astype(np.float16)
            file = FileState(source.id, f"/docs/{name}.txt", 1, 1, name)
            writer.put_document(file, parsed, [Chunk(0, 0, 0, len(text), text, page=3)], [name], vectors)
