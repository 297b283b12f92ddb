"""Question and numbered passages in, an answer of one to three sentences quoted from them out, each with its ``[n]``.

The answerer for when no language model is there. It chooses and quotes, it never words anything itself, so every
statement stands in a document. With a reader, the sentence that the reader read an answer from mostly comes first, and
the answer names those words (``Answer.span``). Where the evidence is weak it says so (``found`` false). A request for a
summary gets the leading and most central sentences instead. Knows neither library nor retrieval.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.answer.citations import Locate, Numbering, citation_for
from rag.answer.evidence import Candidate, found_features, found_probability, holds, rank_sentences
from rag.answer.quote import (
    LONGEST_QUOTE,
    PARAGRAPH,
    cut,
    is_closed,
    paragraph_end,
    readable,
    with_items,
    with_siblings,
)
from rag.answer.reading import Found, SpanReader, find_spans
from rag.answer.summary import overview
from rag.protocols import Embedder
from rag.query.query import Question, analyse, is_english, with_news_first
from rag.text.markers import AnswerPart, word_by_word
from rag.text.sentences import cached_sentences
from rag.text.words import stem, weight, words
from rag.types import Answer, AnswerEvent, Citation, Passage, Span, TextDelta, Turn

NOT_FOUND = "I could not find this in your documents."
FOUND_AT = 0.3  # probability; benchmarks/answers.py prints what it refuses rightly and wrongly
FOUND_AT_READ = 0.14  # ... with a reader; more would refuse tables and lists, which it reads less well
MOST_SENTENCES = 3
_ALSO_AT = 0.15  # odds against the best sentence at which another one is quoted too
_ALSO_ELSEWHERE_AT = 0.4  # ... that comes from another document, or lacks the date, number or name asked for

LEANS_BACK = re.compile(
    r"(?:he|she|it|they|his|her|its|their|this|these|those|that|such|there|however|therefore|thus|also|but|and|then|er|sie|"
    r"es|il|elle|ils|elles|dies\w*)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quote:
    """A span of a passage that goes into the answer; ``score`` is the probability that it belongs there."""

    passage: Passage
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Choice:
    """The quotes of an answer, in the order in which they are read; none where the evidence is weak.

    ``spans`` is what the reader found, best first; ``confidence`` the probability that the documents hold the answer,
    None where nothing was measured. ``overview`` where a summary was asked for.
    """

    quotes: tuple[Quote, ...] = ()
    spans: tuple[Found, ...] = ()
    confidence: float | None = None
    overview: bool = False


class ExtractiveAnswerer:
    """Implements the Answerer protocol with the embedder and, where there is one, a reader.

    ``found_at`` None is the calibrated threshold."""

    def __init__(
        self,
        embedder: Embedder,
        locate: Locate | None = None,
        found_at: float | None = None,
        reader: SpanReader | None = None,
    ) -> None:
        self._embedder = embedder
        self._locate = locate
        self._reader = reader
        self._found_at = found_at

    @property
    def name(self) -> str:
        return "extractive"

    def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Iterator[AnswerEvent]:
        """Yields the answer a sentence at a time. ``history`` tells what of the complete question is new."""
        yield from self.written(self.choose(question, passages, history))

    def written(self, choice: Choice) -> Iterator[AnswerEvent]:
        """The answer that a choice of quotes makes."""
        if not choice.quotes:
            refusal = (AnswerPart(NOT_FOUND),)
            yield TextDelta(refusal)
            yield Answer(refusal, found=False, citations=(), answerer=self.name, confidence=choice.confidence)
            return
        written: list[AnswerPart] = []
        citations: list[Citation] = []
        numbering = Numbering()
        for quote in choice.quotes:
            number = numbering.of(quote.passage)
            part = AnswerPart(_worded(quote, [before.text for before in written]), (number,))
            cited = citation_for(quote.passage, quote.start, quote.end, self._locate, quote.score, number)
            citations.append(cited)
            written.append(part)
            *words_before, last = word_by_word([part])
            for word in words_before:
                yield TextDelta((word,))
            yield TextDelta((last,), (cited,))
        span = span_within(choice.spans, citations)
        yield Answer(tuple(written), True, tuple(citations), self.name, span, choice.confidence)

    def choose(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Choice:
        """What to quote, and how sure that is."""
        asked = with_news_first(analyse(question), history)
        usable = [passage for passage in passages if passage.text.strip()]
        if not usable:
            return Choice()
        if asked.overview:
            spans = overview(asked, usable, self._embedder)
            quotes = [Quote(p, *cut(p.text, start, end, start), p.score) for p, start, end in spans]
            return Choice(tuple(quotes), overview=True)
        # The reader learnt from English alone; of other languages it is sure and wrong.
        reader = self._reader if is_english(question) else None
        read = None if reader is None else find_spans(question, usable, reader)
        ranked = rank_sentences(asked, usable, self._embedder, read or ())
        if not ranked:
            return Choice(spans=tuple(read or ()))
        probability = found_probability(found_features(asked, ranked), read)
        chosen: list[Quote] = []
        if probability >= self._threshold(read is not None):
            for candidate in _selected(ranked):
                score = probability * math.exp(candidate.score - ranked[0].score)
                _add(chosen, _quoted(asked, candidate, score, read or (), first=not chosen))
        return Choice(tuple(chosen), tuple(read or ()), probability)

    def _threshold(self, read: bool) -> float:
        if self._found_at is not None:
            return self._found_at
        return FOUND_AT_READ if read else FOUND_AT


def span_within(spans: Sequence[Found], citations: Sequence[Citation]) -> Span | None:
    """The reader's best span inside the first quote that holds one."""
    for citation in citations:
        for found in spans:
            start, end = found.passage.start + found.start, found.passage.start + found.end
            if found.passage.document.id == citation.document_id and citation.start <= start < end <= citation.end:
                return Span(citation.document_id, start, end, found.text)
    return None


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


def _quoted(question: Question, candidate: Candidate, score: float, read: Sequence[Found], *, first: bool) -> Quote:
    """The span to quote: with what it announces, answers or leans on, or cut around what was read from it or the words
    of the question."""
    passage = candidate.passage
    start, end = with_items(passage.text, candidate.start, candidate.end)
    if question.expected == "list":
        start, end = with_siblings(passage.text, start, end)
    if candidate.features["answers"] > 0:
        end = max(end, paragraph_end(passage.text, end))
    if end == candidate.end:
        inside = next((span.start for span in read if holds(candidate, span)), None)
        start, end = cut(passage.text, start, end, _focus(question, candidate) if inside is None else inside)
        if first and candidate.features["context"] > 0 and LEANS_BACK.match(candidate.text):
            before = _start_before(candidate)
            start = before if end - before <= LONGEST_QUOTE else start
    return Quote(passage, start, end, score)


def _focus(question: Question, candidate: Candidate) -> int:
    """Where in a long sentence the most of the question stands close together."""
    places = [(start, weight(stem(word))) for word, start, _ in words(candidate.text) if stem(word) in question.terms]
    near = [sum(w for other, w in places if 0 <= other - start < LONGEST_QUOTE // 2) for start, _ in places]
    return candidate.start + (places[near.index(max(near))][0] if places else 0)


def _worded(quote: Quote, before: Sequence[str]) -> str:
    """The quote as it is read, and what joins it to the texts before and to its marker."""
    shown = readable(quote.passage.text, quote.start, quote.end)
    own_line = "\n" in shown or not is_closed(shown) or any("\n" in text for text in before)
    joint = "" if not before else "\n\n" if own_line else " "
    return f"{joint}{shown} "
