"""Made-up forms, tables and statements: every value stands where it is said to, and no negative holds the answer."""

import random

import pytest

from training.data.records import Making
from training.data.records_sheet import Sheet
from training.data.store import CLAIM

PEOPLE = ["Ada Lund", "Ben Ortiz", "Cleo Marsh", "Dan Weber", "Eva Novak", "Finn Adler", "Gus Hale", "Ida Brandt"]
TOWNS = ["Lisbon", "Harrowby", "Bergen", "Easthaven"]
SHEET = [["tent", "120 €", "3 kg"], ["lamp", "18 €", "1 kg"]]


def making(seed: int, documents: int = 30) -> Making:
    made = Making(random.Random(seed), PEOPLE, TOWNS)
    for number in range(documents):
        made.statement() if number % 3 == 0 else made.record()
    return made


@pytest.mark.parametrize("shape", ["table", "sheet", "form", "line"])
def test_values_stand_where_they_are_said_to(shape: str) -> None:
    text, places = Sheet(shape, "Item", ["Price", "Weight"], SHEET).written()
    read = [[text[slice(*places[row, column])] for column in (0, 1)] for row in (0, 1)]
    assert read == [["120 €", "3 kg"], ["18 €", "1 kg"]]


def test_a_sheet_without_a_row_or_column_lacks_its_values() -> None:
    sheet = Sheet("table", "Item", ["Price", "Weight"], SHEET)
    assert "120" not in sheet.without_row(0).written()[0]
    assert sheet.without_column(0).written()[0] == "Item | Weight\ntent | 3 kg\nlamp | 1 kg"


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_values_of_their_document(seed: int) -> None:
    made = making(seed)
    answered = [row for row in made.questions if row[1] >= 0]
    assert len(answered) > 30
    for _, passage, places, _, _ in answered:
        text = made.passages[passage][1]
        ((start, end),) = places
        assert text[start:end].strip()
        assert text[start - 1 : start] in "\n |$€£ ", "a value begins a cell or follows its label"


def test_absent_questions_have_no_place_and_a_document_to_be_asked_of() -> None:
    made = making(1)
    absent = [row for row in made.questions if row[1] < 0]
    assert absent
    assert all(not places and len(negatives) == 1 for _, _, places, negatives, _ in absent)


def test_a_false_statement_differs_from_every_true_one_about_its_document() -> None:
    made = making(2)
    true = {(text, passage) for text, passage, _, _, _ in made.claims if passage >= 0}
    false = {(text, negatives[0]) for text, passage, _, negatives, _ in made.claims if passage < 0}
    assert true
    assert false
    assert not true & false
    assert all(kind == CLAIM for *_, kind in made.claims)


def test_the_same_seed_makes_the_same() -> None:
    assert making(7, 5).passages == making(7, 5).passages
