"""Answers by a small language model, which the reader guides and whose sentences are verified.

    quotes chosen by reader and evidence
      -> none: refused, without asking the model
      -> a sentence that can be read alone, a list, a table, an overview, another language: the quotes
      -> else the model words a sentence from the passages and the span that was read
           -> verified (``verify``, and by a reader that judges statements): the sentence, else the quotes

A small model is right less often than the sentence it was given, so it is asked where that sentence leans on others,
is long or is none. Nothing of it is shown before it was verified, and nothing that was shown is taken back.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from rag.answer.citations import Locate, Numbering, citation_for
from rag.answer.extractive import Choice, ExtractiveAnswerer, span_within
from rag.answer.generation.cited_stream import best_quote
from rag.answer.generation.generative import Reply, TextGenerator
from rag.answer.generation.small_model_prompt import ANSWER_TOKENS, PROMPT_TOKENS, Hint, build_nano_prompt
from rag.answer.generation.thoughts import spoken
from rag.answer.generation.verify import Verified, rambles, verify
from rag.answer.quote import LEANS_BACK, Quote, is_closed, readable
from rag.answer.reading import windows_of
from rag.answer.rows import row_at
from rag.protocols import ClaimJudge, Embedder
from rag.text.language import is_english
from rag.text.markers import joined, renumbered, tell_markers, word_by_word
from rag.text.sentences import is_list_item
from rag.types import Answer, AnswerEvent, Citation, Passage, Query, Span, TextDelta, Writing

_PASSAGES = 3  # given to the model, a window of each
_LONG = 200  # characters of a quote that is tedious to read for a few words
_SUPPORTED = 0.5  # probability from which a statement counts as supported: 88 % of true ones, 9 % of changed ones
_LEAST_READ = 0.75  # confidence of the reader below which its words are not made a statement
_LEAST_WORDS = 3  # of a question; fewer are keywords
_ASKS = re.compile(
    r"\W*(?:(?:in|at|on|by|for|from|to|with|of) )?(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|"
    r"does|did|can|could|has|have|had|will|would|should|may|must)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\W*(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|may|must)\b", re.I)
_ASKS_TWICE = re.compile(r"\band (?:who|what|when|where|which|why|how)\b", re.IGNORECASE)
_NO_PROSE = (
    "text/x-",
    "text/csv",
    "text/tab",
    "application/json",
    "application/x",
    "application/vnd.openxmlformats-officedocument.spread",
)
_FIELDS = re.compile(r"\w: [^;|\n]+[;|\n]\s*[^:\n]{1,40}: | \| ")  # "name: value; name: value"
_LABELLED = re.compile(r"[^\w\n]*[^\W\d_][\w’'-]*(?: [\w’'-]+){0,2}[*_]*: ")  # "Piet: order the paint"


@dataclass(frozen=True, slots=True)
class _Task:
    """What the model is asked to word: the quotes to fall back on and the span that the first of them holds."""

    query: Query
    choice: Choice
    span: Span | None


class SmallModelAnswerer:
    """``quotes`` chooses and words what is shown where the model's sentence is not."""

    def __init__(
        self,
        generator: TextGenerator,
        quotes: ExtractiveAnswerer,
        embedder: Embedder | None = None,
        locate: Locate | None = None,
        judge: ClaimJudge | None = None,
    ) -> None:
        self._generator = generator
        self._quotes = quotes
        self._embedder = embedder
        self._locate = locate
        self._judge = judge

    @property
    def name(self) -> str:
        return self._generator.name

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        """Yields empty deltas while the model works, so that a caller can stop it there too."""
        choice = self._quotes.choose(query, passages)
        task = _Task(query, choice, _span_in(choice))
        verified: Verified | None = None
        writing: Writing | None = None
        if _is_for_the_model(task):
            near = _near(choice, task.span, passages)
            reply, told = "", Reply(self._reply(task, near))
            for piece in told:
                reply += piece
                yield TextDelta()
            writing = told.writing
            must_hold = None if task.span is None else task.span.text
            verified = verify(reply, query, near, self._embedder, must_hold)
        if verified is None or not self._is_supported(verified):
            yield from self._quotes.written(query, choice)
        else:
            yield from self._written(verified, task, writing)

    def _is_supported(self, verified: Verified) -> bool:
        """Whether it states something, and the judge finds every statement supported by the passage that it comes
        from."""
        if _QUESTION.match(verified.parts[0].text if verified.parts else ""):
            return False
        if self._judge is None:
            return True
        for claim, passage in verified.cited:
            chances = self._judge.supports(claim, [passage])
            if chances is not None and chances[0] < _SUPPORTED:
                return False
        return True

    def _reply(self, task: _Task, near: Sequence[Passage]) -> Generator[str, None, Writing | None]:
        """The model's reply with the numbers of passages, in pieces; ends early where it rambles."""
        budget = min(PROMPT_TOKENS, self._generator.context - ANSWER_TOKENS)
        hint = None if task.span is None else _hint(task.span, near)
        prompt = build_nano_prompt(task.query.text, near, (), hint, self._generator.count_tokens, budget)
        reply = ""
        numbers = {label: passage.number for label, passage in prompt.labels.items()}
        with closing(Reply(self._generator.stream(prompt.messages, ANSWER_TOKENS))) as told:
            for piece in tell_markers(spoken(told), numbers):
                reply += piece
                yield piece
                if rambles(reply):
                    return None
        return told.writing

    def _written(self, verified: Verified, task: _Task, writing: Writing | None) -> Iterator[AnswerEvent]:
        numbering = Numbering()
        citations = [self._citation(claim, passage, task, numbering.of(passage)) for claim, passage in verified.cited]
        numbers = {passage.number: numbering.of(passage) for _, passage in verified.cited}
        parts = joined(renumbered(verified.parts, numbers))
        *words, last = word_by_word(parts)
        for word in words:
            yield TextDelta((word,))
        yield TextDelta((last,), tuple(citations))
        span = span_within(task.choice.readings, citations)
        yield Answer(parts, True, tuple(citations), self.name, span, task.choice.confidence, writing)

    def _citation(self, claim: str, passage: Passage, task: _Task, number: int) -> Citation:
        """Where a claim stands: the quote with the span, if it comes from there, else the sentence most like it."""
        quote = task.choice.quotes[0]
        if task.span is not None and quote.passage.number == passage.number and _says(claim, task.span.text):
            return citation_for(quote.passage, quote.start, quote.end, self._locate, quote.score, number)
        return citation_for(passage, *best_quote(claim, passage.text), self._locate, number=number)


