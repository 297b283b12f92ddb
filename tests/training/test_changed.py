"""Questions that are changed so that nothing answers them."""

import random

import pytest

from training.data.changed import Pool, change, other_property, same_kind, with_own_time

PASSAGE = "The bridge at Selkirk was opened in 1912 by Lord Dalton. It is the longest in the county. Mary Orr built it."
POOL = Pool(["Hawick Town", "Kelso"], ["opened", "painted", "bridges"], ["Aberdeen", "James Cook"])


@pytest.mark.parametrize("seed", range(30))
def test_a_changed_question_is_another_one_that_keeps_its_end(seed: int) -> None:
    question = "Who opened the longest bridge at Selkirk in 1912?"
    made = change(question, PASSAGE, POOL, random.Random(seed))
    assert made is not None
    text, kind = made
    assert text != question
    assert text.endswith("?")
    assert kind in ("name", "number", "relation", "word", "negation", "time")
    if kind == "number":
        assert "1912" not in text


@pytest.mark.parametrize("seed", range(20))
def test_what_must_be_kept_is_kept(seed: int) -> None:
    made = change("Lord Dalton opened the bridge in 1912.", PASSAGE, POOL, random.Random(seed), keep="Lord Dalton")
    assert made is None or "Lord Dalton" in made[0]


def test_a_property_is_asked_for_that_the_passage_says_nothing_of() -> None:
    asked = {other_property(PASSAGE, random.Random(seed)) for seed in range(80)} - {None}
    assert asked
    assert not any("made of" in text for text in asked if text)  # it tells of building
    assert all("Selkirk" in text or "Dalton" in text or "Orr" in text for text in asked if text)


def test_a_value_of_the_same_kind() -> None:
    assert same_kind("1912", ["Kelso", "14", "1950"], random.Random(0)) == "1950"
    assert same_kind("Mary Orr", ["Kelso", "Lord Dalton", "1950"], random.Random(0)) == "Lord Dalton"
    assert same_kind("of stone", ["Kelso"], random.Random(0)) is None


def test_the_own_time_of_an_answer_is_added() -> None:
    assert with_own_time("Who opened the bridge?", "It was opened in 1912.") == "Who opened the bridge in 1912?"
    assert with_own_time("When was it opened?", "It was opened in 1912.") is None
