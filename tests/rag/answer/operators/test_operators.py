"""Answers computed from tables: values by row and column, sums, differences, extremes, counts and lists of rows."""

from decimal import Decimal

import pytest

from rag.answer.operators.tables.grid import grids_of
from rag.answer.operators.tables.values import read_value
from tests.rag.answer.operators.one_table import HIRE, INCOME, STAFF, ask, library


@pytest.mark.parametrize(
    ("text", "number", "written"),
    [
        ("$ 1,240", "1240", "$1,240"),
        ("(1,091) $", "-1091", "-$1,091"),
        ("$ (45)", "-45", "-$45"),
        ("64.70", "64.70", "64.70"),
        ("3.4 %", "3.4", "3.4 %"),
        ("118 euros", "118", "118 euros"),
        ("-1,190.00", "-1190", "-1,190.00"),
        ("3 h 40 min", "220", "220 min"),
        ("1 hour and 5 minutes", "65", "65 minutes"),
    ],
)
def test_a_cell_is_read_as_a_number(text: str, number: str, written: str) -> None:
    value = read_value(text)
    assert value is not None
    assert (value.number, value.written) == (Decimal(number), written)


@pytest.mark.parametrize("text", ["cold", "—", "12 December", "07:05", "Flight 7", "(45", ""])
def test_what_is_no_plain_number_is_not_read_as_one(text: str) -> None:
    assert read_value(text) is None


def test_durations_are_compared() -> None:
    rows = [
        ["Programme", "Duration", "Load"],
        ["Eco", "3 h 20 min", "8 kg"],
        ["Wool", "45 min", "2 kg"],
        ["Cotton", "2 h 5 min", "8 kg"],
    ]
    assert "Wool, Duration: 45 min" in ask("Which programme is the shortest?", rows).text
    assert "155 min" in ask("How much longer is Eco than Wool?", rows).text


def test_rows_stand_in_groups_and_values_keep_their_scale() -> None:
    texts, whole = library(INCOME, "The following table is in millions:")
    (grid,) = grids_of([whole], texts)
    assert grid.scale == "millions"
    last = grid.lines[-1]
    assert grid.said(last, 1) == "Operating income (loss): Lenses, Three months ended June 30, 2031: -45 million"
    assert grid.said(grid.lines[2], 1) == "Total revenue, Three months ended June 30, 2031: 2,000 million"


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("What was the revenue of lenses in the three months ended June 30, 2031?", "760 million"),
        ("lamps operating income quarter ended june 30, 2030", "250 million"),
        ("What was the operating income of lenses in the quarter ended June 30, 2031?", "-45 million"),
        ("What was the total revenue in the six months ended June 30, 2031?", "3,800 million"),
    ],
)
def test_a_value_is_looked_up_by_row_group_and_column(question: str, value: str) -> None:
    answer = ask(question, INCOME, "(in millions)")
    assert f": {value}. [1]" in answer.text
    assert answer.span is not None
    assert answer.span.text.strip("$() ") == value.strip("- ").split()[0]


def test_the_column_that_is_named_decides_whatever_stands_in_it() -> None:
    counts = [
        ["Species", "2004", "2014", "2024"],
        ["Puffin (pairs)", "0", "21", "58"],
        ["Eider (nests)", "74", "", "49"],
    ]
    assert "2014: 21." in ask("How many pairs of puffins were there in 2014?", counts).text
    assert "58" not in ask("How many pairs of puffins were there in 2014?", counts).text
    assert ask("How many nests of eiders were there in 2014?", counts).text == "not computed"
    assert ask("How many nests of eiders were there in 2015?", counts).text == "not computed"


def test_a_row_that_another_cell_tells_must_account_for_more_of_the_question() -> None:
    flights = [
        ["Date", "Flight", "To", "Arrives"],
        ["3 May", "TP 669", "Lisbon", "09:10"],
        ["10 May", "TP 646", "Porto", "22:25"],
    ]
    assert ask("When do we arrive in Porto?", flights).text.startswith("10 May, Arrives: 22:25.")
    assert ask("When does the train to Porto arrive?", flights).text == "not computed"


