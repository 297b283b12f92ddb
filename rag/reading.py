"""Which passage holds the answer, and where: the reader's view of passages of any length.

The reader takes about 300 tokens at once, so a long passage is read in windows that end between sentences. Knows the
reader only by the ``SpanReader`` protocol, and nothing of how answers are worded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rag.protocols import Reranker
from rag.sentences import cached_sentences
from rag.types import Passage

WINDOW = 1100  # characters, about 240 tokens of English, a chunk's length: the reader was trained on such
_MOST_WINDOWS = 10  # read for one question, of the best passages; each costs about 15 ms on two cores
_EDGE = " \t\r\n-–—•*|,;:.。、"
_NEAR = 5  # windows among which the answer is chosen


class SpanRead(Protocol):
    """One reading: ``start:end`` are characters of the passage that was read."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def confidence(self) -> float: ...
    @property
    def rank_score(self) -> float: ...
    @property
    def answer_score(self) -> float: ...


class SpanReader(Protocol):
    """``rag.reader_model.ReaderReranker``, or a fake."""

    def read(self, question: str, passages: Sequence[Passage]) -> Sequence[SpanRead]:
        """One reading a passage, in the passages' order."""
        ...


class RankingReader(Reranker, SpanReader, Protocol):
    """Orders hits, and reads answers from passages."""


@dataclass(frozen=True, slots=True)
class Found:
    """A likely answer: ``passage.text[start:end]``, and the probability that it answers the question."""

    passage: Passage
    start: int
    end: int
    confidence: float

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


def find_spans(question: str, passages: Sequence[Passage], reader: SpanReader) -> list[Found]:
    """The likeliest answers, best first, at most one a window; empty when there is nothing to read."""
    windows = [(passage, start, end) for passage in passages for start, end in windows_of(passage.text)]
    windows = windows[:_MOST_WINDOWS]
    parts = [
        replace(passage, text=passage.text[start:end], start=passage.start + start, end=passage.start + end)
        for passage, start, end in windows
    ]
    readings = reader.read(question, parts) if parts else []
    near = sorted(range(len(readings)), key=lambda i: -readings[i].rank_score)[:_NEAR]
    best = [(readings[i], windows[i]) for i in sorted(near, key=lambda i: -readings[i].answer_score)]
    return [
        Found(passage, *tidied(passage.text, first + reading.start, first + reading.end), reading.confidence)
        for reading, (passage, first, _) in best
        if passage.text[first + reading.start : first + reading.end].strip(_EDGE)
    ]


def tidied(text: str, start: int, end: int) -> tuple[int, int]:
    """The span within one paragraph, without white space, list marks and full stops at its ends."""
    while text[start] in _EDGE:
        start += 1
    gap = text.find("\n\n", start, end)
    end = end if gap < 0 else gap
    while text[end - 1] in _EDGE:
        end -= 1
    return start, end


def windows_of(text: str) -> list[tuple[int, int]]:
    """Spans of at most about WINDOW characters that end between sentences and cover everything but white space."""
    windows: list[tuple[int, int]] = []
    for start, end in cached_sentences(text):
        if windows and end - windows[-1][0] <= WINDOW:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows
