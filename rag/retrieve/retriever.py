"""Finds the hits and passages for a query.

    query -> nearest vectors, keyword search (BM25) -> fuse -> drop repeated texts -> proximity -> (rerank) -> hits
             -> merge neighbours within the budget -> passages

A leg that has nothing to offer (no vectors yet, an embedder that has just been changed, a question of stop words)
leaves the field to the other. The order of results is the same every time.

For a question in another language than English this finds its own language's passages; English ones are found by the
vector of what it would be in English, and both lists take turns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.protocols import Embedder, QuestionEmbedder, Reranker
from rag.retrieve.fuse import fuse
from rag.retrieve.passages import to_passages
from rag.retrieve.proximity import proximity
from rag.text.language import is_english
from rag.text.table_spans import TableSpans
from rag.types import Chunk, Document, Filter, Hit, Passage, Query

_EVERYTHING = Filter()
_READ_FOREIGN = 40  # hits that are read for a question in another language, which words and vectors put in poor order
_FOREIGN_WEIGHT = 0.9  # of the reader's judgement of those
_ACROSS_DENSE, _ACROSS_KEYWORD = 0.8, 0.2  # across languages only names and numbers are the same words
_REORDERED = 20  # hits that are looked at for proximity; 30 found nothing more
_TOKENS_PER_HIT = 50  # hits asked for a budget of tokens: some are short, some repeat others


@dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """``top_k`` candidates of each leg are fused with these weights; weight 0 turns a leg off.

    The values were chosen on chunking-eval, sec-10-q and SQuAD paragraphs together (docs/LOG.md); between 0.35 and 0.5
    for the dense leg and 0.1 and 0.5 for proximity little changes.
    """

    top_k: int = 100
    dense_weight: float = 0.45
    keyword_weight: float = 0.55
    proximity_weight: float = 0.3
    rerank_weight: float = 0.5


class DenseIndex(Protocol):
    """The dense leg: ``rag.store.faiss_index.VectorIndex`` or ``rag.adapters.external_store.ExternalStore``."""

    @property
    def embedder_name(self) -> str | None: ...
    def refresh(self) -> None: ...
    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]: ...


class ChunkLibrary(Protocol):
    """The part of ``rag.store.library.Library`` that the retriever reads."""

    def chunks(self, ids: Sequence[int]) -> dict[int, tuple[Chunk, Document]]: ...
    def chunk_range(self, document_id: int, first_ordinal: int, last_ordinal: int) -> list[Chunk]: ...
    def chunk_ids(self, filter: Filter = ...) -> NDArray[np.int64]: ...
    def full_text_search(self, question: str, k: int, filter: Filter = ...) -> list[tuple[int, float]]: ...
    def document_text(self, document_id: int) -> str: ...
    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]: ...


class Retriever:
    """Finds what answers a question. May be used from several threads."""

    def __init__(
        self,
        library: ChunkLibrary,
        vectors: DenseIndex,
        embedder: Embedder,
        settings: RetrievalSettings = RetrievalSettings(),
        reranker: Reranker | None = None,
        foreign: QuestionEmbedder | None = None,
    ) -> None:
        """``foreign`` embeds questions in other languages than English among the English passages of ``vectors``."""
        self._library = library
        self._vectors = vectors
        self._embedder = embedder
        self._settings = settings
        self._reranker = reranker
        self._foreign = foreign

    def search(self, query: Query, k: int = 10, filter: Filter = _EVERYTHING) -> list[Hit]:
        """The ``k`` best chunks, best first, no text twice."""
        if k <= 0 or not query.text.strip():
            return []
        top_k = max(self._settings.top_k, k)
        wanted = max(k, _REORDERED if query.is_english else _READ_FOREIGN)
        keyword = self._keyword(query.text, top_k, filter)
        dense = self._dense(query.text, self._embedder, top_k, filter)
        fused = fuse(dense, keyword, self._settings.dense_weight, self._settings.keyword_weight)
        if query.is_english or self._foreign is None:
            hits = self._load(fused, _ranks(dense), _ranks(keyword), wanted)
        else:
            own = self._load(fused, _ranks(dense), _ranks(keyword), top_k)
            dense = self._dense(query.text, self._foreign, top_k, filter)
            across = self._load(
                fuse(dense, keyword, _ACROSS_DENSE, _ACROSS_KEYWORD), _ranks(dense), _ranks(keyword), top_k
            )
            hits = list(islice(_in_turn(own, across), wanted))
        return self._reranked(query, self._reordered(query, hits))[:k]

    def passages(self, query: Query, filter: Filter = _EVERYTHING, token_budget: int = 1500) -> list[Passage]:
        """What an answer is written from: the best hits within the budget, neighbours merged, numbered from 1."""
        hits = self.search(query, max(8, token_budget // _TOKENS_PER_HIT), filter)
        return to_passages(hits, self._library, self._embedder.count_tokens, token_budget)

    def _load(
        self,
        fused: Sequence[tuple[int, float]],
        dense_ranks: Mapping[int, int],
        keyword_ranks: Mapping[int, int],
        wanted: int,
    ) -> list[Hit]:
        """The first ``wanted`` hits with different texts; rows are read as far as that needs."""
        hits: list[Hit] = []
        seen: set[str] = set()
        for first in range(0, len(fused), 2 * wanted):
            batch = fused[first : first + 2 * wanted]
            found = self._library.chunks([id_ for id_, _ in batch])
            for id_, score in batch:
                if id_ in found and _is_new(found[id_][0].text, seen):
                    hits.append(Hit(*found[id_], score, dense_ranks.get(id_), keyword_ranks.get(id_)))
            if len(hits) >= wanted:
                break
        return hits[:wanted]

    def _reordered(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """The hits by their scores and by how close together the first ones hold the question's words."""
        weight = self._settings.proximity_weight
        if weight <= 0:
            return list(hits)
        near = proximity(query.rarity, [hit.chunk.text for hit in hits[:_REORDERED]])
        near += [0.0] * (len(hits) - len(near))
        scored = [
            replace(hit, score=(hit.score + weight * share) / (1 + weight))
            for hit, share in zip(hits, near, strict=True)
        ]
        return sorted(scored, key=lambda hit: (-hit.score, hit.chunk.id))

    def _reranked(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """The first hits by their scores and the reranker's; the others follow with theirs."""
        if self._reranker is None:
            return list(hits)
        foreign = not query.is_english and self._reranker.reads_any_language
        weight = _FOREIGN_WEIGHT if foreign else self._settings.rerank_weight
        looked = hits[: _READ_FOREIGN if foreign else _REORDERED]
        read = {hit.chunk.id: hit for hit in self._reranker.rerank(query.text, looked)}
        scored = [_mixed(hit, read.get(hit.chunk.id), weight) for hit in hits]
        return sorted(scored, key=lambda hit: (hit.chunk.id not in read, -hit.score, hit.chunk.id))

    def _dense(self, question: str, embedder: QuestionEmbedder, k: int, filter: Filter) -> list[tuple[int, float]]:
        if self._settings.dense_weight <= 0:
            return []
        self._vectors.refresh()
        if self._vectors.embedder_name != self._embedder.name:  # empty, or still holding another embedder's vectors
            return []
        allowed = self._library.chunk_ids(filter) if filter else None
        return self._vectors.search(embedder.embed_query(question), k, allowed)

    def _keyword(self, question: str, k: int, filter: Filter) -> list[tuple[int, float]]:
        if self._settings.keyword_weight <= 0:
            return []
        return self._library.full_text_search(question, k, filter)


def _mixed(hit: Hit, read: Hit | None, weight: float) -> Hit:
    """The hit with the reranker's score mixed into its own, and with what was read in it; ``read`` is as reranked."""
    if read is None:
        return replace(hit, score=hit.score / (1 + weight))
    return replace(hit, score=(hit.score + weight * read.score) / (1 + weight), reading=read.reading)


def _in_turn(own: Sequence[Hit], across: Sequence[Hit]) -> Iterator[Hit]:
    """The hits of the first that are not English and the English ones of the second, one after the other; looks at the
    language of no more than are taken."""
    foreign = (hit for hit in own if not is_english(hit.chunk.text))
    english = (hit for hit in across if is_english(hit.chunk.text))
    return (hit for pair in zip_longest(foreign, english) for hit in pair if hit is not None)


def _ranks(ranking: Sequence[tuple[int, float]]) -> dict[int, int]:
    return {id_: rank for rank, (id_, _) in enumerate(ranking, start=1)}


def _is_new(text: str, seen: set[str]) -> bool:
    """Whether no earlier hit has the same words; copies of a file fill no second place."""
    words = " ".join(text.split())
    if words in seen:
        return False
    seen.add(words)
    return True
