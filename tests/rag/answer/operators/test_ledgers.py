"""Dated entries of a list: their sums by category, payee and period, with every part shown, and single ones."""

import pytest

from tests.rag.answer.operators.one_table import ask

ACCOUNT = [
    ["Date", "Category", "Payee", "Amount (EUR)"],
    ["2034-05-02", "Rent", "Ina Solberg", "900.00"],
    ["2034-05-04", "Groceries", "Kolm", "64.20"],
    ["2034-05-11", "Groceries", "Market Hall", "31.75"],
    ["2034-05-21", "Groceries", "Kolm", "58.90"],
    ["2034-06-03", "Rent", "Ina Solberg", "900.00"],
    ["2034-06-06", "Groceries", "Kolm", "71.10"],
    ["2034-06-19", "Health", "Pharmacy Sol", "17.35"],
]
STATEMENT = [
    ["Booked", "Text", "Amount"],
    ["03.02.2034", "Salary", "2,400.00"],
    ["05.02.2034", "Power", "-80.50"],
    ["09.02.2034", "Water", "-41.00"],
    ["02.03.2034", "Salary", "2,450.00"],
    ["05.03.2034", "Power", "-79.50"],
]


@pytest.mark.parametrize(
    ("question", "total", "parts"),
    [
        ("How much did I spend on groceries in May?", "154.85", ("64.20", "31.75", "58.90")),
        ("How much did I spend at Kolm?", "194.20", ("64.20", "58.90", "71.10")),
        ("What did I pay for groceries at Kolm in June 2034?", "71.10", ()),
        ("How much did we spend in total in June 2034?", "988.45", ("900.00", "71.10", "17.35")),
        ("What is the total of all expenses for health?", "17.35", ()),
    ],
)
def test_the_entries_that_are_meant_are_added_up(question: str, total: str, parts: tuple[str, ...]) -> None:
    answer = ask(question, ACCOUNT, "Household account")
    assert answer.answerer == "operators"
    assert answer.text.startswith(f"{total} (Amount (EUR)): ")
    assert all(part in answer.text for part in parts)
    assert len(answer.citations) == max(1, len(parts))


@pytest.mark.parametrize(
    "question",
    [
        "How much did I spend on dentists in May?",
        "How much did I spend on groceries in July?",
        "How much did I spend on groceries per month?",
        "How much more did I spend on groceries in May than in June?",
        "How much did Nora spend on groceries?",
        "How much did I not spend on rent?",
    ],
)
def test_another_sum_than_the_one_asked_for_is_not_given(question: str) -> None:
    answer = ask(question, ACCOUNT, "Household account")
    assert "(Amount (EUR)): 2034" not in answer.text


def test_what_comes_in_and_what_goes_out_are_not_mixed() -> None:
    assert ask("How much was spent in February?", STATEMENT).text.startswith("-121.50 (Amount): ")
    assert ask("How much did I earn in total?", STATEMENT).text.startswith("4,850.00 (Amount): ")


def test_a_month_without_a_year_that_lies_in_several_is_not_added_up() -> None:
    older = ["2033-05-07", "Groceries", "Kolm", "12.00"]
    answer = ask("How much did I spend on groceries in May?", [*ACCOUNT, older], "Household account")
    assert "166.85" not in answer.text


@pytest.mark.parametrize(
    ("question", "held"),
    [
        ("What was my most expensive grocery purchase?", "71.10"),
        ("What was the smallest payment to Kolm?", "58.90"),
        ("What was the largest expense for groceries in May?", "64.20"),
        ("When did I last pay the rent?", "2034-06-03"),
        ("When did I first buy groceries at Kolm?", "2034-05-04"),
    ],
)
def test_one_entry_is_found_by_amount_or_day(question: str, held: str) -> None:
    answer = ask(question, ACCOUNT, "Household account")
    assert answer.answerer == "operators"
    assert held in answer.text
    assert len(answer.citations) == 1


