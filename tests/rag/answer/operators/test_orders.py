"""Orders of several things from a list of prices."""

import pytest

from tests.rag.answer.operators.one_table import ask

HIRE = [
    ["Code", "Thing", "Kind", "Price per night (£)", "Deposit (£)"],
    ["C-1", "Two-person tent", "tents", "9.50", "40"],
    ["C-2", "Camp bed", "beds", "3.00", "10"],
    ["C-3", "Sleeping mat", "beds", "1.20", "0"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("what do 4 camp beds and 6 sleeping mats come to for one night", "19.20 (Price per night (£))"),
        (
            "how much are 2 of the camp beds for three nights?",
            "18.00 (Price per night (£)): 2 × 3.00 (C-2, Camp bed) × 3 nights.",
        ),
    ],
)
def test_adds_up_an_order(question: str, said: str) -> None:
    assert said in ask(question, HIRE, "Camping hire").text


@pytest.mark.parametrize(
    "question",
    [
        "how much are 2 camp beds and 3 lanterns for one night?",
        "how much are 2 camp beds with the deposit?",
        "how much are 2 camp beds for a weekend?",
    ],
)
def test_what_is_not_priced_is_not_added_up(question: str) -> None:
    assert "Price per night (£))" not in ask(question, HIRE, "Camping hire").text
