"""Lists in sentences that say the same of many names."""

import pytest

from tests.rag.answer.operators.one_table import ask

LIST = (
    "Harbour staff.\n\nØyvind Sørby has locker 12 and answers extension 7021.\n\nÅse Sørby has locker 14 and answers "
    "extension 7028.\n\nBea Holm has locker 15 and answers extension 7035."
)
NO_TABLE = [["A", "B"], ["x", "y"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the extension of Ase Sorby?", "Åse Sørby has locker 14 and answers extension 7028."),
        ("which locker has Bea Holm?", "Bea Holm has locker 15"),
    ],
)
def test_quotes_the_sentence_of_the_name(question: str, said: str) -> None:
    assert said in ask(question, NO_TABLE, LIST).text


@pytest.mark.parametrize("question", ["What is the extension of Ase Holm?", "What is the bicycle number of Bea Holm?"])
def test_a_name_in_two_pieces_or_another_thing_is_not_quoted(question: str) -> None:
    assert ask(question, NO_TABLE, LIST).text == "not computed"