def _is_for_the_model(task: _Task) -> bool:
    """Whether a sentence is wanted and a small model can be trusted to word it."""
    if not task.choice.quotes or task.choice.overview or task.choice.is_nearest:
        return False
    if task.span is None and task.choice.readings:  # the reader was asked, and the best evidence is elsewhere
        return False
    if task.span is not None and not _can_be_worded(task, task.span):
        return False
    question = task.query.text
    if task.query.kind == "list" or len(question.split()) < _LEAST_WORDS:
        return False
    if not _ASKS.match(question) or _ASKS_TWICE.search(question):
        return False
    first = task.choice.quotes[0]
    return _is_prose(first) and not _reads_alone(first) and task.query.is_english and is_english(first.text)


def _can_be_worded(task: _Task, span: Span) -> bool:
    """Whether the reader is sure of its words and they are no name with what is said of it ("Margaret, then 24")."""
    sure = task.choice.readings[0].confidence >= _LEAST_READ
    return sure and not (task.query.kind == "person" and "," in span.text)


def _is_prose(quote: Quote) -> bool:
    text = quote.passage.text
    if quote.passage.document.media_type.startswith(_NO_PROSE):
        return False
    if _FIELDS.search(quote.text) or _LABELLED.match(quote.text):
        return False
    return row_at(quote.passage, quote.start) is None and not is_list_item(text, quote.start, quote.end)


def _reads_alone(quote: Quote) -> bool:
    """Whether a quote is a sentence of bearable length that a person understands without those around it."""
    shown = readable(quote.passage, quote.start, quote.end)
    leans = LEANS_BACK.match(shown) or shown[:1].islower() or shown.startswith("…")
    return not leans and is_closed(shown) and len(shown) <= _LONG and "\n" not in shown


def _span_in(choice: Choice) -> Span | None:
    """The surest span that the first quote holds."""
    spans = (reading.span for reading in choice.readings)
    return next((span for span in spans if choice.quotes and choice.quotes[0].span.contains(span)), None)


def _near(choice: Choice, span: Span | None, passages: Sequence[Passage]) -> list[Passage]:
    """The quoted passage and the next best ones, each cut to the window that holds the quote or a span."""
    first = choice.quotes[0]
    order = [first.passage, *(p for p in passages if p.number != first.passage.number and p.text.strip())]
    places = [first.span if span is None else span, *(reading.span for reading in choice.readings)]
    return [_window(passage, places) for passage in order[:_PASSAGES]]


def _window(passage: Passage, places: Sequence[Span]) -> Passage:
    """The window of a passage in which the first of the places within the passage begins; else its first window."""
    own = passage.span(0, len(passage.text))
    start = next((place.start for place in places if own.contains(place)), own.start)
    windows = windows_of(passage)
    return next((window for window in windows if window.start <= start < window.end), windows[0])


def _hint(span: Span, near: Sequence[Passage]) -> Hint | None:
    """The span as a hint, in positions of the window that was cut around it."""
    for passage in near:
        if passage.span(0, len(passage.text)).contains(span):
            return Hint(passage.number, span.start - passage.start, span.end - passage.start)
    return None


def _says(claim: str, words: str) -> bool:
    return " ".join(words.casefold().split()) in " ".join(claim.casefold().split())