def test_an_entry_that_nobody_booked_is_not_found() -> None:
    assert ask("When did I last pay the dentist?", ACCOUNT, "Household account").answerer == "otherwise"
    assert ask("When was the second payment to Kolm?", ACCOUNT, "Household account").answerer == "otherwise"


def long_account(months: int) -> list[list[str]]:
    days = [(month, day) for month in range(1, months + 1) for day in range(1, 29)]
    return [ACCOUNT[0], *([f"2034-{month:02}-{day:02}", "Bread", "Mill", "2.50"] for month, day in days)]


def test_a_long_list_is_added_up_whole() -> None:
    assert ask("How much did I spend on bread in May?", long_account(12)).text.startswith(
        "70.00 (Amount (EUR)), the sum of 28"
    )
    assert ask("How much did I spend on bread in total?", long_account(12)).text.startswith("840.00 ")
    assert ask("When did I last buy bread?", long_account(12)).text.startswith("2034-12-28")
    twice = [*long_account(12), *long_account(12)[1:]]  # more rows than are read as a whole for other questions
    assert ask("How much did I spend on bread in total?", twice).text.startswith("1,680.00 ")


@pytest.mark.parametrize(
    "question",
    [
        "How much did I spend on groceries on 11 May?",
        "How much did I spend on groceries in May and June?",
        "How much did I spend on groceries in May and June 2034?",
        "How much did I spend on groceries from 3 May to 20 May 2034?",
        "How much did I spend on groceries 3 May 2034 to 20 May 2034?",
        "How much did I pay May?",
        "How much did I receive for groceries?",
    ],
)
def test_a_period_that_is_not_understood_is_not_added_up(question: str) -> None:
    assert "(Amount (EUR)): 2034" not in ask(question, ACCOUNT, "Household account").text


def test_nothing_came_in_for_water() -> None:
    assert ask("How much did I get for water in February?", STATEMENT).answerer == "otherwise"


def in_slashes(*rows: tuple[str, str]) -> list[list[str]]:
    return [["Date", "Payee", "Amount"], *([day, "Kolm", amount] for day, amount in rows)]


def test_day_and_month_are_told_by_the_other_dates_of_the_column() -> None:
    american = in_slashes(("05/06/2034", "10.00"), ("05/21/2034", "20.00"), ("06/05/2034", "40.00"))
    british = in_slashes(("05/06/2034", "10.00"), ("21/05/2034", "20.00"), ("06/05/2034", "40.00"))
    open_ = in_slashes(("05/06/2034", "10.00"), ("07/05/2034", "20.00"), ("06/05/2034", "40.00"))
    question = "How much did I spend at Kolm in May 2034?"
    assert ask(question, american).text.startswith("30.00 ")
    assert ask(question, british).text.startswith("60.00 ")
    assert ask(question, open_).answerer == "otherwise"
    assert ask("How much did I spend at Kolm?", open_).text.startswith("70.00 ")


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        (["Currency"], (["EUR"], ["USD"], ["EUR"])),
        (["Quantity"], (["2"], ["1"], ["3"])),
    ],
)
def test_amounts_that_cannot_be_added_are_not(columns: list[str], cells: tuple[list[str], ...]) -> None:
    rows = [
        [*row, *more]
        for row, more in zip(
            in_slashes(("21/05/2034", "1"), ("22/05/2034", "2"), ("23/05/2034", "3"))[1:], cells, strict=True
        )
    ]
    answer = ask("How much did I spend at Kolm?", [["Date", "Payee", "Amount", *columns], *rows])
    assert not answer.text.startswith("6 ")


def test_balances_and_sums_are_no_entries_and_amounts_that_are_not_read_end_it() -> None:
    rows = [*ACCOUNT, ["2034-06-30", "", "Closing balance", "5000.00"]]
    assert ask("How much did I spend at Kolm in total?", rows).text.startswith("194.20 ")
    assert ask("How much did we spend in total in June 2034?", rows).text.startswith("988.45 ")
    unread = [*ACCOUNT, ["2034-06-20", "Groceries", "Kolm", "about 20"]]
    assert ask("How much did I spend at Kolm?", unread).answerer == "otherwise"
