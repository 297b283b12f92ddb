"""Times by the month: the clause whose months hold the one asked for."""

import pytest

from rag.answer.operators.quoted.seasonal_times import find_seasonal_time
from rag.query.query import make_query
from tests.rag.answer.two_passages import passage

POOL = (
    "The outdoor pool of Brunn has four lanes. It opens at 9:00 and closes at 20:30 from May to August; "
    "in April and September it closes at 18:00. Dogs are not allowed.\n\n"
    "The museum closes at 16:00 from November to February."
)


def quoted(question: str) -> str | None:
    worked = find_seasonal_time(make_query(question), [passage(1, POOL)])
    return None if worked is None else worked.statements[0].text.strip("… ;")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Until when is the pool open in July?", "It opens at 9:00 and closes at 20:30 from May to August"),
        ("When does the outdoor pool close in September?", "in April and September it closes at 18:00."),
        ("When does the museum close in January?", "The museum closes at 16:00 from November to February."),
        ("At what time does the pool open in June?", "It opens at 9:00 and closes at 20:30 from May to August"),
    ],
)
def test_the_clause_of_the_month_is_quoted(question: str, said: str) -> None:
    assert quoted(question) == said


@pytest.mark.parametrize(
    "question",
    [
        "Until when is the pool open in October?",
        "Until when is the sauna open in July?",
        "When does the museum close in May?",
        "When does the museum open in January?",
        "Until when is the pool open?",
        "Who opens the pool in July?",
    ],
)
def test_nothing_is_quoted_for_other_months_and_places(question: str) -> None:
    assert quoted(question) is None
