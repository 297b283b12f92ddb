"""Who was absent, told by the labelled line of the one meeting that the question names."""

import pytest

from rag.answer.operators.quoted.attendance import quote_absence
from rag.query.query import make_query
from tests.rag.answer.operators.plain_texts import PlainTexts
from tests.rag.answer.two_passages import passage

COMMITTEE = """Harbour club, committee meeting

Date: 12 March 2026
Present: Ada Quist, Bo Rask
Apologies: Signe Holt, Desmond Pryce

The summer party needs a band. Next meeting: 9 April 2026."""
EVENING = "Parents' evening, class 3b\nPresent: 17 parents\nAbsent: Mr Ferner\nApologies: Mrs Lund"


def quoted(question: str, *texts: str) -> list[str] | None:
    texts = texts or (COMMITTEE, EVENING)
    passages = [passage(number, text, document=number) for number, text in enumerate(texts, 1)]
    worked = quote_absence(make_query(question), passages, PlainTexts(texts))
    return None if worked is None else [statement.text for statement in worked.statements]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Who was absent from the committee meeting?", ["Apologies: Signe Holt, Desmond Pryce"]),
        ("Who sent apologies to the committee?", ["Apologies: Signe Holt, Desmond Pryce"]),
        ("Who did not attend the meeting on 12 March?", ["Apologies: Signe Holt, Desmond Pryce"]),
        ("Who was missing at the parents' evening?", ["Absent: Mr Ferner", "Apologies: Mrs Lund"]),
        ("Who sent apologies for the parents' evening?", ["Apologies: Mrs Lund"]),
    ],
)
def test_who_was_absent_stands_behind_a_label(question: str, said: list[str]) -> None:
    assert quoted(question) == said


def test_names_may_stand_below_the_label() -> None:
    text = "Choir, rehearsal committee\n\nApologies:\n- Signe Holt\n- Bo Rask\n\nNotes of the day follow."
    assert quoted("Who was absent from the rehearsal committee?", text) == ["Apologies:\n- Signe Holt\n- Bo Rask"]


@pytest.mark.parametrize(
    "question",
    [
        "Who was absent from the summer party?",  # which the meeting only speaks of
        "Who was absent from the meeting on 9 April?",  # which is still to come
        "Who was absent?",  # from which of the two?
        "Who was never absent from the committee meeting?",
        "Who was absent from the committee meeting and why?",
        "Who was present at the committee meeting?",
        "Who was absent from the board meeting?",
    ],
)
def test_other_meetings_and_other_questions_are_left_alone(question: str) -> None:
    assert quoted(question) is None


def test_two_meetings_that_fit_equally_give_no_answer() -> None:
    assert quoted("Who was absent from the committee meeting?", COMMITTEE, COMMITTEE.replace("Holt", "Lund")) is None
