"""Which numbers of a question an answer must hold."""

import pytest

from rag.answer.asked_numbers import asked_numbers


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