def test_a_period_that_the_table_lacks_is_not_answered_with_another() -> None:
    assert ask("What was the revenue of lenses in the quarter ended June 30, 2025?", INCOME).text == "not computed"


def test_without_a_period_the_row_is_given_with_all_of_them() -> None:
    text = ask("Total revenue?", INCOME, "(in millions)").text
    assert all(value in text for value in ("2031: 2,000 million", "2030: 1,910 million", "3,800 million"))


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is Cleo Marr's extension?", "Cleo Marr, Extension: 413."),
        ("Who has been in the report since longest?", "Bo Lund, Since: 2009"),
        ("How many names are in the workshop?", "2: Ada Holm, Cleo Marr."),
        ("Who is in the workshop department?", "not computed"),  # that asks for one of two
        ("Which names are in the workshop department?", "Ada Holm, Cleo Marr."),
    ],
)
def test_rows_are_picked_by_what_stands_in_them(question: str, said: str) -> None:
    assert ask(question, STAFF).text.startswith(said)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which item has the highest price?", "Tent, Price in crowns: 120"),
        ("Which item has the lowest deposit?", "Stove, Deposit in crowns: 0"),
        ("How many items have a price under 50 crowns?", "2: Heater, Stove."),
        ("Which items have no delivery?", "Heater, Stove."),
        (
            "How much higher is the deposit of the tent than of the heater?",
            "220 (Deposit in crowns): Tent 300 − Heater 80 = 220.",
        ),
        ("What is the price of tent and stove together?", "165 (Price in crowns): Tent 120 + Stove 45 = 165."),
        ("Is the price of the stove higher than of the heater?", "Yes: Stove, Price in crowns: 45; Heater"),
        ("Is the price of the heater higher than of the stove?", "No: Stove, Price in crowns: 45; Heater"),
        ("What is the price of the tent and the canoe together?", "not computed"),
        ("Which boat has the highest price?", "not computed"),
    ],
)
def test_numbers_are_compared_and_added(question: str, said: str) -> None:
    answer = ask(question, HIRE)
    assert answer.text.startswith(said)
    assert (answer.answerer == "operators") == (said != "not computed")


def test_a_row_is_compared_with_itself_in_another_period() -> None:
    text = ask("How much did the total revenue grow from 2030 to 2031?", INCOME, "(in millions)").text
    assert text.startswith("90 million (Total revenue): ")


def test_sums_are_no_rows_of_their_own() -> None:
    text = ask("Which revenue was the highest in the three months ended June 30, 2031?", INCOME).text
    assert "Lamps" in text
    assert "Total" not in text


VISITS = [
    ["Month", "Year", "Visitors", "Days without a boat"],
    ["June", "2030", "310", "4"],
    ["July", "2030", "420", "1"],
    ["June", "2031", "365", "5"],
    ["July", "2031", "405", "2"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How many visitors came in June 2031?", "June, 2031, Visitors: 365."),
        (
            "How many more visitors came in June 2031 than in June 2030?",
            "55 (Visitors): June, 2031 365 − June, 2030 310",
        ),
        ("How many visitors came in 2030 in total?", "730 (Visitors): June, 2030 310 + July, 2030 420 = 730."),
        ("Which month had the most visitors?", "July, 2030, Visitors: 420 (most of 4)."),
        ("How many guided visitors came in June 2031?", "not computed"),  # these are visitors of another kind
        ("How many visitors came in June 2029?", "not computed"),
    ],
)
def test_rows_of_one_name_are_told_apart(question: str, said: str) -> None:
    assert ask(question, VISITS).text.startswith(said)


def test_rows_that_are_meant_alike_are_all_given() -> None:
    visits = [
        ["Month", "Year", "Visitors"],
        ["June", "2030", "310"],
        ["July", "2030", "3,987"],
        ["June", "2031", "290"],
        ["July", "2031", "4,102"],
    ]
    answer = ask("How many visitors came in July?", visits)
    assert "3,987" in answer.text and "4,102" in answer.text and len(answer.citations) == 2
    answer = ask("How many visitors came in July 2031?", visits)
    assert "4,102" in answer.text and "3,987" not in answer.text


