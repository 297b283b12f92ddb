"""A table and a question call the same thing differently: days, quarters, measures, companies, bounds of years."""

import pytest

from tests.rag.answer.test_operators import INCOME, ask

QUARTERS = [
    ["", "Three Months Ended Jul 1, 2031", "Three Months Ended Jul 2, 2030"],
    ["Revenue:", "", ""],
    ["Lamps", "$ 1,240", "$ 1,100"],
    ["Lenses", "760", "810"],
    ["Total", "2,000", "1,910"],
    ["Net income", "310", "250"],
]
SEGMENTS = [
    ["", "Lamps", "Lenses"],
    ["Three Months Ended October 30, 2031", "", ""],
    ["Revenue", "$ 3,816", "$ 2,115"],
    ["Operating income (loss)", "$ 1,086", "$ 606"],
    ["Three Months Ended October 31, 2030", "", ""],
    ["Revenue", "$ 3,011", "$ 4,092"],
    ["Operating income (loss)", "$ 1,332", "$ 2,160"],
]
BOATS = [
    ["Vessel", "Built", "Passengers"],
    ["Skua", "1988", "180"],
    ["Kittiwake", "2015", "220"],
    ["Turnstone", "2007", "56"],
]
NORDLICHT = (
    "NORDLICHT CORPORATION\nQuarterly report. Our third quarter of fiscal 2032 was a good one.\n"
    + "Nothing else happened. " * 20
)


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("How much revenue did lamps make in the three months ended July 1, 2031?", "1,240"),
        ("lenses revenue in the quarter ended July 2, 2030", "810"),
        ("What were the sales of lamps in the quarter ended July 1, 2031?", "1,240"),
        ("How much net profit was there in the three months ended July 2, 2030?", "250"),
        ("How much was sold in total in the quarter ended July 1, 2031?", "2,000"),
    ],
)
def test_days_and_measures_are_found_under_other_names(question: str, value: str) -> None:
    answer = ask(question, QUARTERS)
    assert answer.answerer == "operators"
    assert value in answer.text


def test_a_segment_in_the_columns_and_a_period_over_the_rows() -> None:
    answer = ask("What was the operating income of lenses in the quarter ended October 31, 2030?", SEGMENTS)
    assert "2,160" in answer.text


def test_the_company_at_the_beginning_may_stand_in_front_of_a_row() -> None:
    question = "What was Nordlicht's lamps revenue in the three months ended July 1, 2031?"
    assert ask(question, QUARTERS).answerer == "otherwise"
    assert "1,240" in ask(question, QUARTERS, NORDLICHT).text


def test_a_fiscal_quarter_that_the_table_calls_otherwise_shows_all_periods() -> None:
    question = "What was Nordlicht's lamps revenue in the third quarter of fiscal 2032?"
    answer = ask(question, QUARTERS, NORDLICHT)
    assert "1,240" in answer.text and "1,100" in answer.text
    assert ask(question.replace("2032", "2029"), QUARTERS, NORDLICHT).answerer == "otherwise"


def test_another_measure_than_the_table_shows_is_not_answered() -> None:
    assert ask("What was the operating income of lamps on July 1, 2031?", QUARTERS[:5]).answerer == "otherwise"


def test_money_answers_no_count() -> None:
    assert ask("How many lamps were shipped in the three months ended June 30, 2031?", INCOME).answerer == "otherwise"
    assert "1,240" in ask("How many dollars of revenue in lamps, three months ended June 30, 2031?", INCOME).text


def test_a_year_bounds_which_rows_are_counted() -> None:
    answer = ask("How many of the vessels were built after 2000?", BOATS, "Vessels of the harbour")
    assert answer.text.startswith("2: ")
    assert "Kittiwake" in answer.text and "Turnstone" in answer.text


def test_a_row_called_total_has_not_the_most() -> None:
    rows = [["Segment", "Income"], ["Lamps", "300"], ["Lenses", "200"], ["Total", "450"]]
    assert "Lamps" in ask("Which segment had the most income?", rows).text


ROUTES = [
    ["Ferry", "Route", "Captain"],
    ["Skua", "Varnholt to Port Esk", "Ola Nand"],
    ["Kittiwake", "Port Esk to Varnholt", "Una Reid"],
    ["Dunlin", "Varnholt to the quarry", "Ib Holt"],
]


@pytest.mark.parametrize(
    ("question", "listed", "left_out"),
    [
        ("Which ferries go from Varnholt?", ["Skua", "Dunlin"], "Kittiwake"),
        ("Which ferry goes to Varnholt?", ["Kittiwake"], "Skua"),
    ],
)
def test_rows_are_listed_by_where_a_route_begins_or_ends(question: str, listed: list[str], left_out: str) -> None:
    answer = ask(question, ROUTES, "Harbour ferries")
    assert answer.answerer == "operators"
    assert all(name in answer.text for name in listed)
    assert left_out not in answer.text
