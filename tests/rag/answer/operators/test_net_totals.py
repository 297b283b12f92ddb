"""Revenue that a report calls net, and total: "what was the revenue?"."""

import pytest

from tests.rag.answer.operators.one_table import ask

SALES = [
    ["", "Three months ended June 30, 2031", "Three months ended June 30, 2030"],
    ["Lamps", "240", "200"],
    ["Unearned revenue", "12", "9"],
    ["Total net revenue", "252", "209"],
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            "what was the total revenue in the quarter ended June 30, 2031?",
            "Total net revenue, Three months ended June 30, 2031: 252",
        ),
        (
            "revenue for the three months ended June 30, 2030?",
            "Total net revenue, Three months ended June 30, 2030: 209",
        ),
        (
            "what was the unearned revenue in the three months ended June 30, 2031?",
            "Unearned revenue, Three months ended June 30, 2031: 12",
        ),
    ],
)
def test_net_revenue_is_the_revenue(question: str, said: str) -> None:
    assert said in ask(question, SALES, "Revenue of the company").text
