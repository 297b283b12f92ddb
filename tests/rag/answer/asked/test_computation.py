"""Sentences that only hold a part of a difference or a sum that a question asks for."""

import pytest

from rag.answer.asked.computation import with_asked_computation
from rag.answer.evidence import Candidate
from rag.query.query import make_query
from rag.types import Passage
from tests.rag.fakes import a_document


def kept(question: str, *sentences: str) -> list[str]:
    candidates = [
        Candidate(Passage(number, a_document(1), 0, len(text), text, 1.0), 0, len(text), {})
        for number, text in enumerate(sentences, 1)
    ]
    return [one.text for one in with_asked_computation(make_query(question), candidates)]


@pytest.mark.parametrize(
    ("question", "says", "does_not"),
    [
        ("How much less than the estimate did it cost?", "It cost 1,300 pounds below the estimate.", "It cost 34,700."),
        ("How many watts less does the new lamp draw?", "It draws 3,428 watts less.", "1938: electric, 3,500 watts"),
        ("By how much did the fund grow?", "The fund rose by 8 %.", "The fund stands at 61,250 crowns."),
        ("How much more did a keeper earn?", "He earned 24 pounds more.", "The keeper earned 72 pounds a year."),
        ("What do rent and heating cost together?", "Rent and heating: 1,375 in all.", "Heating costs 185 euros."),
    ],
)
def test_one_of_two_amounts_is_no_answer(question: str, says: str, does_not: str) -> None:
    assert kept(question, does_not, says) == [says]


@pytest.mark.parametrize(
    "question", ["How many keepers served?", "Did it take more than 40 years?", "Who lives together with Ada?"]
)
def test_other_questions_keep_every_sentence(question: str) -> None:
    assert kept(question, "Twenty-nine keepers served.", "Nobody knows.") == [
        "Twenty-nine keepers served.",
        "Nobody knows.",
    ]


@pytest.mark.parametrize(
    ("question", "other"),
    [
        ("How much less honey was there than in a good year?", "Cheese is aged for less than 10 years."),
        ("Was gaming revenue higher than automotive revenue?", "Gaming revenue: 1,574"),
        ("How much do travel and permit cost together?", "Both sides may give notice within 3 months."),
    ],
)
def test_a_sentence_about_something_else_says_no_difference_sum_or_comparison(question: str, other: str) -> None:
    assert kept(question, other) == []


def test_a_comparison_needs_both_things() -> None:
    says = "Gaming revenue was 1,574 and automotive revenue 251."
    assert kept("Was gaming revenue higher than automotive revenue?", "Gaming revenue: 1,574", says) == [says]


def test_how_much_cheaper_something_is_is_not_what_it_costs() -> None:
    other, own = "The DW-600 is 45 pounds cheaper.", "It costs 450 pounds, 45 pounds cheaper than the other."
    assert kept("How much does the oven cost?", other, own) == [own]
    assert kept("How much cheaper is the DW-600?", other) == [other]
