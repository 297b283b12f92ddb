"""People who stand in several rows are counted and listed once; rows of quarters are called by them alone."""

import pytest

from tests.rag.answer.operators.one_table import ask

ROTA = [
    ["Volunteer", "Day", "Task"],
    ["Ada Holm", "Monday", "till"],
    ["Bo Lund", "Tuesday", "till"],
    ["Ada Holm", "Friday", "garden"],
]
QUARTERS = [
    ["Quarter", "Visitors", "Note"],
    ["Q1", "120", "closed in January"],
    ["Q2", "340", "fair in May"],
    ["Q3", "610", "record month of August"],
]


@pytest.mark.parametrize(
    ("question", "rows", "before", "said"),
    [
        ("how many volunteers are in the rota?", ROTA, "Rota", "2: Ada Holm, Bo Lund."),
        ("list all volunteers", ROTA, "Rota", "Ada Holm, Bo Lund."),
        ("how many volunteers do the till?", ROTA, "Rota", "2: Ada Holm"),
        ("which quarter had the most visitors?", QUARTERS, "Visitors", "Q3, Visitors: 610"),
    ],
)
def test_each_is_told_once(question: str, rows: list[list[str]], before: str, said: str) -> None:
    assert ask(question, rows, before).text.startswith(said)