def test_other_questions_and_other_languages_are_left_alone() -> None:
    assert ask("Why does the tent have a price?", HIRE).text == "not computed"
    assert ask("Wie hoch ist der Preis für das Tent?", HIRE).text == "not computed"


def test_a_column_is_meant_by_its_whole_name() -> None:
    rows = [
        ["Berth", "Q1", "Comment", "Q2", "Comment"],
        ["Berth 4", "good", "needs a cleat", "poor", "lamp broken"],
        ["Berth 9", "fair", "dry", "good", "ladder repaired"],
    ]
    assert "ladder repaired" in ask("What is the comment on Q2 of Berth 9?", rows).text
    assert "Q2: good" in ask("What is the Q2 grade of Berth 9?", rows).text
    assert "ladder" not in ask("What is the Q2 grade of Berth 9?", rows).text


def test_a_row_is_meant_by_its_code_in_another_spelling() -> None:
    rows = [["Flat", "Deposit", "Floor"], ["B 12", "870", "1"], ["B 13", "990", "1"], ["C 12", "910", "2"]]
    for code in ("B12", "B-12", "B 12"):
        assert "870" in (text := ask(f"What is the deposit of flat {code}?", rows).text) and "990" not in text


SERVICES = [
    ["Service", "Price in crowns", "Time needed", "Since"],
    ["Full service", "120", "3 hours", "2015"],
    ["Puncture repair", "12", "20 minutes", "2009"],
    ["Wheel truing", "25", "30 minutes", "2022"],
]
POLICY = [
    ["Cover", "Last year", "This year"],
    ["Liability", "412.00", "446.00"],
    ["Theft", "296.00", "331.50"],
    ["Total in pounds", "708.00", "777.50"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which service is the cheapest?", "Puncture repair, Price in crowns: 12 (cheapest of 3)."),
        ("Which service is the most expensive?", "Full service, Price in crowns: 120 (most of 3)."),
        ("Which service is the newest?", "Wheel truing, Since: 2022 (newest of 3)."),
    ],
)
def test_the_adjective_says_what_is_compared(question: str, said: str) -> None:
    assert ask(question, SERVICES).text.startswith(said)


def test_hours_and_minutes_are_compared_in_one_unit() -> None:
    assert ask("Which service needs the longest time?", [row[:3] for row in SERVICES]).text.startswith(
        "Full service, Time needed: 3 hours"
    )


def test_what_cannot_be_read_as_a_number_leaves_the_extreme_open() -> None:
    rows = [*SERVICES, ["Repaint", "from 80", "2 days", "2023"]]
    assert ask("Which service is the cheapest?", rows).text == "not computed"


def test_a_difference_of_nothing_that_is_named_is_that_of_the_sums() -> None:
    text = ask("How much more is it this year than last year?", POLICY).text
    assert text.startswith("69.50 (Total in pounds): This year 777.50 − Last year 708.00 = 69.50.")


def test_a_row_of_one_measure_does_not_answer_for_another() -> None:
    income = [
        ["", "Quarter ended June 30, 2031", "Quarter ended June 30, 2030"],
        ["Lamps", "310", "250"],
        ["Lenses", "45", "20"],
    ]
    before = "Operating income by segment (in millions):"
    assert ask("How much more was lamps operating income in 2031 than in 2030?", income, before).text.startswith(
        "60 million"
    )
    assert ask("How much more were lamps sales in 2031 than in 2030?", income, before).text == "not computed"
    assert ask("What were lamps sales in the quarter ended June 30, 2031?", income, before).text == "not computed"


def test_how_much_asks_for_the_price_among_columns_alike() -> None:
    hotels = [
        ["Hotel", "Nights", "Price per night"],
        ["Ribeira Rooms", "3", "118 euros"],
        ["Casa Verde", "4", "142 euros"],
    ]
    assert ask("How much is a night at Ribeira Rooms?", hotels).text.startswith(
        "Ribeira Rooms, Price per night: 118 euros"
    )
    assert ask("How many nights are we at Ribeira Rooms?", hotels).text.startswith("Ribeira Rooms, Nights: 3")
