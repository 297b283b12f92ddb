"""The JSON documents of questions, answers and conversations, made from the dataclasses of rag.types and app.events."""

from collections.abc import Iterable
from typing import Any, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field

from app import events
from app.api.shapes.base import ErrorLine, Shape
from rag import types
from rag.text import markers


class Span(Shape):
    """The words that answer a question: characters ``start`` to ``end`` (exclusive) of the document's text."""

    document_id: int
    start: int
    end: int
    text: str


class Citation(Shape):
    """Where a statement stands: characters ``start`` to ``end`` (exclusive) of the document's text are ``quote``.

    ``page`` counts from 1; ``page_label`` is the number printed on that page, where it is another one; ``start_s`` is a
    position in a recording in seconds.
    """

    number: int
    source: str
    title: str
    page: int | None
    page_label: str | None
    start_s: float | None
    quote: str
    start: int
    end: int
    score: float
    document_id: int

    @classmethod
    def of(cls, citation: types.Citation) -> Self:
        return cls.model_validate(citation).model_copy(update={"score": round(citation.score, 6)})


class Writing(Shape):
    """What a language model wrote for an answer: tokens, and how many a second after the first."""

    tokens: int
    tok_s: float

    @classmethod
    def of(cls, writing: types.Writing | None) -> Self | None:
        return None if writing is None else cls(tokens=writing.tokens, tok_s=round(writing.tok_s, 1))


class AnswerPart(Shape):
    """A stretch of an answer, and the numbers of the citations behind it; ``supported`` is false where none is."""

    text: str
    citations: list[int]
    supported: bool

    @classmethod
    def of(cls, part: markers.AnswerPart) -> Self:
        return cls(text=part.text, citations=list(part.numbers), supported=part.supported)


class Question(Shape):
    question: str


class AnswerReply(Question):
    """A finished answer. ``found`` is false when the documents do not hold it, as far as can be told; what is quoted
    then is the nearest passage.

    ``span`` is what the reader model read out, ``confidence`` its probability that there is an answer, ``timings_ms``
    the milliseconds of each step. ``writing`` is null where no language model wrote the answer to its end.
    """

    answer: str
    parts: list[AnswerPart]
    found: bool
    span: Span | None
    confidence: float | None
    citations: list[Citation]
    timings_ms: dict[str, float]
    answerer: str
    writing: Writing | None
    conversation: str | None
    stopped: bool

    @classmethod
    def of(cls, question: str, done: events.Answered) -> Self:
        return cls(
            question=question,
            **_written(done.answer),
            timings_ms={name: round(value, 3) for name, value in done.timings_ms.items()},
            conversation=done.conversation_id,
            stopped=done.stopped,
        )


def _written(answer: types.Answer) -> dict[str, Any]:
    """Returns the fields that an answer has wherever it is shown."""
    return {
        "answer": answer.text,
        "parts": parts(answer.parts),
        "found": answer.found,
        "span": None if answer.span is None else Span.model_validate(answer.span),
        "confidence": None if answer.confidence is None else round(answer.confidence, 4),
        "citations": [Citation.of(citation) for citation in answer.citations],
        "answerer": answer.answerer,
        "writing": Writing.of(answer.writing),
    }


def parts(found: Iterable[markers.AnswerPart]) -> list[AnswerPart]:
    return [AnswerPart.of(part) for part in found]


class Passage(Shape):
    """A stretch of a document that an answer is written from."""

    number: int
    text: str
    source: str
    title: str
    page: int | None
    page_label: str | None
    start_s: float | None
    start: int
    end: int
    score: float
    document_id: int

    @classmethod
    def of(cls, passage: types.Passage) -> Self:
        return cls(
            number=passage.number,
            text=passage.text,
            source=passage.document.path,
            title=passage.document.title,
            page=passage.page,
            page_label=passage.page_label,
            start_s=passage.start_s,
            start=passage.start,
            end=passage.end,
            score=round(passage.score, 6),
            document_id=passage.document.id,
        )


class Hit(Shape):
    """A chunk that a search found; the ranks count from 1 and are null where that search did not find it."""

    text: str
    source: str
    title: str
    heading_path: list[str]
    page: int | None
    page_label: str | None
    start_s: float | None
    start: int
    end: int
    score: float
    dense_rank: int | None
    keyword_rank: int | None
    document_id: int

    @classmethod
    def of(cls, hit: types.Hit) -> Self:
        return cls(
            text=hit.chunk.text,
            source=hit.document.path,
            title=hit.document.title,
            heading_path=list(hit.chunk.heading_path),
            page=hit.chunk.page,
            page_label=hit.chunk.page_label,
            start_s=hit.chunk.start_s,
            start=hit.chunk.start,
            end=hit.chunk.end,
            score=round(hit.score, 6),
            dense_rank=hit.dense_rank,
            keyword_rank=hit.keyword_rank,
            document_id=hit.document.id,
        )


