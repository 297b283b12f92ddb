"""Cash books with a column for what comes in and one for what goes out."""

import pytest

from tests.rag.answer.operators.one_table import ask

CASH = [
    ["Date", "What", "Who", "Income", "Expenses"],
    ["2031-02-03", "Subscriptions", "members", "640.00", ""],
    ["2031-03-12", "Hall hire", "Parish", "", "120.00"],
    ["2031-05-09", "Spring fair, stalls", "public", "310.50", ""],
    ["2031-05-09", "Spring fair, tents", "Rowe Hire", "", "95.00"],
    ["2031-06-20", "River trip, fares", "members", "180.00", ""],
    ["2031-06-20", "River trip, boat", "Delta Boats", "", "240.00"],
    ["2031-09-14", "Hall hire", "Parish", "", "120.00"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What was the choir's biggest expense in 2031?", "What: River trip, boat"),
        ("what did we pay the Parish in 2031?", "240.00 (Expenses)"),
        ("did the spring fair make a profit?", "Yes: 215.50 (Income 310.50 − Expenses 95.00)."),
        ("did the river trip make a profit and how much", "No: -60.00"),
        ("did the river trip make a loss?", "Yes: -60.00"),
    ],
)
def test_tells_the_sides_apart(question: str, said: str) -> None:
    assert said in ask(question, CASH, "Choir cash book 2031").text


def test_an_occasion_with_one_side_alone_has_no_result() -> None:
    assert ask("did the hall hire make a profit?", CASH, "Choir cash book 2031").text == "not computed"
