"""Question and numbered passages in, an answer of one to three sentences quoted from them out, each with its ``[n]``.

The answerer for when no language model is there. It chooses and quotes, it never words anything itself, so every
statement stands in a document. Where the evidence is weak it says so (``found`` false). A request for a summary gets
the leading and most central sentences instead. Knows neither library nor retrieval.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.cite import Locate, citation_for
from rag.evidence import Candidate, found_features, found_probability, rank_sentences
from rag.overview import overview
from rag.protocols import Embedder
from rag.question import Question, analyse, with_news_first
from rag.quote import LONGEST_QUOTE, PARAGRAPH, cut, is_closed, paragraph_end, readable, with_items, with_siblings
from rag.sentences import cached_sentences
from rag.types import Answer, AnswerEvent, Citation, Passage, TextDelta, Turn
from rag.words import stem, weight, words

NOT_FOUND = "I could not find this in your documents."
FOUND_AT = 0.3  # probability; benchmarks/answers.py prints what it refuses rightly and wrongly
MOST_SENTENCES = 3
_ALSO_AT = 0.15  # odds against the best sentence at which another one is quoted too
_ALSO_ELSEWHERE_AT = 0.4  # ... that comes from another document, or lacks the date, number or name asked for

_LEANS_BACK = re.compile(
    r"(?:he|she|it|they|his|her|its|their|this|these|those|that|such|there|however|therefore|thus|also|but|and|then|er|sie|"
    r"es|il|elle|ils|elles|dies\w*)\b",
    re.IGNORECASE,
)
_PIECE = re.compile(r"\s*\S+\s*")


@dataclass(frozen=True)
class Quote:
    """A span of a passage that goes into the answer; ``score`` is the probability that it belongs there."""

    passage: Passage
    start: int
    end: int
    score: float


class ExtractiveAnswerer:
    """Implements the Answerer protocol with nothing but the embedder."""

    def __init__(self, embedder: Embedder, locate: Locate | None = None, found_at: float = FOUND_AT) -> None:
        self._embedder = embedder
        self._locate = locate
        self._found_at = found_at

    @property
    def name(self) -> str:
        return "extractive"

    def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Iterator[AnswerEvent]:
        """Yields the answer a sentence at a time. ``history`` tells what of the complete question is new."""
        quotes = self._choose(with_news_first(analyse(question), history), passages)
        if not quotes:
            yield TextDelta(NOT_FOUND)
            yield Answer(NOT_FOUND, found=False, citations=(), answerer=self.name)
            return
        written = ""
        citations: list[Citation] = []
        for quote in quotes:
            piece = _worded(quote, first=not citations, previous=written)
            citations.append(citation_for(quote.passage, quote.start, quote.end, self._locate, quote.score))
            for part in _PIECE.findall(piece):
                written += part
                yield TextDelta(part)
        yield Answer(written, found=True, citations=tuple(citations), answerer=self.name)

    def _choose(self, question: Question, passages: Sequence[Passage]) -> list[Quote]:
        """The quotes that make up the answer, in the order in which they are read; none where evidence is weak."""
        usable = [passage for passage in passages if passage.text.strip()]
        if not usable:
            return []
        if question.overview:
            spans = overview(question, usable, self._embedder)
            return [Quote(p, *cut(p.text, start, end, start), p.score) for p, start, end in spans]
        ranked = rank_sentences(question, usable, self._embedder)
        if not ranked:
            return []
        probability = found_probability(found_features(question, ranked))
        if probability < self._found_at:
            return []
        quotes: list[Quote] = []
        for candidate in _selected(ranked):
            score = probability * math.exp(candidate.score - ranked[0].score)
            quote = _quoted(question, candidate, score, first=not quotes)
            _add(quotes, quote)
        return quotes


def _add(quotes: list[Quote], quote: Quote) -> None:
    """Adds a quote; one that overlaps another is left out, one that goes on where another ends is joined to it."""
    for index, other in enumerate(quotes):
        if other.passage.number != quote.passage.number:
            continue
        if quote.start < other.end and other.start < quote.end:
            return
        start, end = min(quote.start, other.start), max(quote.end, other.end)
        between = quote.passage.text[min(quote.end, other.end) : max(quote.start, other.start)]
        if end - start <= LONGEST_QUOTE and between.isspace() and "\n" not in between:
            quotes[index] = replace(other, start=start, end=end)
            return
    quotes.append(quote)


def _selected(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence and others nearly as good, best first."""
    best = ranked[0]
    chosen = [best]
    for candidate in ranked[1:]:
        if len(chosen) == MOST_SENTENCES or math.exp(candidate.score - best.score) < _ALSO_AT:
            break
        elsewhere = candidate.passage.document.id != best.passage.document.id
        misses = candidate.features["type"] < 0 < best.features["type"]
        if (elsewhere or misses) and math.exp(candidate.score - best.score) < _ALSO_ELSEWHERE_AT:
            continue
        adds = candidate.features["own"] > 0 and not candidate.features["label"]
        if adds and not any(_same(candidate, other) for other in chosen):
            chosen.append(candidate)
    return chosen


def _start_before(candidate: Candidate) -> int:
    """Where the sentence in front of a candidate in the same paragraph begins; its own start where there is none."""
    text = candidate.passage.text
    for (start, end), (next_start, next_end) in pairwise(cached_sentences(text)):
        if next_start <= candidate.start < next_end:
            return start if PARAGRAPH.search(text, end, next_start) is None else candidate.start
    return candidate.start


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates say the same: equal but for white space, or one span (two copies of a document)."""
    return one.text.split() == other.text.split()


def _quoted(question: Question, candidate: Candidate, score: float, *, first: bool) -> Quote:
    """The span to quote: with what it announces, answers or leans on, or cut around the words of the question."""
    passage = candidate.passage
    start, end = with_items(passage.text, candidate.start, candidate.end)
    if question.expected == "list":
        start, end = with_siblings(passage.text, start, end)
    if candidate.features["answers"] > 0:
        end = max(end, paragraph_end(passage.text, end))
    if end == candidate.end:
        start, end = cut(passage.text, start, end, _focus(question, candidate))
        if first and candidate.features["context"] > 0 and _LEANS_BACK.match(candidate.text):
            before = _start_before(candidate)
            start = before if end - before <= LONGEST_QUOTE else start
    return Quote(passage, start, end, score)


def _focus(question: Question, candidate: Candidate) -> int:
    """Where in a long sentence the most of the question stands close together."""
    places = [(start, weight(stem(word))) for word, start, _ in words(candidate.text) if stem(word) in question.terms]
    near = [sum(w for other, w in places if 0 <= other - start < LONGEST_QUOTE // 2) for start, _ in places]
    return candidate.start + (places[near.index(max(near))][0] if places else 0)


def _worded(quote: Quote, *, first: bool, previous: str) -> str:
    """The quote as it is read, with its marker, and what joins it to the text before."""
    shown = readable(quote.passage.text, quote.start, quote.end)
    own_line = "\n" in shown or not is_closed(shown) or "\n" in previous
    joint = "" if first else "\n\n" if own_line else " "
    return f"{joint}{shown} [{quote.passage.number}]"
