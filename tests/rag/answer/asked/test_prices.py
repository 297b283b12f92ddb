"""Where a price is asked, a quote without one is the nearest passage and no answer."""

import pytest

from rag.answer.asked.prices import lacks_price
from rag.query.query import make_query


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("What does a night at the Casa do Mar cost?", "Lisbon: Casa do Mar, Rua da Graça 41, three nights."),
        ("What does a night at the Casa do Mar cost?", "Casa do Mar, three nights, breakfast included."),
        ("How much is a night in the Mar hotel?", "Mar hotel, Cais 7, four nights."),
        ("How much does the painting of the hall cost?", "The hall has to be empty by 28 November."),
    ],
)
def test_a_place_or_a_day_is_no_price(question: str, quote: str) -> None:
    assert lacks_price(make_query(question), quote)


@pytest.mark.parametrize(
    "quote",
    [
        "The trip costs 245 per child.", "A further key is 12 euros.", "€45 a night", "Admission is free.",
        "Breakfast is included.", "CHF 30 a day", "Members pay 5, guests 8.",
    ],
)  # fmt: skip
def test_money_and_what_is_free_are_prices(quote: str) -> None:
    assert not lacks_price(make_query("What does it cost?"), quote)


def test_what_is_asked_about_may_be_included() -> None:
    assert not lacks_price(make_query("How much does breakfast cost?"), "Three nights, breakfast included.")


def test_how_much_something_is_may_be_a_share() -> None:
    assert not lacks_price(make_query("How much is the discount?"), "Members get 10 % off.")


def test_other_questions_need_no_price() -> None:
    assert not lacks_price(make_query("When does the ferry leave?"), "The ferry leaves at nine.")
    assert not lacks_price(make_query("Who bears the costs of the repair?"), "The owner bears them.")
