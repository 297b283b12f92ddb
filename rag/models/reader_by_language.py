"""Reads English with a reader that learnt English alone, which is faster and a little better at it, and whatever has to
do with other languages, a question or a passage, with one that learnt to read many.

The second one is loaded when it is first needed. May be used from several threads.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from rag.protocols import RankingReader
from rag.text.language import is_english
from rag.types import Hit, Passage, Reading


class ReaderByLanguage:
    """A ``RankingReader`` (see rag.protocols) of two readers."""

    reads_any_language = True

    def __init__(self, english: RankingReader, others: Callable[[], RankingReader]) -> None:
        self._english = english
        self._load = others
        self._lock = threading.Lock()

    @cached_property
    def _loaded(self) -> RankingReader:
        return self._load()

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """As ``ExtractiveReader.rerank``."""
        shared_out = list(self._shared_out(question, [hit.chunk.text for hit in hits]))
        found: list[Hit] = []
        for reader, places in shared_out:
            reranked = reader.rerank(question, [hits[at] for at in places])
            # Two readers rank on scales of their own; how sure they are of what they read is comparable.
            found += reranked if len(shared_out) == 1 else [_at_least_as_sure(hit) for hit in reranked]
        return sorted(found, key=lambda hit: -hit.score)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """As ``ExtractiveReader.read``."""
        found: dict[int, Reading] = {}
        for reader, places in self._shared_out(question, [passage.text for passage in passages]):
            readings = reader.read(question, [passages[at] for at in places])
            found.update(zip(places, readings, strict=True))
        return [found[at] for at in range(len(passages))]

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """As ``ExtractiveReader.supports``."""
        return self._for(claim).supports(claim, passages)

    def _shared_out(self, question: str, texts: Sequence[str]) -> Iterator[tuple[RankingReader, list[int]]]:
        """Each reader that is needed, with the places of the texts that it reads."""
        english = [at for at, text in enumerate(texts) if is_english(question) and is_english(text)]
        others = [at for at in range(len(texts)) if at not in english]
        if english:
            yield self._english, english
        if others:
            yield self._multilingual(), others

    def _for(self, text: str) -> RankingReader:
        return self._english if is_english(text) else self._multilingual()

    def _multilingual(self) -> RankingReader:
        with self._lock:
            return self._loaded


def _at_least_as_sure(hit: Hit) -> Hit:
    return hit if hit.reading is None else replace(hit, score=max(hit.score, hit.reading.confidence))
