"""The new price is quoted where a later letter changes an old one."""

import pytest

from tests.rag.answer.operators.one_table import ask

LETTERS = (
    "The boat.\n\nWe offer you the sloop Marlin for 8,400 euros. The trailer costs 650 euros. "
    "The cover costs 90 euros.\n\n"
    "Agreed: instead of 8,400 euros we let you have the Marlin for 7,900 euros. We also come down with the trailer "
    "from 650 to 600 euros. The second sail goes from 200 to 180 euros."
)
NO_TABLE = [["A", "B"], ["x", "y"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("how much do we pay for the Marlin?", "the Marlin for 7,900 euros."),
        ("what does the trailer cost?", "We also come down with the trailer from 650 to 600 euros."),
    ],
)
def test_quotes_the_new_price(question: str, said: str) -> None:
    assert said in ask(question, NO_TABLE, LETTERS).text


@pytest.mark.parametrize(
    "question",
    ["what did the Marlin cost at first?", "what does the cover cost?", "what does the second sail cost?"],
)
def test_other_questions_are_left_to_others(question: str) -> None:
    assert ask(question, NO_TABLE, LETTERS).text == "not computed"
