"""How much of a question stands together, on sentences written here."""

import pytest

from rag.query.query import make_query
from rag.retrieve.proximity import WINDOW, proximity

QUESTION = "When did the lighthouse change to paraffin?"
FILLER = "and so on " * WINDOW


def test_all_words_together_are_one_and_none_is_zero() -> None:
    whole, none = proximity(
        make_query(QUESTION).rarity, ["The lighthouse would change to paraffin.", "Tickets cost four pounds."]
    )
    assert whole == pytest.approx(1.0)
    assert none == 0.0


def test_words_far_apart_count_less_than_the_same_words_together() -> None:
    together, apart = proximity(
        make_query(QUESTION).rarity,
        [f"{FILLER} lighthouse paraffin {FILLER}", f"lighthouse {FILLER} {FILLER} paraffin"],
    )
    assert together > apart > 0


def test_the_best_stretch_counts_wherever_it_stands() -> None:
    texts = [
        f"lighthouse paraffin {FILLER}",
        f"{FILLER} lighthouse paraffin",
        f"lighthouse {FILLER} lighthouse paraffin",
    ]
    first, last, repeated = proximity(make_query(QUESTION).rarity, texts)
    assert first == pytest.approx(last) == pytest.approx(repeated)


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    rare, common = proximity(make_query("paraffin people").rarity, ["paraffin", "people"])
    assert rare > common


def test_repeating_a_word_adds_nothing() -> None:
    once, often = proximity(make_query(QUESTION).rarity, ["paraffin", "paraffin paraffin paraffin"])
    assert once == pytest.approx(often)


def test_nothing_asked_or_nothing_there() -> None:
    assert proximity(make_query("").rarity, ["text"]) == [0.0]
    assert proximity(make_query(QUESTION).rarity, []) == []
    assert proximity(make_query(QUESTION).rarity, [""]) == [0.0]
