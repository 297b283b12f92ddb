"""Averages and shares of tables are computed, and no single value passes for one."""

import pytest

from rag.answer.asked.computation import with_asked_computation
from rag.answer.evidence import Candidate
from rag.query.query import make_query
from rag.types import Passage
from tests.rag.answer.operators.one_table import ask
from tests.rag.fakes import a_document

ENERGY = [
    ["Source", "2023", "2024"],
    ["Gas", "120,000", "104,000"],
    ["Electricity", "62,000", "58,000"],
    ["Solar roof", "18,000", "20,000"],
    ["Total", "200,000", "182,000"],
]
ORDERS = [
    ["Order", "Client", "Price"],
    ["A-51", "Vang", "€ 1,850"],
    ["A-52", "Harbour Cafe", "€ 2,975"],
    ["A-53", "Vang", "€ 241"],
]


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("What share of the energy came from gas in 2024?", "57.1 % (Gas, 2024): 104,000 of 182,000 (Total)."),
        ("What was the average use of gas in 2023 and 2024?", "112,000 on average (Gas): (120,000 + 104,000) / 2."),
    ],
)
def test_of_a_row(question: str, value: str) -> None:
    assert ask(question, ENERGY, "Energy use by source").text.strip().startswith(value)


def test_of_a_column() -> None:
    assert "€1,688.67 on average (Price)" in ask("What is the average price of an order?", ORDERS).text


@pytest.mark.parametrize(
    "question",
    [
        "What share of the energy came from wind in 2024?",
        "What share of the energy came from gas in 2022?",
        "What was the average price of gas?",
    ],
)
def test_what_the_table_does_not_hold_is_not_computed(question: str) -> None:
    assert ask(question, ENERGY, "Energy use by source").text == "not computed"


def test_without_a_total_there_is_no_share() -> None:
    assert ask("What share of the energy came from gas in 2024?", ENERGY[:-1], "Energy use").text == "not computed"


def test_an_average_that_stands_in_the_table_is_looked_up() -> None:
    rows = [["Pupil", "Maths", "Average mark"], ["Ida", "2.0", "2.4"], ["Pia Holm", "1.0", "1.7"]]
    assert "1.7" in ask("What is the average mark of Pia Holm?", rows).text


def test_prose_must_say_that_it_is_a_share() -> None:
    text = "Gas gave 104,000 kWh in 2024. In 2024 gas made up 57 percent of the energy."
    passage = Passage(1, a_document(), 0, len(text), text, 1.0)
    ranked = [Candidate(passage, start, end, {}) for start, end in ((0, 29), (30, len(text)))]
    kept = with_asked_computation(make_query("What share of the energy came from gas in 2024?"), ranked)
    assert [one.start for one in kept] == [30]
