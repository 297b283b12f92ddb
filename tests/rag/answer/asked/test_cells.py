"""An empty cell has no answer, nor has another cell of its row; who is asked for stands in the column of the verb."""

import pytest

from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.operators.one_table import ask, library
from tests.rag.fakes import FakeEmbedder

LENT = [
    ["Thing", "Owner", "Lent to", "Lent on", "Returned", "Phone of owner"],
    ["Grill", "Tomke Behrens", "Ida Falk", "2026-01-03", "2026-01-05", ""],
    ["Beamer", "Ida Falk", "Tomke Behrens", "2026-01-16", "2026-01-18", "0555 9127"],
    ["Ladder", "Luis Amaro", "Gesa Holm", "2026-01-20", "", "0555 3301"],
    ["Tent", "Gesa Holm", "Ivo Marsh", "2026-02-06", "2026-02-09", "0555 4410"],
    ["Sewing machine", "Ida Falk", "", "", "", "0555 9127"],
    ["Rake", "", "", "", "", ""],
]
LOANS = [
    ["Item", "Borrower", "Borrowed on", "Deposit"],
    ["Hedge trimmer", "Nadia Osman", "2025-04-02", "40"],
    ["Tile cutter", "Yuki Arai", "2025-04-11", "60"],
    ["Hedge trimmer", "Rosa Milan", "2025-04-14", "40"],
]


def quoted(question: str) -> Answer:
    """What is answered where no operator is asked. The fake embedder knows no meanings: the threshold is low."""
    _, whole = library(LENT, "What was lent.")
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), min_confidence=0.1)
    *_, answer = answerer.answer(make_query(question), [whole])
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("When was the tent returned?", True),
        ("When was the ladder returned?", False),
        ("Who has the rake?", False),
        ("Who borrowed the sewing machine?", False),
        ("What is the phone of the owner of the tent?", True),
        ("What is the phone of Ivo Marsh?", False),
    ],
)
def test_a_row_with_nothing_in_the_asked_column_is_no_answer(question: str, found: bool) -> None:
    assert quoted(question).found is found


@pytest.mark.parametrize(
    ("question", "rows", "said"),
    [
        ("Who borrowed the tile cutter?", LOANS, "Tile cutter, Borrower: Yuki Arai."),
        ("Who borrowed the beamer?", LENT, "Beamer, Lent to: Tomke Behrens."),
        ("Who owns the tent?", LENT, "Tent, Owner: Gesa Holm."),
        ("What is the phone of the owner Luis Amaro?", LENT, "Ladder, Phone of owner: 0555 3301."),
    ],
)
def test_the_column_of_the_verb_says_who(question: str, rows: list[list[str]], said: str) -> None:
    assert said in ask(question, rows).text


@pytest.mark.parametrize("question", ["Who borrowed the sewing machine?", "What is the phone of Tomke Behrens?"])
def test_no_other_column_answers_instead(question: str) -> None:
    assert ask(question, LENT).answerer == "otherwise"


def test_how_often_counts_the_rows() -> None:
    answer = ask("How often was the hedge trimmer borrowed?", LOANS)
    assert answer.text.startswith("2: Hedge trimmer")
    assert len(answer.citations) == 2
