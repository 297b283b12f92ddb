"""Finds the likeliest answers in passages of any length.

The reader takes about 300 tokens at once, so a long passage is read in windows: the chunks that it was merged from and
what lies between them. A chunk that the reranker has read already brings its reading along (``Hit.reading``).
"""

from collections.abc import Sequence
from dataclasses import replace

from rag.protocols import SpanReader
from rag.text.language import is_english
from rag.text.sentences import cached_sentences
from rag.types import Passage, Reading

WINDOW = 1100  # characters, about 240 tokens of English, a chunk's length: the reader was trained on such
_MOST_WINDOWS = 10  # read for one question, of the best passages; each costs about 15 ms on two cores
_EDGE = " \t\r\n-–—•*|,;:.。、"
_UNLIKELY = 0.3  # confidence of the best reading in English below which other languages are asked
_NEAR = 5  # windows among which the answer is chosen


def find_spans(question: str, passages: Sequence[Passage], reader: SpanReader) -> list[Reading]:
    """The likeliest answers, best first, at most one a window; empty when there is nothing to read.

    The surest one is always among them: windows of other languages are ranked on a scale of their own.
    """
    windows = [window for passage in passages for window in windows_of(passage)][:_MOST_WINDOWS]
    read = list(zip(_readings(question, windows, reader), windows, strict=True))
    near = sorted(read, key=lambda each: -each[0].rank_score)[:_NEAR]
    near += [each for each in sorted(read, key=lambda each: -each[0].confidence)[:1] if each not in near]
    best = sorted(near, key=lambda each: -each[0].answer_score)
    return [_tidy(reading, window) for reading, window in best if reading.span.text.strip(_EDGE)]


def passage_of(reading: Reading, passages: Sequence[Passage]) -> Passage:
    """The passage that something was read in."""
    return next(passage for passage in passages if passage.span(0, len(passage.text)).contains(reading.span))


def _readings(question: str, windows: Sequence[Passage], reader: SpanReader) -> list[Reading]:
    """What the reranker read in the windows' chunks; the other windows are read now."""
    known = [window.hits[0].reading if window.hits else None for window in windows]
    unread = [window for window, reading in zip(windows, known, strict=True) if reading is None]
    new = iter(reader.read(question, unread) if unread else ())
    return [next(new) if reading is None else reading for reading in known]


def _tidy(reading: Reading, window: Passage) -> Reading:
    start, end = tidied(window.text, reading.span.start - window.start, reading.span.end - window.start)
    return replace(reading, span=window.span(start, end))


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
    for hit in passage.hits:
        chunk = hit.chunk
        if not position <= chunk.start < chunk.end <= passage.end:  # the passage was cut
            continue
        windows += _between(passage, position, chunk.start)
        window = _cut(passage, chunk.start, chunk.end)
        windows.append(replace(window, heading_path=chunk.heading_path, hits=(hit,)))
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
    return replace(passage, start=start, end=end, text=text, hits=())


def read_first_elsewhere(passages: Sequence[Passage], readings: Sequence[Reading]) -> list[Reading]:
    """What was read in passages of another language than English, where nothing likely was read in English."""
    elsewhere = [reading for reading in readings if not is_english(passage_of(reading, passages).text)]
    others = (reading.confidence for reading in readings if reading not in elsewhere)
    return elsewhere if max(others, default=0.0) < _UNLIKELY else []
