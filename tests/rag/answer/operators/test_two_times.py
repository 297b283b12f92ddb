"""Values of two times compared: rise or fall, the year before; rows compared that one word tells."""

import pytest

from tests.rag.answer.operators.one_table import INCOME, ask

COVER = [
    ["Cover", "Last year", "This year"],
    ["Third party liability", "412.00", "438.00"],
    ["Legal expenses", "54.00", "51.20"],
]
PARTS = [
    ["Part", "Crowns", "Due"],
    ["Lantern glazing", "61,700", "31 October 2025"],
    ["Jetty", "127,900", "30 June 2026"],
    ["Scaffold and access", "88,000", "1 May 2025"],
]
VISITORS = [
    ["Month", "Year", "Visitors"],
    ["July", "2023", "3987"],
    ["August", "2023", "4410"],
    ["July", "2024", "4102"],
]
MIXED = [
    ["", "Three months ended June 30, 2031", "Three months ended June 30, 2030"],
    ["Net revenue:", "", ""],
    ["Total net revenue", "2,000", "1,910"],
    ["Operating income (loss):", "", ""],
    ["Lamps", "310", "250"],
]


@pytest.mark.parametrize(
    ("question", "rows", "said"),
    [
        ("Did revenue of lamps rise in the quarter?", INCOME, "Yes: Revenue: Lamps"),
        ("Did the third party liability fall?", COVER, "No: Third party liability, This year: 438.00"),
        ("did legal expenses get cheaper or more expensive?", COVER, "It fell: Legal expenses, This year: 51.20; Last"),
        ("legal expenses compared to last year", COVER, "2.80 (Legal expenses): Last year 54.00"),
        ("is the jetty more expensive than the glazing", PARTS, "Yes: Jetty, Crowns: 127,900; Lantern glazing"),
        ("is the glazing more expensive than the jetty", PARTS, "No: Jetty, Crowns: 127,900; Lantern glazing"),
        ("more visitors in july 2023 or july 2024?", VISITORS, "July, 2024"),
    ],
)
def test_what_is_told(question: str, rows: list[list[str]], said: str) -> None:
    assert said in ask(question, rows, "Table.").text


@pytest.mark.parametrize(
    "question",
    [
        "How did the revenue of lamps change year over year?",  # only their income is there
        "What was the revenue of lamps in the quarter ended June 30, 2031?",
        "By how much did gaming revenue rise against the year before?",  # the total is no part of it
        "Did lenses rise?",  # no such row
        "is the jetty more expensive than the bridge",
    ],
)
def test_another_measure_or_row_is_no_answer(question: str) -> None:
    assert ask(question, MIXED, "Table.").text == "not computed"


FERRY = [["Line", "2023", "2024"], ["Ferry", "10", "12"], ["Operating expenses", "(500)", "(800)"]]


@pytest.mark.parametrize(
    "question",
    [
        "Did the ferry become more affordable?",
        "Did operating expenses rise?",  # in brackets: which way is up is not told
        "Did the rise in ferry get approved?",
        "Did the ferry rise or stay the same?",
        "What was the year over year percentage growth of the ferry?",
    ],
)
def test_what_is_no_rise_or_fall_is_left_open(question: str) -> None:
    assert "Yes" not in (said := ask(question, FERRY, "Table.").text)
    assert "No:" not in said
    assert "rose" not in said


@pytest.mark.parametrize(
    "question", ["Is the red bike cheaper than the city car?", "Is the green bike cheaper than the city scooter?"]
)
def test_a_side_that_names_another_thing_is_no_row(question: str) -> None:
    rows = [["Thing", "Price"], ["Red bike", "300"], ["City scooter", "900"]]
    assert ask(question, rows, "Shop.").text == "not computed"
    assert "Yes: Red bike" in ask("Is the red bike cheaper than the city scooter?", rows, "Shop.").text
