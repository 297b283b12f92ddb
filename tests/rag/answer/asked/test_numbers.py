"""Which numbers and days of a question an answer must hold."""

import pytest

from rag.answer.asked.dates import asked_days
from rag.answer.asked.numbers import asked_numbers


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ("Who sent the invoice over 4711 crowns?", {"4711"}),
        ("Who sent the invoice over 1,874.00 crowns?", {"1874"}),
        ("Who sent invoice 2031999?", {"2031999"}),
        ("Where is the gasket GX-4471?", {"4471"}),
        ("What was the revenue in 2021?", set()),
        ("Which boats cost more than 5000 crowns?", set()),
        ("Name three of the 12 harbours.", set()),
        ("What happened on 12.05.2031?", set()),
    ],
)
def test_sums_and_codes_are_told_from_years_counts_and_bounds(question: str, numbers: set[str]) -> None:
    assert asked_numbers(question) == numbers


@pytest.mark.parametrize(
    ("question", "days"),
    [
        ("What happened on 2031-03-08?", {"day20310308"}),
        ("Who came on March 8th, 2031?", {"day20310308"}),
        ("Who came after 8 March 2031?", set()),
        ("Who came between 8 March 2031 and 9 March 2031?", set()),
        ("Who came in March 2031?", set()),
    ],
)
def test_days_are_told_from_bounds_and_months(question: str, days: set[str]) -> None:
    assert asked_days(question) == days
