"""Who is asked for in a table: the column that says who is the answer."""

import pytest

from tests.rag.answer.operators.one_table import STAFF, ask

TASKS = [
    ["No", "Action", "Owner", "Budget"],
    ["1", "Paint the stairwell", "G. Millward", "800"],
    ["2", "Repair the front door", "P. Nwosu", "250"],
]
GROUPS = [
    ["Group", "Adult", "Animals"],
    ["Red", "Joanna Pike", "Goats"],
    ["Blue", "Tomasz Hargreaves and Dr. Ines Roth", "Pigs"],
]
PLACES = [["Tour", "Station", "Price"], ["Fjords", "Nordby Havn", "120"], ["Glaciers", "Fjell Topp", "140"]]


@pytest.mark.parametrize(
    ("question", "rows", "said"),
    [
        ("Who paints the stairwell?", TASKS, "Paint the stairwell, Owner: G. Millward."),
        ("Who repairs the front door?", TASKS, "Repair the front door, Owner: P. Nwosu."),
        ("Who is with the goats?", GROUPS, "Red, Adult: Joanna Pike."),
        ("Who is with the blue group?", GROUPS, "Blue, Adult: Tomasz Hargreaves and Dr. Ines Roth."),
        ("Who works in the workshop?", STAFF, "Ada Holm, Cleo Marr."),
    ],
)
def test_the_answer_is_who(question: str, rows: list[list[str]], said: str) -> None:
    assert ask(question, rows).text.removesuffix(" [1]") == said


def test_names_of_places_are_no_people() -> None:
    assert ask("Who leads the tour to the fjords?", PLACES).text == "not computed"
