"""Differences of two amounts of a sentence, told by the names in front of them or by being the only ones."""

import pytest

from rag.answer.asked.extremes import lacks_asked_extreme
from rag.answer.operators.computed.prose_difference import difference_in
from rag.query.query import make_query


@pytest.mark.parametrize(
    ("question", "text", "said"),
    [
        ("by how much did the ticket go up", "A ticket is £4.20 now instead of £3.90.", "£0.30: £4.20 − £3.90"),
        (
            "difference in leave between Ines and Karl",
            "Leave left: Ines 9 days, Olga 4 days, Karl 6.5 days.",
            "2.5 days",
        ),
        ("price gap between the two offers", "Rowe asks €1,200, and Delta €980.", "€220"),
    ],
)
def test_the_difference_is_worked_out(question: str, text: str, said: str) -> None:
    found = difference_in(make_query(question), text)
    assert found is not None and found.startswith(said)


def test_three_amounts_and_no_names_tell_none() -> None:
    assert difference_in(make_query("difference between the offers"), "Offers: €1,200, €980 and €1,050.") is None
    assert difference_in(make_query("what did Rowe ask?"), "Rowe asks €1,200, and Delta €980.") is None


def test_a_sentence_that_names_no_extreme_is_told_from_one_that_does() -> None:
    assert lacks_asked_extreme("¿Qué receta lleva más aceite?", "Tortilla: 100 ml de aceite")
    assert not lacks_asked_extreme("¿Qué receta lleva más aceite?", "La que lleva más aceite es la tortilla.")
    assert not lacks_asked_extreme("¿Qué receta lleva aceite?", "Tortilla: 100 ml de aceite")
