"""Amounts that stand beside a name alone: the headings and the title must say the rest of the question."""

import pytest

from rag.answer.operators.quoted.labelled_amounts import find_labelled_amount
from rag.query.query import make_query
from tests.rag.answer.operators.plain_texts import PlainTexts
from tests.rag.answer.two_passages import passage

CABLE_CAR = """Cable car Hochalm

Fares (one way)

- Adult: 18 euros
- Child 6 to 15: 9 euros
- Students and seniors: 14 euros
- Sledge with steel runners: 3 euros
- Dog: free

Opening hours: 9 to 17

Tyres: winter only"""
SHREDDER = """Garden shredder GS 20

Technical data

Weight

23 kg

Noise

94 dB

Power

2,400 W"""


def quoted(question: str, *texts: str) -> str | None:
    texts = texts or (CABLE_CAR, SHREDDER)
    passages = [passage(number, text, document=number) for number, text in enumerate(texts, 1)]
    worked = find_labelled_amount(make_query(question), passages, PlainTexts(texts))
    return None if worked is None else worked.statements[0].text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How much is the cable car for an adult?", "Adult: 18 euros"),
        ("What does the Hochalm cable car cost for a child?", "Child 6 to 15: 9 euros"),
        ("How much do students pay for the cable car?", "Students and seniors: 14 euros"),
        ("What does a sledge cost on the cable car?", "Sledge with steel runners: 3 euros"),
        ("How much does a dog cost on the cable car?", "Dog: free"),
        ("How much is the cable car for an adult, what about for a child?", "Child 6 to 15: 9 euros"),
        ("How much does the garden shredder weigh?", "Weight 23 kg"),
        ("How heavy is the shredder?", "Weight 23 kg"),
        ("How loud is the garden shredder?", "Noise 94 dB"),
    ],
)
def test_the_line_of_what_is_asked_for_is_quoted(question: str, said: str) -> None:
    assert quoted(question) == said


@pytest.mark.parametrize(
    "question",
    [
        "What does a bicycle cost on the cable car?",  # stands nowhere
        "What does an adult pay on the ferry?",  # another thing's fares
        "How much is the cable car for an adult in winter?",  # not said of winter
        "How much does the second sledge cost on the cable car?",
        "What does the shredder cost?",  # no price there
        "What do tyres cost on the cable car?",  # no amount beside them
        "How heavy is the cable car?",
        "When does the cable car open?",
        "How much is it?",
    ],
)
def test_nothing_is_quoted_for_another_thing(question: str) -> None:
    assert quoted(question) is None


def test_two_lines_that_fit_answer_nothing() -> None:
    assert quoted("How much is the cable car for an adult?", CABLE_CAR, CABLE_CAR.replace("18", "20")) is None
