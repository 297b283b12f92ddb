"""A superlative in front of what is sought asks for an extreme without "which"."""

from rag.answer.asked.superlatives import asks_for_extreme
from tests.rag.answer.operators.one_table import ask

BOATS = [["Boat", "Length in m", "Fee"], ["Plover", "8", "£320"], ["Tern", "11", "£440"], ["Gannet", "9", "£330"]]


def test_finds_the_row() -> None:
    assert "Tern, Length in m: 11" in ask("longest boat in the list", BOATS, "List of boats").text


def test_other_words_of_that_form_ask_for_none() -> None:
    assert not asks_for_extreme("best before date of the milk")
    assert not asks_for_extreme("interest rate of the loan")
