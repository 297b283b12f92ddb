"""A table and a question call the same thing differently: days, quarters, measures, companies, bounds of years."""

import pytest

from tests.rag.answer.operators.one_table import INCOME, ask

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


HONEY = [
    ["Sorte", "Kilogramm", "Preis je Glas (Euro)"],
    ["Raps", "410", "5,50"],
    ["Wald", "96", "8,90"],
    ["Klee", "133", "6,40"],
]
EXAMS = [
    ["Part", "Share", "Date"],
    ["Midterm exam", "30 %", "6 November"],
    ["Project", "15 %", "12 December"],
    ["Final exam", "35 %", "19 January"],
]
BICYCLES = [["Model", "Price", "Weight in kg"], ["Arvo City 3", "2199", "23.4"], ["Fjell Tour", "2890", "24.7"]]
ACCOUNTS = [
    ["Account", "Balance on 1 January", "Balance on 30 June", "Interest rate"],
    ["New boat", "1500", "3300", "1.8 %"],
    ["Pension", "18250", "19430", "3.4 %"],
]


@pytest.mark.parametrize(
    ("question", "rows", "text"),
    [
        ("Welche Honigsorte ist am teuersten?", HONEY, "Wald, Preis je Glas (Euro): 8,90"),
        ("Welche Sorte ist die günstigste?", HONEY, "Raps, Preis je Glas (Euro): 5,50"),
        ("How much do both exams count together?", EXAMS, "65 % (Share): Midterm exam 30 % + Final exam 35 % = 65 %"),
        ("Is the Fjell Tour heavier than the Arvo City?", BICYCLES, "Yes: Fjell Tour, Weight in kg: 24.7"),
        ("By how much did the new boat savings grow?", ACCOUNTS, "1,800 (New boat)"),
        ("Which savings account has the lowest interest rate?", ACCOUNTS, "New boat, Interest rate: 1.8 %"),
        (
            "Was revenue from lamps higher than revenue from lenses in the quarter ended July 1, 2031?",
            QUARTERS,
            "Yes: Lamps, Three Months Ended Jul 1, 2031: $ 1,240; Lenses",
        ),
    ],
)
def test_questions_and_tables_say_it_in_their_own_words(question: str, rows: list[list[str]], text: str) -> None:
    assert text in ask(question, rows).text


def test_a_list_of_rows_is_not_that_of_another_company() -> None:
    assert ask("What are the reportable segments of Apple?", SEGMENTS, "Reportable segments").text == "not computed"


SERVICES = [
    ["", "Three Months Ended Jul 1, 2031", "Three Months Ended Jul 2, 2030"],
    ["Advertising services", "$ 9,548", "$ 7,612"],
    ["Subscription services", "8,903", "8,148"],
    ["Operating income (loss)", "(412)", "880"],
    ["Net income (loss)", "1,473", "(454)"],
    ["Nordlicht", "up $0.46", "85 %"],
]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "advertising revenue quarter ended july 1, 2031",
            "Advertising services, Three Months Ended Jul 1, 2031: $ 9,548",
        ),
        (
            "Did we make a net profit in the quarter ended July 1, 2031?",
            "Yes: Net income (loss), Three Months Ended Jul 1",
        ),
        (
            "Was there an operating profit in the quarter ended July 1, 2031?",
            "No: Operating income (loss), Three Months",
        ),
        (
            "Did we lose money in the quarter ended July 2, 2030?",
            "Yes: Net income (loss), Three Months Ended Jul 2, 2030",
        ),
        ("Did we make a profit or a loss in the quarter ended July 2, 2030?", "not computed"),
        ("Nordlicht heating expenses in the quarter ended July 1, 2031", "not computed"),
    ],
)
def test_gains_losses_and_rows_told_by_one_word(question: str, text: str) -> None:
    assert text in ask(question, SERVICES, f"{NORDLICHT} Net sales and income:").text


UNITS = [
    ["Segment", "Three Months Ended Jul 2, 2030", "Three Months Ended Jul 1, 2031"],
    ["North:", "", ""],
    ["Net sales", "65,557", "78,843"],
    ["Operating income (loss)", "880", "(412)"],
    ["Cloud:", "", ""],
    ["Net sales", "16,110", "20,538"],
    ["Operating income (loss)", "4,883", "5,403"],
    ["Consolidated:", "", ""],
    ["Net sales", "81,667", "99,381"],
    ["Operating income (loss)", "5,763", "4,991"],
]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "Which segment had the highest operating income in 2031?",
            "Cloud: Operating income (loss), Three Months Ended Jul 1",
        ),
        ("Which segment had the lowest net sales in 2030?", "Cloud: Net sales, Three Months Ended Jul 2, 2030: 16,110"),
        ("Which segment had the highest net sales in 2029?", "not computed"),
        ("Which segment had the highest margin in 2031?", "not computed"),
        ("How many segments are there?", "not computed"),
    ],
)
def test_the_extreme_is_one_of_a_measure_and_a_period(question: str, text: str) -> None:
    assert ask(question, UNITS, "Segments (in millions)").text.startswith(text)


def test_a_small_word_in_capitals_is_a_name() -> None:
    staff = [["Name", "Department"], ["Ada Holm", "IT"], ["Bo Lund", "Sales"], ["Cleo Marr", "IT"]]
    assert ask("How many people work in IT?", staff).text == "2: Ada Holm, Cleo Marr. [1]"
