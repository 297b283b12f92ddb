"""Sentences that cannot hold the attribute that a question asks for."""

from dataclasses import replace

import pytest

from rag.answer.asked.attributes import with_asked_attribute
from rag.answer.evidence import Candidate
from rag.query.query import make_query
from rag.types import Passage
from tests.rag.fakes import a_document


def candidates(*sentences: str) -> list[Candidate]:
    """Each a passage of a document without a title."""
    document = replace(a_document(1, ""), path="/data/a.txt")
    return [
        Candidate(Passage(number, document, 0, len(text), text, 1.0), 0, len(text), {})
        for number, text in enumerate(sentences, 1)
    ]


def kept(question: str, *sentences: str) -> list[str]:
    """The sentences, best first."""
    return [one.text for one in with_asked_attribute(make_query(question), candidates(*sentences))]


@pytest.mark.parametrize(
    ("question", "holds", "lacks"),
    [
        ("What is the e-mail address of Mikkel Dahl?", "Mikkel Dahl: dahl@boats.example", "Mikkel Dahl: 555 0162"),
        ("How old is Ottilie?", "Ottilie, 82, keeps bees.", "Ottilie sold 420 kilos in a good year."),
        ("How old is the tower?", "The tower was built in 1822.", "The tower has a lamp."),
        ("How heavy is the lens?", "The lens weighs three tons.", "The lens has 45 panels."),
        ("What does the lens weigh?", "The lens weighs 3 t.", "The lens has 45 panels."),
        ("What is the length of the pier?", "Length (m): 90", "Seats: 40"),
        ("How high is the house?", "The house is 12 m high.", "The house is seen from two miles off."),
        ("How loud is the signal?", "The signal reaches 118 dB.", "The signal sounds below two miles."),
        ("How long is the pier?", "The pier is ninety metres long.", "The pier cost 45,000 crowns."),
        ("How long was the pier closed?", "The pier was closed for two weeks.", "The pier was closed by Mr. Four."),
    ],
)
def test_a_sentence_without_the_attribute_is_no_answer(question: str, holds: str, lacks: str) -> None:
    assert kept(question, holds, lacks) == [holds]
    assert kept(question, lacks) == []


def test_what_takes_a_better_sentences_place_is_about_what_is_asked() -> None:
    lacks, another = "Mikkel Dahl: telephone 555 0162", "Pavel Horak: pavel@roofs.example"
    assert kept("What is the e-mail address of Mikkel Dahl?", lacks, another) == []
    assert kept("How heavy is the fog signal?", "The fog signal is loud.", "The lens weighs three tons.") == []


@pytest.mark.parametrize("question", ["What did the e-mail say?", "Who is old?", "How many tons does it lift?"])
def test_other_questions_keep_all(question: str) -> None:
    assert kept(question, "It is here.", "It was there.") == ["It is here.", "It was there."]
