"""Rows told by one of several values of a cell, by what a column of dates counts, and rows that only a code names."""

import pytest

from tests.rag.answer.operators.one_table import ask

TEAM = [
    ["Name", "Born", "Joined", "Licence", "Languages"],
    ["Ada Holm", "1979", "2004", "C1", "English, Dutch"],
    ["Bo Lund", "1962", "2011", "B", "English"],
    ["Cleo Marr", "1988", "2001", "C1", "English, German"],
    ["Dov Pell", "1990", "2019", "none", "German and Danish"],
]
PAYMENTS = [
    ["Date", "Payee", "Amount", "Note"],
    ["2031-02-28", "Willow Nursery", "310.00", "monthly"],
    ["2031-03-09", "Kingsway Roofing", "1280.00", "roof"],
    ["2031-03-31", "Willow Nursery", "310.00", "monthly"],
    ["2031-06-27", "Sunny Ferries", "372.00", "Jersey"],
]
CAMP = [
    ["Child", "Group", "Nights"],
    ["Aron Pike", "Foxes", "3"],
    ["Bea Dorn", "Otters", "4"],
    ["Cem Wray", "Otters", "2"],
]
BREADS = [
    ["Bread", "Price", "Contains"],
    ["Dark rye", "4.90", "–"],
    ["Walnut stick", "4.60", "nuts"],
    ["Potato bread", "4.80", "milk"],
    ["Sweet plait", "5.90", "egg, milk"],
]
ROOMS = [["Room", "Heating"], ["Bathroom", "electric, with timer"], ["Kitchen", "range"], ["Hall", "none"]]
TOOLS = [
    ["Inventory", "Tool", "Deposit in euros"],
    ["W-01", "Drill", "50"],
    ["W-02", "Plate compactor", "200"],
]


@pytest.mark.parametrize(
    ("question", "rows", "before", "said"),
    [
        ("who in the rescue team speaks german?", TEAM, "Rescue team", "Cleo Marr, Dov Pell."),
        ("which rescue team people have a C1 licence", TEAM, "Rescue team", "Ada Holm, Cleo Marr."),
        (
            "names of all the members of the rescue team",
            TEAM,
            "Rescue team",
            "Ada Holm, Bo Lund, Cleo Marr, Dov Pell.",
        ),
        ("who's the oldest in the rescue team", TEAM, "Rescue team", "Bo Lund, Born: 1962 (oldest of 4)."),
        (
            "how often did we pay willow nursery",
            PAYMENTS,
            "Payments",
            "2: 2031-02-28, Willow Nursery; 2031-03-31, Willow Nursery.",
        ),
        (
            "what was our largest payment?",
            PAYMENTS,
            "Payments",
            "2031-03-09, Payee: Kingsway Roofing, Amount: 1280.00",
        ),
        ("how many kids are in the otters?", CAMP, "Camp", "2: Bea Dorn, Cem Wray."),
        ("which breads contain milk", BREADS, "Bakery", "Potato bread, Sweet plait."),
        ("how many nights does Bea stay?", CAMP, "Camp", "Bea Dorn, Nights: 4."),
        ("which tool has the highest deposit?", TOOLS, "Tools", "W-02, Plate compactor, Deposit in euros: 200"),
    ],
)
def test_which_rows_are_meant(question: str, rows: list[list[str]], before: str, said: str) -> None:
    assert said in ask(question, rows, before).text


def test_a_part_of_a_cell_is_no_value_where_cells_are_no_lists() -> None:
    assert ask("what time can we arrive in the room", ROOMS, "Cottage").text == "not computed"


@pytest.mark.parametrize("question", ["who in the rescue team speaks french?", "which people have a D licence?"])
def test_a_value_that_no_cell_has_picks_nothing(question: str) -> None:
    assert ask(question, TEAM, "Rescue team").text == "not computed"


def test_a_part_of_a_cell_tells_no_row_of_which_the_question_says_nothing() -> None:
    tasks = [["Name", "Task"], ["Sam Okafor", "ginger cake and café"], ["Ada Holm", "lens, fog signal"]]
    assert ask("what goes into the ginger cake", tasks, "Volunteers").text == "not computed"


def test_a_value_with_a_no_is_not_that_value() -> None:
    dishes = [["Dish", "Allergens"], ["Stew", "no nuts, milk"], ["Curry", "nuts, milk"], ["Soup", "egg, milk"]]
    assert "Stew" not in ask("which dishes have nuts?", dishes, "Dishes").text


@pytest.mark.parametrize("question", ["How many tables are in the hall?", "How many sheets are in the hall?"])
def test_tables_that_are_counted_are_no_rows(question: str) -> None:
    rooms = [["Room", "Place"], ["Studio", "Hall"], ["Kitchen", "Hall"], ["Loft", "Barn"]]
    assert ask(question, rooms, "Rooms").text == "not computed"


def test_each_row_of_a_list_of_days_is_a_time_of_what_it_is_about_alone() -> None:
    visits = [["Date", "Visitors", "Warden"], ["2031-02-01", "12", "Ada"], ["2031-02-08", "9", "Bo"]]
    assert ask("How often did the train come?", visits, "Hut book").text == "not computed"


def test_what_a_column_is_called_is_asked_for_and_not_the_row() -> None:
    lights = [
        ["", "station", "height_m", "lamp"],
        ["0", "Gull Rock", "41", "LED"],
        ["1", "Sable Head", "27", "halogen"],
    ]
    assert "halogen" in ask("Which lamp has Sable Head?", lights, "Lights").text
