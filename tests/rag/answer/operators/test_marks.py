"""Questions about columns that say yes or no, or that are filled in some rows alone."""

import pytest

from tests.rag.answer.operators.one_table import ask

PLOTS = [
    ["Plot", "Holder", "Shed", "Fence checked", "Paid 2031"],
    ["4", "Oisin Daly", "yes", "x", "48"],
    ["5", "Marta Kowalczyk", "no", "", "24"],
    ["6", "vacant", "no", "", ""],
    ["7", "Lucien Abara", "yes", "x", "48"],
    ["8", "Lucie Daly", "yes", "", ""],
]
TOOLS = [
    ["Tool", "Deposit", "Lent to", "Since"],
    ["Chainsaw", "80 EUR", "Wim Graaf", "14 September"],
    ["Ladder", "40 EUR", "", ""],
    ["Sander", "100 EUR", "Rosa Lindt", "2 October"],
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many plots have a shed?", "3: 4, 7, 8."),
        ("How many plots have no shed?", "2: 5, 6."),
        ("Which plots have a shed?", "4, 7, 8."),
        ("How many plots have a checked fence?", "2: 4, 7."),
        ("Does plot 4 have a shed?", "Yes. 4, Shed: yes."),
        ("Has plot 5 a shed?", "No. 5, Shed: no."),
        ("Has Oisin got a shed?", "Yes. Holder: Oisin Daly; Plot: 4, Shed: yes."),
        ("Has Lucien paid for 2031?", "Holder: Lucien Abara; Plot: 7, Paid 2031: 48."),
        ("How much does Marta pay?", "Holder: Marta Kowalczyk; Plot: 5, Paid 2031: 24."),
    ],
)
def test_marks_are_counted_and_told(question: str, answer: str) -> None:
    assert ask(question, PLOTS).text.startswith(f"{answer} ")


@pytest.mark.parametrize(
    "question",
    [
        "Has plot 6 paid for 2031?",  # nothing stands there
        "Has Daly got a shed?",  # two have that name
        "Has Oisin Brown got a shed?",
        "Does plot 9 have a shed?",
        "Does plot 4 have a greenhouse?",
        "Has Lucien paid for 2030?",
        "How many plots have a greenhouse?",
    ],
)
def test_what_no_mark_tells_is_left_to_others(question: str) -> None:
    assert ask(question, PLOTS).answerer == "otherwise"


@pytest.mark.parametrize("question", ["How many tools are lent?", "How many things are lent now?"])
def test_rows_that_are_filled_are_counted(question: str) -> None:
    assert ask(question, TOOLS).text.startswith("2: Chainsaw, Sander. ")


def test_numbered_rows_with_several_names_are_called_by_their_text() -> None:
    rows = [["No", *TOOLS[0], "Owner"], ["11", *TOOLS[1], "Club"], ["12", *TOOLS[2], "Ines Koll"]]
    assert ask("Who has the chainsaw?", rows).text.startswith("Chainsaw, Lent to: Wim Graaf. ")
    assert ask("Who has the ladder?", rows).text.startswith("Ladder, Owner: Ines Koll. ")


def test_one_of_a_kind_costs_the_price_of_one() -> None:
    offer = [
        ["Item", "Quantity", "Unit price", "Total"],
        ["Shelf board", "14", "62.00 EUR", "868.00 EUR"],
        ["Side panel", "6", "95.00 EUR", "570.00 EUR"],
    ]
    assert "Unit price: 95.00" in ask("What does a side panel cost?", offer).text
    assert "Total: 570.00" in ask("What do the side panels cost?", offer).text


def test_rows_of_a_kind_are_counted_by_its_mark() -> None:
    rooms = [["Room", "Who", "Single"], ["101", "Ylva Marten", "no"], ["102", "Gus Brehm", "yes"], ["103", "Ada", "no"]]
    assert ask("How many single rooms are there?", rooms).text.startswith("1: Gus Brehm. ")
    assert ask("Does Gus Brehm have a single room?", rooms).text.startswith("Yes. Gus Brehm, Single: yes. ")
