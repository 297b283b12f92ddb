"""The retriever over a real library and index with an embedder that counts words."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.ingest.chunks.chunk import chunk_document
from rag.query.query import make_query
from rag.retrieve.retriever import RetrievalSettings, Retriever
from rag.store.faiss_index import VectorIndex
from rag.store.library import Library
from rag.store.protocols import FileState
from rag.store.writer import LibraryWriter
from rag.text.context import context_of
from rag.types import Block, Filter, Hit, ParsedDocument
from tests.rag import word_counter

TEXTS = {
    "/docs/a/lamp.txt": "The lamp of the lighthouse burned whale oil until the year 1868.",
    "/docs/a/pets.txt": "Visitors may bring dogs on a lead into the garden.",
    "/docs/b/pump.txt": "The pump AB-1234 needs service every 500 hours.",
    "/docs/b/copy.txt": "Visitors may bring dogs on a lead into the garden.",
}


SYNONYMS = {"animals": "dogs", "allowed": "bring"}


class WordEmbedder:
    """Each word is a direction; words of one synonym group are the same direction."""

    name = "words-1"
    dimension = 64
    max_tokens = 256

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().replace("?", " ").replace(".", " ").split():
                place = hashlib.sha256(SYNONYMS.get(word, word).encode()).digest()
                row[place[0] % self.dimension] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self.embed_passages([text])[0]
        return vector

    counter = word_counter.SPEC

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return word_counter.count(texts)


def put(library: Library, texts: dict[str, str], embedder: WordEmbedder | None = None) -> None:
    embedder = embedder or WordEmbedder()
    writer = LibraryWriter(library)
    with writer.transaction():
        source = writer.add_source("folder", "/docs")
        if library.embedder_name != embedder.name:
            writer.change_embedder(embedder.name)
        for path, text in texts.items():
            parsed = ParsedDocument(text, (Block(0, len(text)),), Path(path).stem, "text/plain")
            chunks = chunk_document(parsed, embedder.count_tokens, 40)
            contexts = [context_of(parsed.title, chunk.heading_path) for chunk in chunks]
            vectors = embedder.embed_passages([chunk.text for chunk in chunks]).astype(np.float16)
            writer.put_document(FileState(source.id, path, len(text), 0, path), parsed, chunks, contexts, vectors)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db") as library:
        put(library, TEXTS)
        yield library


def retriever(library: Library, **settings: float) -> Retriever:
    return Retriever(library, VectorIndex(library, None), WordEmbedder(), RetrievalSettings(**settings))  # type: ignore[arg-type]


def paths(hits: Sequence[Hit]) -> list[str]:
    return [hit.document.path for hit in hits]


def test_both_legs_contribute_and_say_which_rank_they_gave(library: Library) -> None:
    hits = retriever(library).search(make_query("How often does the pump need service?"), 3)
    assert paths(hits)[0] == "/docs/b/pump.txt"
    assert (hits[0].dense_rank, hits[0].keyword_rank) == (1, 1)
    assert 0.7 < hits[0].score <= 1.0
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_dense_search_finds_what_shares_no_word(library: Library) -> None:
    hit = retriever(library).search(make_query("animals allowed?"), 1)[0]
    assert hit.chunk.text.startswith("Visitors")
    assert hit.keyword_rank is None


def test_keyword_search_finds_a_part_number(library: Library) -> None:
    hit = retriever(library, dense_weight=0.0).search(make_query("AB-1234"), 1)[0]
    assert (hit.document.path, hit.dense_rank, hit.keyword_rank) == ("/docs/b/pump.txt", None, 1)


def test_weight_zero_turns_keyword_search_off(library: Library) -> None:
    assert all(
        hit.keyword_rank is None for hit in retriever(library, keyword_weight=0.0).search(make_query("the pump"), 4)
    )


def test_a_copy_takes_no_second_place(library: Library) -> None:
    hits = retriever(library).search(make_query("dogs in the garden"), 10)
    assert sum(hit.chunk.text.startswith("Visitors") for hit in hits) == 1


def test_filters_by_folder_and_document(library: Library) -> None:
    search = retriever(library).search
    assert paths(search(make_query("dogs in the garden"), 10, Filter(folders=("/docs/b",))))[0] == "/docs/b/copy.txt"
    assert set(paths(search(make_query("dogs"), 10, Filter(folders=("/docs/b",))))) <= {
        "/docs/b/copy.txt",
        "/docs/b/pump.txt",
    }
    lamp = next(document.id for document in library.documents() if document.path.endswith("lamp.txt"))
    assert paths(search(make_query("dogs"), 10, Filter(document_ids=frozenset({lamp})))) == ["/docs/a/lamp.txt"]
    assert search(make_query("dogs"), 10, Filter(folders=("/elsewhere",))) == []


def test_an_empty_library_and_an_empty_question_find_nothing(tmp_path: Path, library: Library) -> None:
    with Library.open(tmp_path / "empty" / "library.db") as empty:
        assert retriever(empty).search(make_query("anything"), 5) == []
        assert retriever(empty).passages(make_query("anything")) == []
    assert retriever(library).search(make_query("  "), 5) == []
    assert retriever(library).search(make_query("dogs"), 0) == []


def test_keyword_search_alone_answers_while_vectors_are_made_anew(library: Library) -> None:
    writer = LibraryWriter(library)
    with writer.transaction():
        writer.change_embedder("another")
    hits = retriever(library).search(make_query("pump service"), 3)
    assert paths(hits)[0] == "/docs/b/pump.txt"
    assert hits[0].dense_rank is None


def test_what_is_added_and_removed_shows_at_once(library: Library) -> None:
    finder = retriever(library)
    finder.search(make_query("anything"), 1)
    put(library, {"/docs/new.txt": "Ferries leave from the northern pier."})
    assert paths(finder.search(make_query("ferries pier"), 1)) == ["/docs/new.txt"]
    writer = LibraryWriter(library)
    with writer.transaction():
        writer.delete([document.id for document in library.documents() if document.path == "/docs/new.txt"])
    assert "/docs/new.txt" not in paths(finder.search(make_query("ferries pier"), 10))


def test_the_order_is_the_same_every_time(library: Library) -> None:
    first = retriever(library).search(make_query("the lighthouse garden pump"), 10)
    assert all(retriever(library).search(make_query("the lighthouse garden pump"), 10) == first for _ in range(5))


def test_a_reranker_has_the_last_word(library: Library) -> None:
    class Reversed:
        reads_any_language = False

        def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
            return [replace(hit, score=10.0 * n) for n, hit in enumerate(hits)]

    plain = retriever(library).search(make_query("the pump"), 10)
    finder = Retriever(library, VectorIndex(library, None), WordEmbedder(), reranker=Reversed())
    assert paths(finder.search(make_query("the pump"), 10)) == paths(plain)[::-1]
    assert len(finder.search(make_query("the pump"), 2)) == 2


class Translated:
    """Knows what one question would be in English."""

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return WordEmbedder().embed_query("When did the lamp burn whale oil?" if "Leuchte" in text else text)


def test_english_passages_are_found_in_another_language(library: Library) -> None:
    put(library, {f"/docs/more{n}.txt": f"The ferry number {n} leaves from the northern pier." for n in range(60)})
    asked = make_query("Wann hat man die Leuchte zuletzt mit Walöl betrieben?")
    assert "/docs/a/lamp.txt" not in paths(retriever(library).search(asked, 3))
    finder = Retriever(library, VectorIndex(library, None), WordEmbedder(), foreign=Translated())
    assert paths(finder.search(asked, 10))[0] == "/docs/a/lamp.txt"
    only = Filter(frozenset(d.id for d in library.documents() if d.path.startswith("/docs/b/")))
    assert all(path.startswith("/docs/b/") for path in paths(finder.search(asked, 10, only)))


def test_passages_in_the_questions_language_take_turns_with_english_ones(library: Library) -> None:
    german = "Die Leuchte im Heizungskeller brannte bis gestern Abend, dann wurde die Sicherung von Hand ausgetauscht."
    put(library, {"/docs/keller.txt": german})
    finder = Retriever(library, VectorIndex(library, None), WordEmbedder(), foreign=Translated())
    found = paths(finder.search(make_query("Bis wann brannte die Leuchte im Keller?"), 10))
    assert set(found[:2]) == {"/docs/keller.txt", "/docs/a/lamp.txt"}
    assert len(found) == len(set(found))


def test_passages_are_stretches_of_the_document_within_the_budget(library: Library) -> None:
    story = " ".join(f"Sentence {n} of the story tells about the harbour and its boats." for n in range(40))
    put(library, {"/docs/story.txt": story})
    passages = retriever(library).passages(make_query("harbour boats story"), Filter(), 120)
    assert [passage.number for passage in passages] == list(range(1, len(passages) + 1))
    assert sum(len(passage.text.split()) for passage in passages) <= 120
    for passage in passages:
        assert passage.text == library.document_text(passage.document.id)[passage.start : passage.end]
