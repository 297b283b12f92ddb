"""Answers of a small model behind reader and evidence: shown where they hold, quotes elsewhere, nothing taken back."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import pytest

from rag.answer.extractive import ExtractiveAnswerer
from rag.answer.generation.prompt import Message
from rag.answer.generation.small_model import SmallModelAnswerer
from rag.answer.generation.small_model_prompt import ANSWER_TASK
from rag.answer.refusal import NOT_FOUND
from rag.query.query import make_query
from rag.types import Answer, Passage, TextDelta
from tests.rag.fakes import FakeEmbedder, ScriptedReader, a_document

LIGHT = (
    "It was out for nineteen minutes on 24 November 1911, the only failure in its history. The light cost 34,700 "
    "pounds.\n\nMonth | Visitors\nJuly | 4102\nAugust | 4735"
)
TEA = "Green tea is made of leaves that are not fermented. " * 40 + "\n\nIt came to Portugal in the sixteenth century."
ORDER = "Piet: order more leaves by 4 May"
PASSAGES = [
    Passage(n, a_document(n, title), 100 * n, 100 * n + len(text), text, 1.0 / n)
    for n, title, text in ((1, "A short history", LIGHT), (2, "Tea", f"{TEA}\n\n{ORDER}"))
]
QUESTION = "How long was the light out in 1911?"


@dataclass
class Scripted:
    """Says its reply in pieces of four characters and notes what it was given."""

    reply: str
    name: str = "nano"
    context: int = 2048
    asked: list[Sequence[Message]] = field(default_factory=list)
    sent: int = 0
    closed: bool = False

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) + 4 for message in messages)

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, None]:
        self.asked.append(messages)
        try:
            for start in range(0, len(self.reply), 4):
                self.sent += 1
                yield self.reply[start : start + 4]
        finally:
            self.closed = True


def ask(question: str, model: Scripted, answers: dict[str, float]) -> Answer:
    embedder = FakeEmbedder(dimension=256)
    quotes = ExtractiveAnswerer(embedder, reader=ScriptedReader(answers))
    *deltas, answer = SmallModelAnswerer(model, quotes, embedder).answer(make_query(question), PASSAGES)
    assert isinstance(answer, Answer)
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == answer.text
    return answer


def test_the_models_sentence_is_shown_with_a_quote_that_holds_the_span() -> None:
    model = Scripted("In 1911 the light was out for nineteen minutes [1].")
    answer = ask(QUESTION, model, {"nineteen minutes": 0.98})
    assert answer.text == model.reply
    assert answer.answerer == "nano"
    assert answer.span is not None
    assert answer.span.text == "nineteen minutes"
    (citation,) = answer.citations
    assert citation.start <= answer.span.start < answer.span.end <= citation.end
    assert LIGHT[citation.start - 100 : citation.end - 100] == citation.quote
    assert answer.confidence is not None


def test_the_model_gets_short_passages_and_what_was_read() -> None:
    model = Scripted("Tea came to Portugal in the sixteenth century [2].")
    answer = ask("When did tea come to Portugal?", model, {"sixteenth century": 0.98})
    assert answer.text == "Tea came to Portugal in the sixteenth century [1]."  # numbered by first mention
    assert answer.citations[0].document_id == 2
    (messages,) = model.asked
    assert messages[0].content.startswith(ANSWER_TASK)
    assert len(messages[0].content) < 2500
    assert "sixteenth century" in messages[0].content
    assert "Reader: sixteenth century" in messages[-1].content


@pytest.mark.parametrize(
    "reply",
    [
        "The light was out for ninety minutes [1].",
        "The only failure in its history was in November 1911 [1].",  # true, but not what was asked
        "I could not find this in your documents.",
        "",
        "the light was out and the light was out and the light was out and the light was out and " * 5,
    ],
)
def test_a_sentence_that_does_not_hold_gives_way_to_the_quote(reply: str) -> None:
    answer = ask(QUESTION, Scripted(reply), {"nineteen minutes": 0.98})
    assert answer.answerer == "extractive"
    assert answer.text.startswith("It was out for nineteen minutes on 24 November 1911")
    assert answer.found


def test_a_model_that_turns_in_circles_is_stopped() -> None:
    model = Scripted("the light was out and " * 100)
    ask(QUESTION, model, {"nineteen minutes": 0.98})
    assert model.closed
    assert model.sent < 40


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("Who won the 1998 football championship in Peru?", {}),  # refused
        ("Summarise this document", {}),
        ("How many visitors came in July?", {"4102": 0.98}),  # a table row
        ("light 1911", {"nineteen minutes": 0.98}),  # keywords
        ("light out in 1911 minutes", {"nineteen minutes": 0.98}),
        ("How long was the light out in 1911 and why was it out?", {"nineteen minutes": 0.98}),
        ("What did the light cost?", {"34,700 pounds": 0.98}),  # a sentence that can be read alone
        ("When must Piet order leaves?", {"order more leaves by 4 May": 0.98}),  # a labelled line is no sentence
        ("Wie lange war das light out in 1911 und warum?", {"nineteen minutes": 0.98}),
        ("List the failures of the light in 1911", {"nineteen minutes": 0.98}),
    ],
)
def test_the_model_is_not_asked_for_what_it_does_badly(question: str, answers: dict[str, float]) -> None:
    model = Scripted("In 1911 the light was out for nineteen minutes [1].")
    answer = ask(question, model, answers)
    assert model.asked == []
    assert answer.answerer == "extractive"


def test_what_is_refused_says_so_without_the_model() -> None:
    model = Scripted("x")
    answer = ask("Who won the 1998 football championship in Peru?", model, {})
    assert answer.text == NOT_FOUND
    assert not answer.found


def test_leaving_early_ends_the_generation() -> None:
    model = Scripted("In 1911 the light was out for nineteen minutes [1].")
    quotes = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({"nineteen minutes": 0.98}))
    events = SmallModelAnswerer(model, quotes).answer(make_query(QUESTION), PASSAGES)
    assert next(events) == TextDelta()
    events.close()  # type: ignore[attr-defined]
    assert model.closed