class SearchReply(Question):
    hits: list[Hit]
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, question: str, hits: Iterable[types.Hit], timings_ms: dict[str, float]) -> Self:
        return cls(question=question, hits=[Hit.of(hit) for hit in hits], timings_ms=timings_ms)


class RetrievedLine(Shape):
    """The first line of a streamed answer: the question that was searched for and what was found."""

    event: Literal["retrieved"] = "retrieved"
    question: str
    passages: list[Passage]


class SearchedLine(Shape):
    """A further search by the language model, with ``answer.mode: agent``, and the passages that it brought."""

    event: Literal["searched"] = "searched"
    question: str
    passages: list[Passage]


class ThoughtLine(Shape):
    """A piece of what the language model thinks before it answers."""

    event: Literal["thought"] = "thought"
    text: str


class TextLine(Shape):
    """A piece of a streamed answer. ``citations`` are those that became known with it, left out where none did."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    event: Literal["text"]
    text: str
    parts: list[AnswerPart]
    citations: list[Citation] = Field(default=[], exclude_if=lambda citations: not citations)


class AnsweredEvent(Shape):
    event: Literal["answered"] = "answered"


class AnsweredLine(AnswerReply, AnsweredEvent):
    """The last line of a streamed answer."""


AnswerLine: TypeAlias = RetrievedLine | SearchedLine | ThoughtLine | TextLine | AnsweredLine | ErrorLine


def answer_line(question: str, event: events.AskEvent) -> AnswerLine:
    """Makes the line of a stream that reports ``event``."""
    if isinstance(event, events.Retrieved):
        found = [Passage.of(passage) for passage in event.passages]
        return RetrievedLine(question=event.question, passages=found)
    if isinstance(event, events.Searched):
        return SearchedLine(question=event.question, passages=[Passage.of(passage) for passage in event.passages])
    if isinstance(event, types.ThoughtDelta):
        return ThoughtLine(text=event.text)
    if isinstance(event, events.Answered):
        return AnsweredLine.of(question, event)
    citations = [Citation.of(citation) for citation in event.citations]
    return TextLine(event="text", text=event.text, parts=parts(event.parts), citations=citations)


class Looked(Shape):
    """A passage that was read for an answer, without its text."""

    document_id: int
    title: str
    start: int
    end: int
    page: int | None
    page_label: str | None
    start_s: float | None
    score: float


class Work(Shape):
    """How an answer came about: milliseconds of its steps, the passages that were read, what the language model
    searched for besides, and what it thought."""

    timings_ms: dict[str, float]
    passages: list[Looked]
    searches: list[str]
    thought: str


class Exchange(Question):
    """One question of a conversation with its answer.

    ``searched`` is the question as it was completed for the search, null where it needed no help. ``asked_at`` is a
    Unix time in seconds. ``id`` names the exchange within its conversation, ``parent`` the exchange that it follows (0:
    none); ``versions`` are those that were asked in place of one another, oldest first, itself among them. ``work`` is
    null for answers of earlier versions of Docent; ``feedback`` is 1 (good), -1 (bad) or 0.
    """

    id: int
    parent: int
    versions: list[int]
    answer: str
    parts: list[AnswerPart]
    found: bool
    span: Span | None
    confidence: float | None
    citations: list[Citation]
    answerer: str
    writing: Writing | None
    searched: str | None
    stopped: bool
    asked_at: float
    work: Work | None
    feedback: int

    @classmethod
    def of(cls, exchange: events.Exchange) -> Self:
        return cls(
            id=exchange.id,
            parent=exchange.parent,
            versions=list(exchange.versions),
            question=exchange.question,
            **_written(exchange.answer),
            searched=exchange.searched,
            stopped=exchange.stopped,
            asked_at=exchange.asked_at,
            work=None if exchange.work is None else Work.model_validate(exchange.work),
            feedback=exchange.feedback,
        )


class Conversation(Shape):
    """A conversation as it was kept, oldest exchange first: the branch that is shown, or a part of it, or all."""

    id: str
    exchanges: list[Exchange]

    @classmethod
    def of(cls, conversation_id: str, exchanges: Iterable[events.Exchange]) -> Self:
        return cls(id=conversation_id, exchanges=[Exchange.of(exchange) for exchange in exchanges])


class Unloaded(Shape):
    """``unloaded`` is false while the model answers."""

    unloaded: bool
