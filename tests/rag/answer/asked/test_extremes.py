"""Sentences that do not say what is the most or the least."""

import pytest

from rag.answer.asked.extremes import with_asked_extreme
from rag.answer.evidence import Candidate
from rag.query.query import make_query
from rag.types import Passage
from tests.rag.fakes import a_document


def kept(question: str, *sentences: str) -> list[str]:
    candidates = [
        Candidate(Passage(number, a_document(1), 0, len(text), text, 1.0), 0, len(text), {})
        for number, text in enumerate(sentences, 1)
    ]
    return [one.text for one in with_asked_extreme(make_query(question), candidates)]


@pytest.mark.parametrize(
    ("question", "says", "does_not"),
    [
        ("Who kept the light longest?", "The longest in office was Anselm Rooke.", "Finch kept the light in 1889."),
        ("Which ferry is the oldest?", "The Dunlin was the first of them.", "Vessel: Skua; Built: 1998"),
        ("Welche Sorte ist am teuersten?", "Am teuersten ist der Waldhonig.", "Sorte: Raps; Preis: 5,50"),
    ],
)
def test_one_of_several_is_no_answer(question: str, says: str, does_not: str) -> None:
    assert kept(question, does_not, says) == [says]


@pytest.mark.parametrize(
    "question",
    ["When was the Skua built?", "Which yard built most of the fleet?", "Which ferry takes at least 100 cars?"],
)
def test_other_questions_keep_every_sentence(question: str) -> None:
    assert kept(question, "The Skua was built in 1998.") == ["The Skua was built in 1998."]
