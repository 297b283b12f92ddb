"""Prices for ages, told by the line in whose range the asked age lies."""

import pytest

from rag.answer.operators.quoted.age_prices import find_age_price
from rag.query.query import make_query
from tests.rag.answer.two_passages import passage

TICKETS = """Tickets

- Adults: 14 crowns, boat included
- Children from 6 to 15: 6 crowns; younger ones travel free
- Under 6 years: free
- Seniors over 65: 9 crowns

The tower has 65 steps."""


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("how much is a ticket for a 9 year old", "Children from 6 to 15: 6 crowns; younger ones travel free"),
        ("what does my 4-year-old pay for the ticket?", "Under 6 years: free"),
        ("ticket price for a senior aged 70", "Seniors over 65: 9 crowns"),
        ("how much is a ticket for a 30 year old", None),
        ("how old is the 9 year old boat", None),
        ("how much is the ginger cake for a 9 year old", None),
        ("what does a ticket for a 9 year old car cost", None),
    ],
)
def test_the_line_of_the_age_is_quoted(question: str, said: str | None) -> None:
    worked = find_age_price(make_query(question), [passage(1, TICKETS)])
    assert (None if worked is None else worked.statements[0].text) == said


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("how much is a ticket for a 9 year old", "Tickets\n\n- Youths from 16 to 20: 8 crowns"),
        ("how much is entry for a 12 year old?", "Entry\n\nOpen for guests from 9 to 17; entry 12 euros."),
        ("how much does a 10 year old pay for entry?", "Entry for children until 15 June: 8 euros."),
        ("what does a 12 year old pay for the ticket?", "Tickets for groups of at least 5 people cost 4 crowns each."),
    ],
)
def test_other_numbers_are_no_ages(question: str, text: str) -> None:
    assert find_age_price(make_query(question), [passage(1, text)]) is None
