"""Rows that have exactly the amount asked for, whatever its unit is called, and who stands in them."""

import pytest

from tests.rag.answer.operators.one_table import ask

BERTHS = [
    ["Berth", "Tenant", "Boat", "Length in m", "Fee"],
    ["A1", "Olga Brandt", "Plover", "8", "£320"],
    ["A2", "Jonas Reed", "Tern", "11", "£440"],
    ["B1", "Mia Sorrel", "Gannet", "8", "£320"],
    ["B2", "vacant", "", "12", "£480"],
]
OVEN = [
    ["Gebäck", "Temperatur", "Backzeit"],
    ["Brot", "230 °C", "45 min"],
    ["Stollen", "170 °C", "60 min"],
    ["Nusskuchen", "170 °C", "50 min"],
]


@pytest.mark.parametrize(
    ("question", "rows", "before", "said"),
    [
        ("who has a berth of exactly 8 metres?", BERTHS, "Berths", "Olga Brandt (Berth A1), Mia Sorrel (Berth B1)."),
        ("how many berths have a fee of 320 pounds", BERTHS, "Berths", "2: A1, Olga Brandt; B1, Mia Sorrel."),
        ("Welches Gebäck wird bei 170 Grad gebacken?", OVEN, "Backtabelle", "Stollen, Nusskuchen."),
        ("everything baked at 170 degrees", OVEN, "What is baked", "Stollen, Nusskuchen."),
    ],
)
def test_rows_with_an_amount(question: str, rows: list[list[str]], before: str, said: str) -> None:
    assert said in ask(question, rows, before).text


@pytest.mark.parametrize("question", ["who has a berth of 9 metres?", "which berths were let in 2031?"])
def test_an_amount_that_no_row_has_answers_nothing(question: str) -> None:
    assert ask(question, BERTHS, "Berths").text == "not computed"
