"""What is said to be missing answers whether it is there."""

import pytest

from rag.answer.operators.quoted.what_is_missing import find_missing
from rag.query.query import make_query
from tests.rag.answer.two_passages import passage

COTTAGE = """The cottage sleeps six. The kitchen has a range and a fridge, but no dishwasher.

There is no hot water from 1 to 3 pm. Towels are in the bathroom."""


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("is there a dishwasher in the kitchen", "No. The kitchen has a range and a fridge, but no dishwasher."),
        ("does the kitchen have a dishwasher?", "No. The kitchen has a range and a fridge, but no dishwasher."),
        ("is there a dishwasher in the barn", None),  # of which nothing is said
        ("is there a fridge in the kitchen", None),  # that it is there is for a reader
        ("is there any water in the cottage", None),  # only no hot one
        ("where is the dishwasher", None),
    ],
)
def test_what_is_said_to_be_missing(question: str, said: str | None) -> None:
    worked = find_missing(make_query(question), [passage(1, COTTAGE)])
    assert (None if worked is None else worked.statements[0].text) == said


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Is there any parking?", "There is no parking fee for guests."),
        ("Is there a pool?", "There is a pool in the garden, open all summer. There is no pool table."),
        ("Is there a lift in the house?", "There is no lift to the attic of the house."),
        ("Does Anna have a car?", "Anna's brother has no car."),
        ("Is there a bar?", "The hall has a bar. The foyer has no bar."),
    ],
)
def test_no_something_else_is_no_answer(question: str, text: str) -> None:
    assert find_missing(make_query(question), [passage(1, text)]) is None
