"""Which passage holds the answer, and where: the reader's view of passages of any length.

The reader takes about 300 tokens at once, so a long passage is read in windows: the chunks that it was merged from,
which the reader knows from reordering the hits, and what lies between them. Knows the reader only by the ``SpanReader``
protocol, and nothing of how answers are worded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rag.protocols import Reranker
from rag.text.sentences import cached_sentences
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
    """``rag.models.extractive_reader.ReaderReranker``, or a fake."""

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
    windows = [(passage, window) for passage in passages for window in windows_of(passage)][:_MOST_WINDOWS]
    parts = [window for _, window in windows]
    readings = reader.read(question, parts) if parts else []
    near = sorted(range(len(readings)), key=lambda i: -readings[i].rank_score)[:_NEAR]
    best = [(readings[i], windows[i]) for i in sorted(near, key=lambda i: -readings[i].answer_score)]
    return [
        _found(passage, window.start - passage.start, reading)
        for reading, (passage, window) in best
        if window.text[reading.start : reading.end].strip(_EDGE)
    ]


def _found(passage: Passage, first: int, reading: SpanRead) -> Found:
    """What was read in a window that begins at ``first`` of a passage."""
    return Found(passage, *tidied(passage.text, first + reading.start, first + reading.end), reading.confidence)


def tidied(text: str, start: int, end: int) -> tuple[int, int]:
    """The span within one paragraph, without white space, list marks and full stops at its ends."""
    while text[start] in _EDGE:
        start += 1
    gap = text.find("\n\n", start, end)
    end = end if gap < 0 else gap
    while text[end - 1] in _EDGE:
        end -= 1
    return start, end


def windows_of(passage: Passage) -> list[Passage]:
    """The parts of a passage that are read one at a time, in order."""
    windows: list[Passage] = []
    position = passage.start
    for chunk in passage.chunks:
        if not position <= chunk.start < chunk.end <= passage.end:  # the passage was cut
            continue
        windows += _between(passage, position, chunk.start)
        windows.append(replace(_cut(passage, chunk.start, chunk.end), heading_path=chunk.heading_path))
        position = chunk.end
    return windows + _between(passage, position, passage.end)


def _between(passage: Passage, first: int, last: int) -> list[Passage]:
    """A stretch of a passage in windows of at most about WINDOW characters that end between sentences."""
    spans: list[tuple[int, int]] = []
    for start, end in cached_sentences(passage.text[first - passage.start : last - passage.start]):
        if spans and end - spans[-1][0] <= WINDOW:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return [_cut(passage, first + start, first + end) for start, end in spans]


def _cut(passage: Passage, start: int, end: int) -> Passage:
    """The part between two positions of the document."""
    text = passage.text[start - passage.start : end - passage.start]
    return replace(passage, start=start, end=end, text=text, chunks=())
