"""Answers by a small language model, guided and checked by the reader; implements the Answerer protocol.

    quotes chosen by reader and evidence
      -> none: refused, without asking the model
      -> a sentence that can be read alone, a list, a table, an overview, another language: the quotes
      -> else the model words a sentence from the passages and the span that was read
           -> checked (rag.answer.verify): the sentence, else the quotes

A small model is right less often than the sentence it was given, so it is asked where that sentence leans on others,
is long or is none. Nothing of it is shown before it was checked, and nothing that was shown is taken back. Knows no
engine: the model stands behind the TextGenerator protocol.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from rag.answer.citations import Locate, Numbering, citation_for
from rag.answer.cited_stream import best_quote
from rag.answer.extractive import LEANS_BACK, Choice, ExtractiveAnswerer, Quote, span_within
from rag.answer.generative import TextGenerator
from rag.answer.quote import is_closed, readable
from rag.answer.reading import Found, windows_of
from rag.answer.small_model_prompt import ANSWER_TOKENS, PROMPT_TOKENS, Hint, build_nano_prompt
from rag.answer.verify import Checked, checked_reply, rambles
from rag.protocols import Embedder
from rag.query.query import analyse, is_english
from rag.text.markers import joined, renumbered, tell_markers, word_by_word
from rag.text.sentences import is_list_item, is_table_row
from rag.types import Answer, AnswerEvent, Citation, Passage, TextDelta, Turn

_PASSAGES = 3  # given to the model, a window of each
_LONG = 200  # characters of a quote that is tedious to read for a few words
_LEAST_WORDS = 3  # of a question; fewer are keywords
_ASKS = re.compile(
    r"\W*(?:(?:in|at|on|by|for|from|to|with|of) )?(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|"
    r"does|did|can|could|has|have|had|will|would|should|may|must)\b",
    re.IGNORECASE,
)
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


@dataclass(frozen=True, slots=True)
class _Task:
    """What the model is asked to word: the quotes to fall back on and the span that the first of them holds."""

    question: str
    choice: Choice
    span: Found | None


class GuidedAnswerer:
    """``quotes`` chooses and words what is shown where the model's sentence is not."""

    def __init__(
        self,
        generator: TextGenerator,
        quotes: ExtractiveAnswerer,
        embedder: Embedder | None = None,
        locate: Locate | None = None,
    ) -> None:
        self._generator = generator
        self._quotes = quotes
        self._embedder = embedder
        self._locate = locate

    @property
    def name(self) -> str:
        return self._generator.name

    def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Iterator[AnswerEvent]:
        """Yields empty deltas while the model works, so that a caller can stop it there too."""
        choice = self._quotes.choose(question, passages, history)
        task = _Task(question, choice, _span_in(choice))
        checked: Checked | None = None
        if _is_for_the_model(task):
            near = _near(choice, task.span, passages)
            reply = ""
            for piece in self._reply(task, near):
                reply += piece
                yield TextDelta()
            checked = checked_reply(
                reply, question, near, self._embedder, None if task.span is None else task.span.text
            )
        if checked is None:
            yield from self._quotes.written(choice)
        else:
            yield from self._written(checked, task)

    def _reply(self, task: _Task, near: Sequence[Passage]) -> Iterator[str]:
        """The model's reply with the numbers of passages, in pieces; ends early where it rambles."""
        budget = min(PROMPT_TOKENS, self._generator.context - ANSWER_TOKENS)
        hint = None if task.span is None else _hint(task.span, near)
        prompt = build_nano_prompt(task.question, near, (), hint, self._generator.count_tokens, budget)
        reply = ""
        with closing(self._generator.stream(prompt.messages, ANSWER_TOKENS)) as pieces:
            for piece in tell_markers(pieces, {label: passage.number for label, passage in prompt.labels.items()}):
                reply += piece
                yield piece
                if rambles(reply):
                    return

    def _written(self, checked: Checked, task: _Task) -> Iterator[AnswerEvent]:
        numbering = Numbering()
        citations = [self._citation(claim, passage, task, numbering.of(passage)) for claim, passage in checked.cited]
        numbers = {passage.number: numbering.of(passage) for _, passage in checked.cited}
        parts = joined(renumbered(checked.parts, numbers))
        *words, last = word_by_word(parts)
        for word in words:
            yield TextDelta((word,))
        yield TextDelta((last,), tuple(citations))
        span = span_within(task.choice.spans, citations)
        yield Answer(parts, True, tuple(citations), self.name, span, task.choice.confidence)

    def _citation(self, claim: str, passage: Passage, task: _Task, number: int) -> Citation:
        """Where a claim stands: the quote with the span, if it comes from there, else the sentence most like it."""
        quote = task.choice.quotes[0]
        if task.span is not None and quote.passage.number == passage.number and _says(claim, task.span.text):
            return citation_for(quote.passage, quote.start, quote.end, self._locate, quote.score, number)
        return citation_for(passage, *best_quote(claim, passage.text), self._locate, number=number)


