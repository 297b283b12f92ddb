"""Reads English with a reader that learnt English alone, which is faster and a little better at it, and whatever has to
do with other languages, a question or a passage, with one that learnt to read many.

The second one is loaded when it is first needed. May be used from several threads.
"""

import threading
from collections.abc import Callable, Sequence
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
        readers = [self._for(question, hit.chunk.text) for hit in hits]
        found = [
            hit
            for reader in dict.fromkeys(readers)
            for hit in reader.rerank(question, [hit for hit, own in zip(hits, readers, strict=True) if own is reader])
        ]
        return sorted(found, key=lambda hit: -hit.score)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """As ``ExtractiveReader.read``."""
        readers = [self._for(question, passage.text) for passage in passages]
        found: list[Reading | None] = [None] * len(passages)
        for reader in dict.fromkeys(readers):
            own = [at for at, other in enumerate(readers) if other is reader]
            for at, reading in zip(own, reader.read(question, [passages[at] for at in own]), strict=True):
                found[at] = reading
        return [reading for reading in found if reading is not None]

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """As ``ExtractiveReader.supports``."""
        return self._for(claim).supports(claim, passages)

    def _for(self, question: str, text: str = "") -> RankingReader:
        """The reader for a question and a text that may answer it."""
        if is_english(question) and is_english(text):
            return self._english
        with self._lock:
            return self._loaded
