"""Docent's store in a plain llama-index pipeline, and llama-index's store in Docent's retrieval. No network."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from rag.adapters.embedding import DocentEmbedding
from rag.adapters.external_store import ExternalStore
from rag.adapters.vector_store import DocentVectorStore
from rag.errors import LibraryError, RagError
from rag.models.embedder import OnnxEmbedder
from rag.query.query import make_query
from rag.retrieve.retriever import Retriever
from rag.store.library import Library
from rag.store.writer import LibraryWriter
from rag.types import Filter
from tests.rag.adapters.synced import TEXTS, put_synced


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder.load(threads=1)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "store" / "library.db") as library:
        yield library


@pytest.fixture
def store(library: Library, embedder: OnnxEmbedder) -> DocentVectorStore:
    return DocentVectorStore(library, embedder_name=embedder.name)


@pytest.fixture
def model(embedder: OnnxEmbedder) -> BaseEmbedding:
    return DocentEmbedding(embedder)


def build(store: DocentVectorStore, model: BaseEmbedding) -> VectorStoreIndex:
    documents = [
        Document(text=text, doc_id=name, metadata={"kind": name, "year": 1860 + n})
        for n, (name, text) in enumerate(TEXTS.items())
    ]
    return VectorStoreIndex.from_documents(
        documents,
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=model,
        transformations=[SentenceSplitter(chunk_size=256)],
    )


def only(key: str, value: object, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])  # type: ignore[arg-type]


def ask(index: VectorStoreIndex, question: str, k: int = 3, filters: MetadataFilters | None = None) -> list[str]:
    return [
        found.node.ref_doc_id or ""
        for found in index.as_retriever(similarity_top_k=k, filters=filters).retrieve(question)
    ]


def node(name: str, text: str, vector: Sequence[float], ref: str | None = None, **metadata: object) -> TextNode:
    made = TextNode(id_=name, text=text, embedding=list(vector), metadata=metadata)
    if ref:
        made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=ref)
    return made


def test_a_plain_pipeline_inserts_retrieves_and_deletes(store: DocentVectorStore, model: BaseEmbedding) -> None:
    index = build(store, model)
    assert ask(index, "Are pets allowed?")[0] == "pets"
    [best] = index.as_retriever(similarity_top_k=1).retrieve("What fuel did the light use?")
    assert best.node.get_content() == TEXTS["lamp"]
    assert best.node.metadata == {"kind": "lamp", "year": 1860}
    assert best.score is not None and 0 < best.score <= 1
    index.delete_ref_doc("pets")
    assert "pets" not in ask(index, "Are pets allowed?")
    index.insert(Document(text="Cats are welcome everywhere.", doc_id="cats"))
    assert ask(index, "Are pets allowed?")[0] == "cats"


def test_metadata_filters(store: DocentVectorStore, model: BaseEmbedding) -> None:
    index = build(store, model)
    question = "Are pets allowed?"
    assert ask(index, question, 3, only("kind", "pump")) == ["pump"]
    assert set(ask(index, question, 3, only("kind", ["pump", "lamp"], FilterOperator.IN))) == {"pump", "lamp"}
    assert set(ask(index, question, 3, only("year", 1861, FilterOperator.GTE))) == {"pets", "pump"}
    assert ask(index, question, 3, only("kind", "nothing")) == []
    either = MetadataFilters(
        filters=[*only("kind", "lamp").filters, MetadataFilters(filters=only("year", 1862).filters)],
        condition=FilterCondition.OR,
    )
    assert set(ask(index, question, 3, either)) == {"lamp", "pump"}


def test_nodes_survive_reopening(tmp_path: Path, model: BaseEmbedding, embedder: OnnxEmbedder) -> None:
    path = tmp_path / "s" / "library.db"
    first = DocentVectorStore.open(path, embedder.name)
    build(first, model)
    before = first.get_nodes()
    first.client.close()
    again = DocentVectorStore.open(path, embedder.name)
    assert [node.to_dict() for node in again.get_nodes()] == [node.to_dict() for node in before]
    index = VectorStoreIndex.from_vector_store(again, embed_model=model)
    assert ask(index, "When is the pump serviced?", 1) == ["pump"]
    again.client.close()


def test_hybrid_and_keyword_modes(store: DocentVectorStore, model: BaseEmbedding) -> None:
    build(store, model)
    question = "AB-1234"
    query = VectorStoreQuery(
        query_embedding=model.get_query_embedding(question), query_str=question, similarity_top_k=2
    )
    query.mode = VectorStoreQueryMode.TEXT_SEARCH
    assert [node.ref_doc_id for node in store.query(query).nodes or ()] == ["pump"]
    query.mode = VectorStoreQueryMode.HYBRID
    result = store.query(query)
    assert (result.nodes or ())[0].ref_doc_id == "pump"
    assert len(result.nodes or ()) == len(result.ids or ()) == len(result.similarities or ()) == 2
    query.filters = only("kind", "lamp")
    assert [node.ref_doc_id for node in store.query(query).nodes or ()] == ["lamp"]
    query.mode = VectorStoreQueryMode.SVM
    with pytest.raises(NotImplementedError, match="svm"):
        store.query(query)


def test_nodes_of_one_document_come_and_go_one_by_one(store: DocentVectorStore) -> None:
    store.add([node("n1", "first", [1, 0, 0], "doc"), node("n2", "second", [0, 1, 0], "doc")])
    store.add([node("n3", "third", [0, 0, 1], "doc"), node("n1", "first again", [1, 0, 0], "doc")])
    assert {n.node_id: n.get_content() for n in store.get_nodes()} == {
        "n1": "first again",
        "n2": "second",
        "n3": "third",
    }
    assert store.query(VectorStoreQuery(query_embedding=[0, 1, 0.1], similarity_top_k=1)).ids == ["n2"]
    store.delete_nodes(["n2"])
    assert {n.node_id for n in store.get_nodes()} == {"n1", "n3"}
    assert store.query(VectorStoreQuery(query_embedding=[0, 1, 0.1], similarity_top_k=1)).ids == ["n3"]
    assert [n.node_id for n in store.get_nodes(["n3", "n9"])] == ["n3"]
    store.delete("doc")
    store.delete("doc")
    assert store.get_nodes() == []


def test_clear(store: DocentVectorStore) -> None:
    assert store.add([]) == []
    store.add([node("n1", "one", [1, 0]), node("n2", "two", [0, 1])])
    store.clear()
    assert store.get_nodes() == []
    assert store.query(VectorStoreQuery(query_embedding=[1, 0], similarity_top_k=5)).ids == []


def test_vectors_of_another_model_are_refused(library: Library, store: DocentVectorStore) -> None:
    store.add([node("n1", "one", [1, 0])])
    with pytest.raises(LibraryError, match="3 numbers"):
        store.add([node("n2", "two", [1, 0, 0])])
    with pytest.raises(LibraryError, match="other"):
        DocentVectorStore(library, embedder_name="other").add([node("n2", "two", [1, 0])])
    assert [n.node_id for n in store.get_nodes()] == ["n1"]


def test_what_docent_has_synced_is_found_as_nodes(
    library: Library, embedder: OnnxEmbedder, store: DocentVectorStore, model: BaseEmbedding
) -> None:
    put_synced(library, embedder, TEXTS)
    index = VectorStoreIndex.from_vector_store(store, embed_model=model)
    [found] = index.as_retriever(similarity_top_k=1).retrieve("Are pets allowed?")
    assert found.node.metadata == {"path": "/docs/pets.txt", "title": "pets", "page": 3, "headings": ""}
    assert ask(index, "pets", 3, only("path", "/docs/lamp.txt")) == ["/docs/lamp.txt"]


# -- another store as the dense leg ------------------------------------------------------------------------------------

SIMPLE = "llama_index.core.vector_stores.simple:SimpleVectorStore"


def test_llama_indexs_own_store_serves_as_the_dense_leg(
    tmp_path: Path, library: Library, embedder: OnnxEmbedder
) -> None:
    put_synced(library, embedder, TEXTS)
    external = ExternalStore.open(library, SIMPLE, {}, tmp_path / "external.json")
    finder = Retriever(library, external, embedder)
    hit = finder.search(make_query("Are animals permitted?"), 1)[0]
    assert (hit.document.path, hit.dense_rank) == ("/docs/pets.txt", 1)
    assert len(external) == 3
    lamp = next(document for document in library.documents() if document.title == "lamp")
    only_lamp = Filter(document_ids=frozenset({lamp.id}))
    assert [hit.document.title for hit in finder.search(make_query("Are animals permitted?"), 5, only_lamp)] == ["lamp"]


def test_the_store_follows_the_library(tmp_path: Path, library: Library, embedder: OnnxEmbedder) -> None:
    put_synced(library, embedder, TEXTS)
    external = ExternalStore.open(library, SIMPLE, {}, None)
    external.refresh()
    writer = LibraryWriter(library)
    with writer.transaction():
        writer.delete([document.id for document in library.documents() if document.title == "pets"])
    put_synced(library, embedder, {"cats": "Cats are welcome everywhere."})
    external.refresh()
    assert len(external) == 3
    [(best, _)] = external.search(embedder.embed_query("Are pets allowed?"), 1)
    assert library.chunks([best])[best][1].title == "cats"


def test_a_store_that_kept_its_data_is_not_filled_again(
    tmp_path: Path, library: Library, embedder: OnnxEmbedder
) -> None:
    put_synced(library, embedder, TEXTS)
    first = ExternalStore.open(library, SIMPLE, {}, tmp_path / "external.json")
    first.refresh()

    class Counting(type(first._store)):  # type: ignore[misc]
        def add(self, nodes: Sequence[TextNode], **kwargs: object) -> list[str]:
            raise AssertionError("nothing is new")

    kept = Counting(data=first._store.data)  # type: ignore[attr-defined]
    again = ExternalStore(library, kept, tmp_path / "external.json")
    again.refresh()
    assert len(again) == 3
    emptied = ExternalStore.open(library, SIMPLE, {}, tmp_path / "external.json")
    emptied.refresh()
    assert len(emptied.search(embedder.embed_query("pump"), 5)) == 3


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("no_such_package.store:Store", {}),
        ("llama_index.core.vector_stores.simple:NoSuchStore", {}),
        ("NoModule", {}),
        (SIMPLE, {"data": 5}),
        ("pathlib:Path", {}),
    ],
)
def test_a_store_that_cannot_be_made_is_named(library: Library, path: str, arguments: dict[str, object]) -> None:
    with pytest.raises(RagError, match=path.split(":")[-1]) as caught:
        ExternalStore.open(library, path, arguments, None)
    assert caught.value.remedy


def test_nothing_but_a_vector_store_is_ever_called(library: Library, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    for path, arguments in (("os:system", {"command": f"touch {touched}"}), ("pathlib:Path.touch", {})):
        with pytest.raises(RagError):
            ExternalStore.open(library, path, arguments, None)
    assert not touched.exists()
