"""Ends of periods, computed from a beginning and a length."""

import pytest

from rag.answer.operators.computed.period_ends import find_period_end
from rag.query.query import make_query
from tests.rag.answer.two_passages import passage


def ends(question: str, *texts: str) -> str | None:
    passages = [passage(number, text, document=number) for number, text in enumerate(texts, 1)]
    worked = find_period_end(make_query(question), passages)
    if worked is None:
        return None
    (statement,) = worked.statements
    (source,) = statement.sources
    assert source.passage.text[source.start : source.end] in statement.text
    return statement.text.partition(". ")[0]


@pytest.mark.parametrize(
    ("question", "text", "said"),
    [
        (
            "Until when does the warranty last?",
            "The mower has a warranty of 24 months from 3 March 2025.",
            "3 March 2027: 3 March 2025 + 24 months = 3 March 2027",
        ),
        (
            "When does the trial end?",
            "The trial of the new lock runs for six weeks from 12 January 2026.",
            "23 February 2026: 12 January 2026 + six weeks = 23 February 2026",
        ),
        (
            "When will the membership expire?",
            "The membership starts on 1 October 2025. It has a term of one year.",
            "30 September 2026: 1 October 2025 + one year − 1 day = 30 September 2026",
        ),
        (  # no 31st in the month
            "When does the loan run out?",
            "The loan is given for 6 months from 31 August 2025.",
            "28 February 2026: 31 August 2025 + 6 months = 28 February 2026",
        ),
        (  # a leap year
            "When does the loan run out?",
            "The loan is given for 5 days from 2024-02-26.",
            "2 March 2024: 26 February 2024 + 5 days = 2 March 2024",
        ),
    ],
)
def test_the_end_is_the_sum_and_the_sum_is_shown(question: str, text: str, said: str) -> None:
    assert ends(question, text) == said


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How long does the warranty last?", "The mower has a warranty of 24 months from 3 March 2025."),
        ("When does the lease end?", "The mower has a warranty of 24 months from 3 March 2025."),
        ("When does the lease end?", "The lease runs for 12 months until 3 March 2025."),
        ("When does the lease end?", "The lease from 3 March 2025 has a notice period of 3 months."),
        ("When does the lease end?", "From 3 March 2025 the lease costs 40 pounds for 2 weeks and 70 for 4 weeks."),
        ("When does the lease end?", "The lease runs for 12 months from 03/04/2025."),  # March or April
        ("When does the lease end?", "The lease runs for 12 months.\n\nIt rained from 3 March 2025."),
        ("When will the meeting end?", "The trial runs for six weeks from 12 January 2026. The meeting was long."),
    ],
)
def test_nothing_is_added_up_that_is_not_asked_for_or_not_clear(question: str, text: str) -> None:
    assert ends(question, text) is None


def test_an_end_that_is_stated_goes_before_one_that_is_computed() -> None:
    computed = "The lease of the boat runs for 12 months from 3 March 2025."
    assert ends("When does the lease of the boat end?", computed) is not None
    assert ends("When does the lease of the boat end?", computed, "The lease of the boat ends on 1 May 2026.") is None


def test_two_periods_that_are_meant_alike_are_left_open() -> None:
    one, other = (f"The warranty lasts 12 months from {day} March 2025." for day in (3, 9))
    assert ends("When does the warranty end?", one, other) is None
