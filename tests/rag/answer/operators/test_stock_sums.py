"""How many there are of things that stand in several rows."""

import pytest

from tests.rag.answer.operators.one_table import STAFF, ask

STOCK = [
    ["item", "shelf", "count", "price_eur"],
    ["oar left", "A1", "14", "79.00"],
    ["oar right", "A2", "12", "79.00"],
    ["life vest M", "B1", "22", "54.50"],
    ["life vest XL", "B2", "7", "59.90"],
    ["repair kit", "C1", "5", "31.00"],
]
ROOMS = [["Room", "Floor", "Beds"], ["Family room east", "1", "4"], ["Family room west", "2", "5"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How many life vests are there in all?", "29 (count): life vest M 22 + life vest XL 7 = 29."),
        ("How many oars do we have?", "26 (count): oar left 14 + oar right 12 = 26."),
        ("How many life vests are left?", "29 (count): life vest M 22 + life vest XL 7 = 29."),
    ],
)
def test_counts_of_several_rows_are_added_up(question: str, said: str) -> None:
    assert ask(question, STOCK).text.removesuffix(" [1]") == said


@pytest.mark.parametrize("question", ["How many kayaks are there?", "How many life vests were sold in all?"])
def test_what_no_row_is_called_or_another_question_is_not_added_up(question: str) -> None:
    assert "+" not in ask(question, STOCK).text


def test_rows_without_a_count_are_counted() -> None:
    assert "+" not in ask("How many family rooms are there?", ROOMS).text
    assert "+" not in ask("How many people do we have?", STAFF).text
