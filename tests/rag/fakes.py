"""Fakes behind the protocols of ``rag``: small, deterministic, without weights."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rag.types import Document, Passage, Reading, Span
from tests.rag import word_counter

_WORD = re.compile(r"\w+")


class FakeEmbedder:
    """Hashed bag of words: texts that share words are near, the same text always gives the same unit vector."""

    def __init__(self, name: str = "fake-bag-of-words", dimension: int = 64, max_tokens: int = 256) -> None:
        self.name = name
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.passages_embedded = 0
        self.counter = word_counter.SPEC

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.passages_embedded += len(texts)
        return np.stack([self.embed_query(text) for text in texts]) if texts else np.zeros((0, self.dimension), "f4")

    def embed_query(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self.dimension, dtype=np.float32)
        for word in _WORD.findall(text.lower()):
            digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
            vector[int.from_bytes(digest[:4], "little") % self.dimension] += 1 if digest[4] & 1 else -1
        norm = float(np.linalg.norm(vector))
        if norm == 0:  # no words at all, or words that cancel out
            vector[0], norm = 1.0, 1.0
        return vector / np.float32(norm)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return word_counter.count(texts)


def a_document(number: int = 1, title: str = "notes") -> Document:
    return Document(number, 1, f"/docs/{number}.txt", title, "text/plain", "ok", None, 1, 1, 1, "h", 0.0)


def a_reading(span: Span, sure: float) -> Reading:
    """A reading whose scores are all the same."""
    return Reading(span, rank_score=sure, answer_score=sure, probability=sure, confidence=sure)


@dataclass
class ScriptedReader:
    """Finds the given words wherever they stand, each with its confidence; elsewhere the first character with 0.01."""

    reads_any_language = False

    answers: Mapping[str, float]
    asked: list[str] = field(default_factory=list)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.asked.append(question)
        return [self._one(passage) for passage in passages]

    def _one(self, passage: Passage) -> Reading:
        text = passage.text
        there = [(sure, text.index(words), words) for words, sure in self.answers.items() if words in text]
        if not there:
            return a_reading(passage.span(0, 1), 0.01)
        sure, start, words = max(there)
        return a_reading(passage.span(start, start + len(words)), sure)
