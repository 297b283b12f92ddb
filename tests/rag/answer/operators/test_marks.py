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
