"""Measures how long each step of a question takes, by name, in milliseconds.

The ``Timed`` classes stand in front of the parts of a retriever and report their time to a stopwatch, so that
rag itself holds no measuring code.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from rag.types import Filter, Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.protocols import Embedder, QuestionEmbedder, Reranker
    from rag.retrieve.retriever import ChunkLibrary, DenseIndex

_EVERYTHING = Filter()
_T = TypeVar("_T")


class Stopwatch:
    """Starts when it is made. Steps of the same name add up; one thread uses it."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._steps: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is measured ends here."""

    def within(self, events: Iterator[_T]) -> Iterator[_T]:
        """The events, made within the step at work."""
        return events

    def note(self, **values: str | int | bool) -> None:
        """Is told what is known of a question; a stopwatch that sends traces (``app.traces``) keeps it."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, (time.perf_counter() - started) * 1000)

    def add(self, name: str, milliseconds: float) -> None:
        self._steps[name] = self._steps.get(name, 0.0) + milliseconds

    @contextmanager
    def remainder(self, name: str) -> Iterator[None]:
        """Counts as ``name`` what the block takes beyond the steps inside it."""
        started, before = time.perf_counter(), sum(self._steps.values())
        try:
            yield
        finally:
            inside = sum(self._steps.values()) - before
            self.add(name, (time.perf_counter() - started) * 1000 - inside)

    def timings_ms(self) -> dict[str, float]:
        """The steps in the order in which they first ended, and ``total`` since the start."""
        return {**self._steps, "total": (time.perf_counter() - self._started) * 1000}


class TimedQuestions:
    """What embeds questions, which counts as step ``embed``."""

    def __init__(self, questions: "QuestionEmbedder", watch: Stopwatch) -> None:
        self._questions = questions
        self._watch = watch

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        with self._watch.step("embed"):
            return self._questions.embed_query(text)


class TimedEmbedder(TimedQuestions):
    """An embedder whose questions count as step ``embed``."""

    def __init__(self, embedder: "Embedder", watch: Stopwatch) -> None:
        super().__init__(embedder, watch)
        self.name = embedder.name
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens
        self.embed_passages = embedder.embed_passages
        self.count_tokens = embedder.count_tokens
        self.counter = embedder.counter


class TimedReranker:
    """A reranker whose work counts as step ``rerank``."""

    def __init__(self, reranker: "Reranker", watch: Stopwatch) -> None:
        self._reranker = reranker
        self._watch = watch

    @property
    def reads_any_language(self) -> bool:
        return self._reranker.reads_any_language

    def rerank(self, question: str, hits: "Sequence[Hit]") -> "list[Hit]":
        with self._watch.step("rerank"):
            return self._reranker.rerank(question, hits)


class TimedVectors:
    """A dense index whose searches count as step ``dense``, bringing it up to date included."""

    def __init__(self, vectors: "DenseIndex", watch: Stopwatch) -> None:
        self._vectors = vectors
        self._watch = watch

    @property
    def embedder_name(self) -> str | None:
        return self._vectors.embedder_name

    def refresh(self) -> None:
        with self._watch.step("dense"):
            self._vectors.refresh()

    def search(
        self, query: "NDArray[np.float32]", k: int, allowed: "NDArray[np.int64] | None" = None
    ) -> list[tuple[int, float]]:
        with self._watch.step("dense"):
            return self._vectors.search(query, k, allowed)


class TimedLibrary:
    """A library whose keyword searches count as step ``keyword``."""

    def __init__(self, library: "ChunkLibrary", watch: Stopwatch) -> None:
        self._library = library
        self._watch = watch
        self.chunks = library.chunks
        self.chunk_range = library.chunk_range
        self.chunk_ids = library.chunk_ids
        self.document_text = library.document_text
        self.tables = library.tables

    def full_text_search(self, question: str, k: int, filter: Filter = _EVERYTHING) -> list[tuple[int, float]]:
        with self._watch.step("keyword"):
            return self._library.full_text_search(question, k, filter)
