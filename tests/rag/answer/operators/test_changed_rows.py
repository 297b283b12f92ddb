"""Rows that rose or fell between two columns, the greatest change, and extremes of a year or without a row."""

import pytest

from tests.rag.answer.operators.one_table import ask

TREES = [
    ["Tree", "2021", "2031", "2041"],
    ["Oak", "12", "20", "22"],
    ["Elm", "9", "9", "4"],
    ["Ash", "40", "48", "31"],
]
SALES = [
    ["", "Three months ended June 30, 2031", "Three months ended June 30, 2030", "Change"],
    ["Americas", "120", "100", "20 %"],
    ["Europe", "90", "60", "50 %"],
    ["Japan", "40", "50", "(20)%"],
    ["Total sales", "250", "210", "19 %"],
]
TAKINGS = [
    ["Month", "Year", "Visitors"],
    ["May", "2031", "200"],
    ["June", "2031", "310"],
    ["May", "2032", "150"],
    ["June", "2032", "420"],
]


@pytest.mark.parametrize(
    ("question", "rows", "before", "said"),
    [
        ("which trees went down from 2031 to 2041?", TREES, "Trees of the park", "Elm: 9 (2031), 4 (2041); Ash: 48"),
        ("which trees grew in number between 2021 and 2031", TREES, "Trees of the park", "Oak: 12 (2021), 20 (2031);"),
        ("which tree had the largest increase from 2021 to 2031", TREES, "Trees", "Oak: 12 (2021), 20 (2031) (most"),
        ("which region grew fastest in the second quarter?", SALES, "Sales by segment", "Europe: 60"),
        ("which region had the biggest increase and by how much", SALES, "Sales by segment", "Europe: 60"),
        ("which trees did not grow from 2021 to 2031", TREES, "Trees of the park", "not computed"),
        ("which rivers went down from 2031 to 2041?", TREES, "Trees of the park", "not computed"),
        ("which region grew fastest?", TREES, "Trees of the park", "not computed"),
        ("which month had the most visitors in 2031", TAKINGS, "Visitors", "June, 2031, Visitors: 310 (most of 2)"),
        ("besides June 2032, which month had the most visitors?", TAKINGS, "Visitors", "not computed"),
        ("apart from Oak, which tree has most in 2031?", TREES, "Trees", "Ash, 2031: 48 (most of 2)"),
    ],
)
def test_what_changed(question: str, rows: list[list[str]], before: str, said: str) -> None:
    assert said in ask(question, rows, before).text
