"""Reads questions in other languages than English, with a reader and an embedder that share one word table.

The reader learnt to read from English and from translations; of a question in one language about a passage in another
it is less sure than it is right. So the passages that it likes best are compared with the question by the embedder too,
and an answer's confidence comes from both (weights: ``agreement.json``, docs/models/reader-multilingual.md).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from rag.models.embedder import OnnxEmbedder
from rag.models.extractive_reader import ExtractiveReader
from rag.protocols import OnCard, PairEncoder
from rag.text.context import context_of
from rag.types import Hit, Passage, Reading

_COMPARED = 8  # passages that are embedded for a question; each costs as much as reading it
_NOT_COMPARED = 100.0  # taken from the scores of all others
_SPREAD = 6.0  # as in rag.models.extractive_reader


@dataclass(frozen=True, slots=True)
class Agreement:
    """``similarity`` weighs in the scores how far the cosine is above the ``typical`` one of a passage that answers, so
    that scores stay where the retriever tells them apart; ``weights`` of (answer score, cosine) and ``bias`` are a
    logistic regression's, for the confidence. Below the answer score ``least`` the reader's own confidence holds: the
    passage is about what is asked, and does not answer it."""

    similarity: float
    typical: float
    weights: tuple[float, float]
    bias: float
    least: float

    @classmethod
    def read(cls, path: Path) -> "Agreement":
        raw = json.loads(path.read_text(encoding="utf-8"))
        first, second = raw["weights"]
        return cls(raw["similarity"], raw["typical"], (first, second), raw["bias"], raw["least"])


class MultilingualReader:
    """A ``RankingReader`` (see rag.protocols). Make one with ``load``. May be used from several threads."""

    reads_any_language = True

    def __init__(self, reader: ExtractiveReader, embedder: OnnxEmbedder, agreement: Agreement) -> None:
        self._reader, self._embedder, self._agreement = reader, embedder, agreement

    @classmethod
    def load(
        cls,
        folder: Path,
        embedder: OnnxEmbedder,
        threads: int | None = None,
        pairs_on_card: OnCard[PairEncoder] | None = None,
    ) -> Self:
        """As ``ExtractiveReader.load``, whose errors it raises; ``embedder`` is the folder's too."""
        reader = ExtractiveReader.load(folder, threads, pairs_on_card)
        return cls(reader, embedder, Agreement.read(folder / "agreement.json"))

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits with what was read in them, best first; scores are 0 to 1, comparable within one question."""
        texts = [_embedded(h.document.title, h.chunk.heading_path, h.chunk.text) for h in hits]
        by_chunk = {hit.chunk.id: hit.reading for hit in self._reader.rerank(question, hits)}
        readings = [by_chunk[hit.chunk.id] for hit in hits]
        compared = self._compared(question, texts, [reading for reading in readings if reading is not None])
        marked = [
            replace(hit, score=1 / (1 + math.exp(-max(-60.0, reading.rank_score) / _SPREAD)), reading=reading)
            for hit, reading in zip(hits, compared, strict=True)
        ]
        return sorted(marked, key=lambda h: -h.score)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One Reading a passage, in the passages' order."""
        texts = [_embedded(p.document.title, p.heading_path, p.text) for p in passages]
        return self._compared(question, texts, self._reader.read(question, passages))

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """As ``ExtractiveReader.supports``."""
        return self._reader.supports(claim, passages)

    def _compared(self, question: str, texts: Sequence[str], readings: Sequence[Reading]) -> list[Reading]:
        """The readings with scores and confidence by both models."""
        order = sorted(range(len(readings)), key=lambda i: -readings[i].answer_score)
        best, others = order[:_COMPARED], order[_COMPARED:]
        out = list(readings)
        for i in others:
            r = readings[i]
            scores = r.rank_score - _NOT_COMPARED, r.answer_score - _NOT_COMPARED
            out[i] = replace(r, rank_score=scores[0], answer_score=scores[1], probability=0.0, confidence=0.0)
        if best:
            cosines = self._embedder.embed_passages([texts[i] for i in best]) @ self._embedder.embed_query(question)
            for i, cosine in zip(best, cosines, strict=True):
                out[i] = self._agreed(readings[i], float(cosine))
        return out

    def _agreed(self, reading: Reading, cosine: float) -> Reading:
        a = self._agreement
        odds = a.weights[0] * reading.answer_score + a.weights[1] * cosine + a.bias
        confidence = 1 / (1 + math.exp(-max(-60.0, min(60.0, odds))))
        if reading.answer_score < a.least:
            confidence = min(confidence, reading.confidence)
        more = a.similarity * (cosine - a.typical)
        return replace(
            reading,
            rank_score=reading.rank_score + more,
            answer_score=reading.answer_score + more,
            probability=confidence,
            confidence=confidence,
        )


def _embedded(title: str, heading_path: Sequence[str], text: str) -> str:
    context = context_of(title, heading_path)
    return f"{context}\n{text}" if context else text
