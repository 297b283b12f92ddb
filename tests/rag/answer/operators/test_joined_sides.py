"""Two rows that a sum or difference names by a word each, and the total number of something in a year."""

import pytest

from tests.rag.answer.operators.one_table import ask

PRICES = [
    ["Part", "Crowns"],
    ["Scaffold and access", "92,000"],
    ["Repointing of the tower", "188,400"],
    ["Lantern glazing", "61,700"],
    ["Jetty", "127,900"],
]
GUESTS = [
    ["Month", "Year", "Guests"],
    ["May", "2031", "200"],
    ["June", "2031", "310"],
    ["May", "2032", "150"],
]
UNITS = [
    ["Revenue", "2031", "Quarter ended September 30, 2030"],
    ["Deep Blue", "240", "200"],
    ["Green and Gold", "180", "170"],
]


@pytest.mark.parametrize(
    ("question", "rows", "before", "said"),
    [
        ("scaffold + glazing together, how many crowns", PRICES, "Prices", "153,700"),
        ("what do scaffold and jetty cost together?", PRICES, "Prices", "219,900"),
        ("how much more is the scaffold than the glazing?", PRICES, "Prices", "30,300"),
        ("scaffold + roof together, how many crowns", PRICES, "Prices", "not computed"),
        ("total number of guests in 2031", GUESTS, "Guests", "510 (Guests): "),
        ("total number of dogs in 2031", GUESTS, "Guests", "not computed"),
        (
            "Deep Blue vs Green and Gold: difference in revenue in the September 2031 quarter",
            UNITS,
            "Revenue, quarter ended September 30",
            "60 (2031)",
        ),
    ],
)
def test_joined_sides(question: str, rows: list[list[str]], before: str, said: str) -> None:
    assert ask(question, rows, before).text.startswith(said)
