"""Lists of a table's rows by the month of a date."""

import pytest

from tests.rag.answer.operators.one_table import ask

INVOICES = [
    ["Invoice", "Customer", "Issued", "Due", "Status"],
    ["INV-311", "Garnet Bakery", "2025-04-02", "2025-05-02", "paid"],
    ["INV-313", "Castle Trust", "2025-04-28", "2025-05-28", "paid"],
    ["INV-314", "Garnet Bakery", "2025-05-06", "2025-06-05", "unpaid"],
    ["INV-315", "Beck & Sons", "2025-05-19", "2025-06-18", "paid"],
]
EVENTS = [
    ["Date", "Event", "Place"],
    ["27 June 2025", "Summer concert", "Church"],
    ["5 July 2025", "Regatta", "Harbour"],
    ["19 July 2025", "Flea market", "Square"],
]


@pytest.mark.parametrize(
    ("question", "held", "left_out"),
    [
        ("Which invoices were issued in May?", ["INV-314", "INV-315"], ["INV-311", "INV-313"]),
        ("Which invoices are due in May 2025?", ["INV-311", "INV-313"], ["INV-314", "INV-315"]),
        ("How many invoices were issued in April?", ["2: ", "INV-311", "INV-313"], ["INV-314"]),
    ],
)
def test_by_the_date_that_the_question_names(question: str, held: list[str], left_out: list[str]) -> None:
    said = ask(question, INVOICES, "List of invoices").text
    assert all(each in said for each in held)
    assert not any(each in said for each in left_out)


def test_rows_that_are_called_by_their_date_say_what_they_are() -> None:
    said = ask("Which events are in July?", EVENTS, "Calendar of events").text
    assert "5 July 2025 (Regatta, Harbour); 19 July 2025 (Flea market, Square)." in said


@pytest.mark.parametrize("question", ["Which invoices were there in May?", "Which invoices were issued in May 2024?"])
def test_an_unclear_date_or_an_empty_month_is_left_open(question: str) -> None:
    assert ask(question, INVOICES, "List of invoices").text == "not computed"
