"""A value that is said of what the question asks about goes before one that stands near it."""

import pytest

from rag.answer.said_of import said_of_subject
from rag.query.query import make_query
from rag.types import Passage, Reading
from tests.rag.fakes import a_document

BESIDE = "The trough was filled in 1912 with 340 kg of mercury for the lamp."
ANOTHERS = "Twelve feet high and three tons in weight, turning on a bath of mercury."
IN_FRONT = "The keel, which was laid in 1902, weighs 90 tons."


def read(words: str, text: str, confidence: float, heading: str = "") -> tuple[Passage, Reading]:
    at = text.index(words)
    number = len(text)  # a number of its own for each text
    passage = Passage(number, a_document(number), 0, len(text), text, 1.0, (heading,) if heading else ())
    return passage, Reading(passage.span(at, at + len(words)), 0.0, 0.0, confidence, confidence)


def first(question: str, *read_: tuple[Passage, Reading]) -> str:
    passages, readings = zip(*read_, strict=True)
    return said_of_subject(make_query(question), passages, readings)[0].span.text


@pytest.mark.parametrize(("sure", "words"), [(0.5, "340 kg"), (0.1, "three tons")])
def test_a_value_beside_its_subject_goes_before_a_surer_one_of_another_thing(sure: float, words: str) -> None:
    assert first("How heavy is the mercury?", read("three tons", ANOTHERS, 0.8), read("340 kg", BESIDE, sure)) == words


def test_the_word_for_the_measure_is_no_part_of_the_subject() -> None:
    question = "What does the mercury weigh?"
    assert first(question, read("three tons", ANOTHERS, 0.8), read("340 kg", BESIDE, 0.5)) == "340 kg"


def test_what_was_overtaken_is_left_out() -> None:
    (one, other), (sure, near) = zip(read("three tons", ANOTHERS, 0.8), read("340 kg", BESIDE, 0.5), strict=True)
    assert said_of_subject(make_query("How heavy is the mercury?"), [one, other], [sure, near]) == [near]


def test_a_subject_in_front_of_the_value_or_above_it_counts() -> None:
    keel = read("90 tons", IN_FRONT, 0.6)
    assert first("How heavy is the keel?", keel, read("340 kg", BESIDE, 0.5)) == "90 tons"
    lens = read("three tons", ANOTHERS, 0.6, "The lens")
    assert first("How heavy is the lens?", lens, read("340 kg", BESIDE, 0.5)) == "three tons"


def test_questions_that_ask_for_no_number_keep_the_readers_order() -> None:
    assert (
        first("Who filled the trough with mercury?", read("bath", ANOTHERS, 0.8), read("lamp", BESIDE, 0.7)) == "bath"
    )
