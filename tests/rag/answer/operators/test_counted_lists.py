"""What stands in a line behind its name is counted."""

import pytest

from rag.answer.operators.quoted.counted_lists import count_listed
from rag.query.query import make_query
from tests.rag.answer.two_passages import passage

CARS = """Car sharing of the neighbours

A car may be booked for five days.

Members: Noor Jansen, Elias Brandt, Tove Sand and Mattia Rossi
Present: Noor Jansen, Elias Brandt"""


def test_the_things_are_counted_and_named() -> None:
    told = count_listed(make_query("How many members does the car sharing have?"), [passage(1, CARS)])
    assert told is not None
    assert told.statements[0].text == "4: Noor Jansen, Elias Brandt, Tove Sand, Mattia Rossi."
    source = told.statements[0].sources[0]
    assert source.passage.text[source.start : source.end].startswith("Members: Noor")


@pytest.mark.parametrize(
    "question",
    [
        "How many cars does the car sharing have?",
        "Who are the members of the car sharing?",
        "How many members does the chess club of Aarhus have?",
    ],
)
def test_nothing_is_counted_for_other_questions(question: str) -> None:
    assert count_listed(make_query(question), [passage(1, CARS)]) is None
