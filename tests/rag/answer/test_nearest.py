"""Quotes that may well be about another thing are shown as what stands nearest, not as the answer."""

import pytest

from rag.answer.extractive import ExtractiveAnswerer
from rag.answer.refusal import NEAREST, NOT_FOUND
from rag.query.query import make_query
from rag.types import Answer, TextDelta
from tests.rag.answer.two_passages import PASSAGES, passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader


def ask(question: str, sure: float, min_confidence: float | None = None) -> Answer:
    reader = ScriptedReader({"330 metres": sure, "Dr. Eiffel": sure})
    reader.reads_any_language = True
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), min_confidence=min_confidence, reader=reader)
    *deltas, answer = answerer.answer(make_query(question), PASSAGES)
    assert isinstance(answer, Answer)
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == answer.text
    return answer


def test_the_less_sure_the_reader_is_the_less_is_stated() -> None:
    question = "How many metres high is the tower?"
    stated, nearest, nothing = (ask(question, sure) for sure in (0.97, 0.1, 0.01))
    assert (stated.found, nearest.found, nothing.found) == (True, False, False)
    assert stated.text == "The tower is 330 metres high. [1]"
    assert nearest.text == f"{NEAREST} {stated.text}"
    assert [citation.quote for citation in nearest.citations] == ["The tower is 330 metres high."]
    assert nothing.text == NOT_FOUND
    assert nothing.citations == ()


def test_with_a_threshold_that_is_set_whatever_is_not_refused_is_stated() -> None:
    assert ask("How many metres high is the tower?", 0.2, min_confidence=0.3).found


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Wie hoch ist der Turm in Paris?", "Eine klare Antwort habe ich nicht gefunden."),
        ("Combien de mètres mesure la tour de Paris ?", NEAREST),
    ],
)
def test_german_questions_get_a_german_sentence_in_front(question: str, said: str) -> None:
    answer = ask(question, 0.5)
    assert answer.text.startswith(said)
    assert "330 metres" in answer.text
    assert not answer.found


def test_a_german_question_is_refused_in_german() -> None:
    assert ask("Wie hoch ist der Turm in Paris?", 0.1).text == "Das habe ich in Ihren Dokumenten nicht gefunden."


def test_words_alone_state_nothing_in_another_language_that_the_reader_doubts() -> None:
    tower = [passage(1, "Der alte Turm von Lindau ist 33 Meter hoch. Er wurde im Jahr 1180 am Hafen gebaut.")]
    question = "Wie hoch ist der alte Turm von Lindau am Hafen?"
    reader = ScriptedReader({"1180": 0.02})
    reader.reads_any_language = True
    for asked, found in ((reader, False), (None, True)):
        answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=asked)
        *_, answer = answerer.answer(make_query(question), tower)
        assert isinstance(answer, Answer)
        assert answer.found is found
        assert "33 Meter" in answer.text
