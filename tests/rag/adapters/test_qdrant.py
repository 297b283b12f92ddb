"""Qdrant, a vector store of somebody else's, in the place of Docent's index: the real one, in its local mode."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rag.adapters.external_store import ExternalStore
from rag.models.embedder import OnnxEmbedder
from rag.query.query import make_query
from rag.retrieve.retriever import Retriever
from rag.store.library import Library
from rag.store.writer import LibraryWriter
from rag.types import Filter
from tests.rag.adapters.synced import TEXTS, put_synced

qdrant_client = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
adapter = pytest.importorskip(
    "llama_index.vector_stores.qdrant", reason="llama-index-vector-stores-qdrant is not installed"
)


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder.load(threads=1)


@pytest.fixture
def library(tmp_path: Path, embedder: OnnxEmbedder) -> Iterator[Library]:
    with Library.open(tmp_path / "store" / "library.db") as library:
        put_synced(library, embedder, TEXTS)
        yield library


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    with closing(qdrant_client.QdrantClient(path=str(tmp_path / "qdrant"))) as client:
        yield client


def opened(library: Library, client: Any, state: Path | None = None) -> ExternalStore:
    # Local Qdrant has no payload indexes, and warns where one is asked for.
    store = adapter.QdrantVectorStore(collection_name="docent", client=client, index_doc_id=False)
    return ExternalStore(library, store, state)


def test_passages_are_found_by_meaning_and_within_a_filter(
    library: Library, client: Any, embedder: OnnxEmbedder
) -> None:
    external = opened(library, client)
    finder = Retriever(library, external, embedder)
    hit = finder.search(make_query("Are animals permitted?"), 1)[0]
    assert (hit.document.path, hit.dense_rank) == ("/docs/pets.txt", 1)
    lamp = next(document for document in library.documents() if document.title == "lamp")
    only_lamp = Filter(document_ids=frozenset({lamp.id}))
    assert [hit.document.title for hit in finder.search(make_query("Are animals permitted?"), 5, only_lamp)] == ["lamp"]


def test_it_orders_as_docents_own_index_does(library: Library, client: Any, embedder: OnnxEmbedder) -> None:
    external, own = opened(library, client), library.vectors()
    external.refresh()
    own.refresh()
    for question in ("Are pets allowed?", "whale oil", "Which pump needs service?"):
        query = embedder.embed_query(question)
        theirs, ours = external.search(query, 3), own.search(query, 3)
        assert [id_ for id_, _ in theirs] == [id_ for id_, _ in ours]
        assert [score for _, score in theirs] == pytest.approx([score for _, score in ours], abs=2e-3)


def test_it_follows_the_library_and_is_not_filled_again(
    library: Library, client: Any, embedder: OnnxEmbedder, tmp_path: Path
) -> None:
    state = tmp_path / "external.json"
    opened(library, client, state).refresh()
    writer = LibraryWriter(library)
    with writer.transaction():
        writer.delete([document.id for document in library.documents() if document.title == "pets"])
    put_synced(library, embedder, {"cats": "Cats are welcome everywhere."})
    opened(library, client, state).refresh()
    assert client.count("docent").count == 3, "what is gone was deleted there"
    points = client.scroll("docent", limit=10)[0]
    again = opened(library, client, state)
    again.refresh()
    assert {point.id for point in client.scroll("docent", limit=10)[0]} == {point.id for point in points}
    [(best, _)] = again.search(embedder.embed_query("Are pets allowed?"), 1)
    assert library.chunks([best])[best][1].title == "cats"
