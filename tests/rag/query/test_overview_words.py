"""Requests for a summary, and sums that are none."""

import pytest

from rag.query.query import make_query


@pytest.mark.parametrize(
    "question", ["sum up the minutes from May", "can you sum up the choir letter", "What was the call on Friday about?"]
)
def test_asks_for_a_summary(question: str) -> None:
    assert make_query(question).kind == "overview"


@pytest.mark.parametrize("question", ["sum up all costs of the trip", "sum up the travel expenses"])
def test_asks_for_a_sum(question: str) -> None:
    assert make_query(question).kind != "overview"
