"""What a library holds, to be compared with another one."""

import numpy as np

from rag.store.protocols import LibraryStore

Content = list[tuple[str, str, str, list[tuple[int, str]], list[list[float]]]]


def content_of(library: LibraryStore) -> Content:
    """Everything but ids and times, ordered by path."""
    rows: Content = []
    for document in library.documents():
        chunks = library.chunk_range(document.id, 0, 10**6)
        assert len(chunks) == document.chunks
        vectors = [v for _, batch in library.embeddings([chunk.id for chunk in chunks]) for v in batch.tolist()]
        assert len(vectors) == len(chunks)
        texts = [(chunk.ordinal, chunk.text) for chunk in chunks]
        rows.append((document.path, document.status, library.document_text(document.id), texts, vectors))
    ids = library.chunk_ids()
    assert len(ids) == sum(len(row[3]) for row in rows) == library.counts()["chunks"]
    assert np.array_equal(np.concatenate([ids for ids, _ in library.embeddings()]), ids)
    return rows
