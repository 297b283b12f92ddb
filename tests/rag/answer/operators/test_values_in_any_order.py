"""Several values of one cell tell a row in whatever order the cell and the question say them."""

import pytest

from tests.rag.answer.operators.one_table import ask

CREW = [
    ["Name", "Speaks"],
    ["Ada Holm", "Dutch, English"],
    ["Bo Lund", "English, Dutch"],
    ["Cleo Marr", "English"],
    ["Dov Pell", "Danish, Dutch"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("which people in the crew speak English and Dutch", "Ada Holm, Bo Lund."),
        ("who in the crew speaks Dutch and English?", "Ada Holm, Bo Lund."),
        ("who in the crew speaks dutch", "Ada Holm, Bo Lund, Dov Pell."),
        ("list all people of the crew", "Ada Holm, Bo Lund, Cleo Marr, Dov Pell."),
    ],
)
def test_values_in_any_order(question: str, said: str) -> None:
    assert said in ask(question, CREW, "Crew").text
