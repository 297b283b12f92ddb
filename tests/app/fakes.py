"""Stand-ins for the tests of this package: an embedder without a model, and an assistant made with it."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.wiring import Parts
from rag.protocols import Embedder, RankingReader
from tests.rag import word_counter

_DIMENSION = 64


class WordEmbedder:
    """Texts that share words get vectors that point the same way."""

    name = "words"
    dimension = _DIMENSION
    max_tokens = 256
    counter = word_counter.SPEC

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self.embed_query(text) for text in texts]) if texts else np.zeros((0, _DIMENSION), np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        vector = np.full(_DIMENSION, 0.01, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[hashlib.sha256(word.encode()).digest()[0] % _DIMENSION] += 1
        return vector / np.float32(np.linalg.norm(vector))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return word_counter.count(texts)


class LightParts(Parts):
    """Everything real but the models."""

    def make_embedder(self) -> Embedder:
        return WordEmbedder()

    def make_reader(self) -> RankingReader | None:
        return None

    def make_foreign_questions(self) -> None:
        return None
