"""Sums of prices: several things that are priced one by one, and amounts that sentences say of several things."""

import pytest

from rag.answer.operators.computed.prices import price_several
from rag.answer.operators.computed.prose_sum import add_up
from rag.query.query import make_query
from rag.types import Passage
from tests.rag.answer.operators.one_table import ask
from tests.rag.fakes import a_document

TICKETS = (
    "Fares\n\n- Grown-ups: 12 francs, map included\n- Children from 4 to 14: 5 francs; smaller ones travel free\n"
    "- Bicycles: 7 francs\n\nThe cable car runs every 20 minutes."
)
LEASE = (
    "The lease costs 900 francs a month without electricity. On top of it come 65 francs for electricity and 30 francs "
    "for the garden. The deposit is 1,800 francs."
)
ROOMS = [
    ["Hotel", "Nights", "Price per night", "Breakfast"],
    ["Alpenrose", "2", "95 francs", "yes"],
    ["Seeblick", "3", "120 francs", "no"],
]
BILL = [
    ["Item", "Quantity", "Unit price", "Amount"],
    ["Scaffold, day", "3", "40.00", "120.00"],
    ["Painter, hour", "8", "25.00", "200.00"],
    ["Paint", "1", "90.00", "90.00"],
    ["Travel", "1", "35.00", "35.00"],
]


def passage(text: str) -> Passage:
    return Passage(1, a_document(1), 0, len(text), text, 1.0)


def priced(question: str) -> str | None:
    worked = price_several(make_query(question), [passage(TICKETS)], [])
    return None if worked is None else worked.statements[0].text.partition(":")[0]


@pytest.mark.parametrize(
    ("question", "total"),
    [
        ("What do two grown-ups and one child of 9 years pay?", None),  # "9 years" says no age
        ("What do three children pay?", "15 francs"),
        ("How much do we pay for 2 bicycles and 3 children?", "29 francs"),
        ("How much does a 9-year-old pay?", "5 francs"),
        ("What do two 9-year-olds and one bicycle cost?", "17 francs"),
        ("What do 2 children aged 5 and 11 pay?", "10 francs"),
        ("What do 2 children aged 5 and 17 pay?", None),
        ("What do two grown-ups and a nine-year-old pay?", "29 francs"),
        ("What do two ten-year-olds and one bicycle cost?", "17 francs"),
        ("What does a seventeen-year-old pay?", None),
        ("What do 2 children aged five and eleven pay?", "10 francs"),
        ("What do two dogs cost?", None),
        ("How often does the cable car run in two hours?", None),
    ],
)
def test_what_several_things_cost(question: str, total: str | None) -> None:
    assert priced(question) == total


def test_each_line_is_cited_once_and_the_sum_is_shown() -> None:
    worked = price_several(make_query("What do two bicycles and one 9-year-old cost?"), [passage(TICKETS)], [])
    assert worked is not None
    (statement,) = worked.statements
    assert statement.text == "19 francs: 1 × 5 francs (Children from 4 to 14) + 2 × 7 francs (Bicycles)."
    quoted = [source.passage.text[source.start : source.end] for source in statement.sources]
    assert [line.partition(":")[0] for line in quoted] == ["Children from 4 to 14", "Bicycles"]


def test_nights_are_multiplied_by_the_price_of_one() -> None:
    assert ask("What do three nights at Seeblick cost in total?", ROOMS).text == (
        "360 francs: 3 × 120 francs (Seeblick). [1]"
    )


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "What do lease, electricity and garden cost together?",
            "995 francs: 900 francs (lease) + 65 francs (electricity) + 30 francs (garden) = 995 francs.",
        ),
        ("What are lease plus garden?", "930 francs: 900 francs (lease) + 30 francs (garden) = 930 francs."),
        ("What are electricity plus garden?", None),  # two amounts stand beside electricity
        ("What do lease and heating cost together?", None),
        ("Who pays for electricity and garden?", None),
    ],
)
def test_amounts_of_sentences_are_added(question: str, text: str | None) -> None:
    worked = add_up(make_query(question), [passage(LEASE)])
    assert (None if worked is None else worked.statements[0].text) == text


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("The lease is 900 francs a month; the insurance is 200 francs a year.", None),
        ("The monthly lease is 900 francs. The insurance is 200 francs per annum.", None),
        ("The lease is 900 francs, payable each month, and the insurance is 200 francs, payable each week.", None),
        ("The lease is 900 francs a month. The monthly insurance is 200 francs.", "1,100 francs"),
        ("The lease is 900 francs a year; the insurance is 200 francs annually.", "1,100 francs"),
        ("The lease is 900 francs/day; the insurance is 200 francs daily.", "1,100 francs"),
    ],
)
def test_amounts_of_different_periods_are_not_added(text: str, total: str | None) -> None:
    worked = add_up(make_query("What do lease and insurance cost together?"), [passage(text)])
    assert (None if worked is None else worked.statements[0].text.partition(":")[0]) == total


@pytest.mark.parametrize(
    ("question", "amount"),
    [
        ("How much did the painter cost?", "Amount: 200.00"),
        ("How much did paint and travel cost together?", "90.00 + Travel 35.00 = 125.00"),
    ],
)
def test_the_amount_of_a_bill_is_what_all_of_them_cost(question: str, amount: str) -> None:
    assert amount in ask(question, BILL).text
