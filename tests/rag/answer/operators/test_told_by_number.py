"""Rows that are told by a number behind the name of its column."""

import pytest

from tests.rag.answer.operators.one_table import ask

ROTA = [
    ["Crew", "Role", "Pager", "Hut"],
    ["North", "Helm", "7011", "3"],
    ["North", "Radio", "7012", ""],
    ["South", "Helm", "7021", "3"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Which crew has pager 7012?", "Crew: North; Pager: 7012."),
        ("What role has pager number 7021?", "Role: Helm; Pager: 7021."),
    ],
)
def test_the_asked_cell_of_the_row_with_the_number_is_said(question: str, said: str) -> None:
    assert ask(question, ROTA).text.removesuffix(" [1]") == said


@pytest.mark.parametrize(
    "question",
    [
        "Which crew has pager 701?",  # no row
        "Which hut has pager 7012?",  # nothing stands there
        "Which crew has hut 3?",  # two rows
        "Which crew bought the spare battery of pager 7012 in the winter sale?",  # about something else
    ],
)
def test_what_no_single_cell_tells_is_not_said(question: str) -> None:
    assert "Pager: 70" not in ask(question, ROTA).text
    assert not ask(question, ROTA).text.startswith("Crew: ")