def _is_for_the_model(task: _Task) -> bool:
    """Whether a sentence is wanted and a small model can be trusted to word it."""
    if not task.choice.quotes or task.choice.overview:
        return False
    if task.span is None and task.choice.spans:  # the reader was asked, and the best evidence is elsewhere
        return False
    if analyse(task.question).expected == "list" or len(task.question.split()) < _LEAST_WORDS:
        return False
    if not _ASKS.match(task.question) or _ASKS_TWICE.search(task.question):
        return False
    first = task.choice.quotes[0]
    quote = first.passage.text[first.start : first.end]
    return _is_prose(first) and not _reads_alone(first) and is_english(task.question) and is_english(quote)


def _is_prose(quote: Quote) -> bool:
    text = quote.passage.text
    if quote.passage.document.media_type.startswith(_NO_PROSE) or _FIELDS.search(text[quote.start : quote.end]):
        return False
    return not is_table_row(text, quote.start, quote.end) and not is_list_item(text, quote.start, quote.end)


def _reads_alone(quote: Quote) -> bool:
    """Whether a quote is a sentence of bearable length that a person understands without those around it."""
    shown = readable(quote.passage.text, quote.start, quote.end)
    leans = LEANS_BACK.match(shown) or shown[:1].islower() or shown.startswith("…")
    return not leans and is_closed(shown) and len(shown) <= _LONG and "\n" not in shown


def _span_in(choice: Choice) -> Found | None:
    """The surest span that the first quote holds."""
    return next((span for span in choice.spans if choice.quotes and _within(span, choice.quotes[0])), None)


def _within(span: Found, quote: Quote) -> bool:
    return span.passage.number == quote.passage.number and quote.start <= span.start < span.end <= quote.end


def _near(choice: Choice, span: Found | None, passages: Sequence[Passage]) -> list[Passage]:
    """The quoted passage and the next best ones, each cut to the window that holds the quote or a span."""
    first = choice.quotes[0]
    places = {first.passage.number: first.start if span is None else span.start}
    for found in choice.spans:
        places.setdefault(found.passage.number, found.start)
    order = [first.passage, *(p for p in passages if p.number != first.passage.number and p.text.strip())]
    return [_window(passage, places.get(passage.number, 0)) for passage in order[:_PASSAGES]]


def _window(passage: Passage, around: int) -> Passage:
    windows = windows_of(passage)
    return next((w for w in windows if w.start <= passage.start + around < w.end), windows[0])


def _hint(span: Found, near: Sequence[Passage]) -> Hint | None:
    """The span as a hint, in positions of the window that was cut around it."""
    for passage in near:
        moved = span.passage.start + span.start - passage.start
        if passage.number == span.passage.number and passage.text[moved : moved + len(span.text)] == span.text:
            return Hint(passage.number, moved, moved + len(span.text))
    return None


def _says(claim: str, words: str) -> bool:
    return " ".join(words.casefold().split()) in " ".join(claim.casefold().split())
