"""Reads each question with the reader for its language: English ones with one that learnt English alone, which is
faster and a little better at it, all others with one that learnt to read many languages.

The second one is loaded when the first question in another language is asked. May be used from several threads.
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
        return self._for(question).rerank(question, hits)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """As ``ExtractiveReader.read``."""
        return self._for(question).read(question, passages)

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """As ``ExtractiveReader.supports``."""
        return self._for(claim).supports(claim, passages)

    def _for(self, text: str) -> RankingReader:
        if is_english(text):
            return self._english
        with self._lock:
            return self._loaded
