"""Answers computed from tables: which rows are meant, how they are called, who is first among them."""

import pytest

from tests.rag.answer.operators.one_table import HIRE, STAFF, ask

BOATS = [
    ["Vessel", "Passengers", "Route"],
    ["Gannet", "140", "Mull to Eigg"],
    ["Fulmar", "96", "Mull to Rum"],
    ["Petrel", "410", "Oban to Tiree"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which ferry sails from Oban to Tiree?", "Petrel, Route: Oban to Tiree."),
        ("How many ferries carry less than 150 passengers?", "2: Gannet, Fulmar."),
    ],
)
def test_a_single_row_is_named_by_another_cell_and_a_bound_picks_rows(question: str, said: str) -> None:
    assert ask(question, BOATS, "The ferries of the sound").text.startswith(said)


def test_a_single_row_that_accounts_for_too_little_of_the_question_is_not_named() -> None:
    assert ask("Which ferry with a heated sun deck sails from Oban to Tiree?", BOATS).text == "not computed"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How many people are on the staff list?", "3: "),
        ("Which kinds of items are there?", "Tent, Heater, Stove."),
    ],
)
def test_rows_are_people_where_the_first_column_holds_names_and_kinds_of_a_thing_are_its_rows(
    question: str, said: str
) -> None:
    rows = STAFF if "people" in question else HIRE
    assert ask(question, rows, "Staff list").text.startswith(said)


INVOICES = [
    ["Invoice", "Customer", "Issued", "Net", "Status"],
    ["INV-1", "Garnet Bakery", "2031-04-02", "420.00", "paid"],
    ["INV-2", "Hotel Meridian", "2031-04-11", "1,875.50", "unpaid"],
    ["INV-3", "Garnet Bakery", "2031-05-06", "310.00", "unpaid"],
]


@pytest.mark.parametrize(
    ("question", "beginning", "rows"),
    [
        ("How much do the unpaid invoices add up to?", "2,185.50 (Net): INV-2 1,875.50 + INV-3 310.00", 2),
        ("How much did Garnet Bakery pay in total?", "730.00 (Net): INV-1 420.00 + INV-3 310.00", 2),
        ("How much do the cancelled invoices add up to?", "", 0),
    ],
)
def test_amounts_of_the_rows_that_are_meant_are_added_up(question: str, beginning: str, rows: int) -> None:
    answer = ask(question, INVOICES, "Invoices")
    assert answer.text.startswith(beginning) if rows else answer.answerer == "otherwise"
    assert len(answer.citations) == rows


RACE = [
    ["Place", "Name", "Club", "Time"],
    ["1", "Rhona Gill", "Keswick", "1:42:18"],
    ["2", "Marek Dudek", "Eryri", "1:44:02"],
    ["3", "Aoife Brennan", "Keswick", "2:07:58"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Who was the fastest runner?", "1:42:18"),
        ("Who was the slowest runner?", "2:07:58"),
        ("How much slower was Marek Dudek than Rhona Gill?", "0:01:44"),
    ],
)
def test_times_are_compared_and_the_fastest_needs_the_least(question: str, said: str) -> None:
    assert said in ask(question, RACE, "Race results of the runners").text


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Who won the race?", "Rhona Gill"),
        ("Who came second?", "Marek Dudek"),
        ("Who finished last in the race?", "Aoife Brennan"),
        ("Who came fifth?", ""),
        ("Who won the lottery?", ""),
    ],
)
def test_who_won_is_the_row_of_the_first_place(question: str, name: str) -> None:
    answer = ask(question, RACE, "Race results")
    assert (name in answer.text and len(answer.citations) == 1) if name else answer.answerer == "otherwise"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What was Marek Dudek's time?", "Marek Dudek, Time: 1:44:02."),
        ("How many runners are from Keswick?", "2: Rhona Gill, Aoife Brennan."),
        ("Which runners belong to Keswick?", "Rhona Gill, Aoife Brennan."),
    ],
)
def test_numbered_rows_are_called_by_what_stands_behind_the_number(question: str, said: str) -> None:
    assert ask(question, RACE, "Race results").text.replace(" [1]", "").strip() == said


DOSES = [["Drug", "Dose", "6 Feb", "7 Feb"], ["Ramipril", "5 mg", "1", "2"], ["Metformin", "1 g", "2", "3"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How much Metformin was given on 7 February?", "Metformin, 7 Feb: 3."),
        ("Which drugs are there?", "Ramipril, Metformin."),
        ("Which drug gave the patient a rash?", ""),
    ],
)
def test_all_rows_are_no_answer_to_what_may_hold_for_some(question: str, said: str) -> None:
    answer = ask(question, DOSES, "The patient had a rash once.\nHe got these drugs:")
    assert answer.text.replace(" [1]", "").strip() == said if said else answer.answerer == "otherwise"


def test_a_row_is_no_answer_to_a_measure_that_the_table_has_not() -> None:
    assert ask("How old is Marek Dudek?", RACE, "Race results").answerer == "otherwise"


def test_a_row_with_nothing_beside_its_names_is_no_answer() -> None:
    rows = [["Item", "Key", "Share"], ["Heating", "", "13"], ["hot water", "", ""], ["Lift", "area", "18"]]
    assert ask("How much hot water did we use?", rows, "Costs").answerer == "otherwise"
