"""What a follow-up puts in the place of something is what it is about."""

from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader

POLICY = "Cash is covered up to 1,000 crowns outside of a safe.\n\nFurs are covered up to 300 crowns."


def _ask(question: str) -> Answer:
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({"1,000 crowns": 0.97}))
    *_, answer = answerer.answer(make_query(question), [passage(1, POLICY)])
    assert isinstance(answer, Answer)
    return answer


def test_the_answer_to_the_question_before_is_not_given_again() -> None:
    assert _ask("How much cash is covered?").text.startswith("Cash is covered")
    assert "Cash" not in _ask("How much cash is covered, what about jewellery?").text
    assert not _ask("How much cash is covered, what about jewellery?").found
