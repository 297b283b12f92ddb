"""Who holds a position, by the lines of a signature."""

import pytest

from rag.answer.operators.quoted.signatures import find_holder
from rag.query.query import make_query
from tests.rag.answer.two_passages import passage

MAIL = """From: Ingrid Sallow <ingrid@museum.example>
To: Trustees <trustees@museum.example>

The light is fine and so is the lens.

Ingrid
Director"""
LETTER = """Please sign the form.

Desmond Pryce
Deputy head teacher"""


@pytest.mark.parametrize(
    ("question", "text", "said"),
    [
        ("who is the director?", MAIL, "Ingrid Sallow, Director."),
        ("Who is the deputy head teacher?", LETTER, "Desmond Pryce, Deputy head teacher."),
        ("who's the director of the board", MAIL, None),  # of what stands nowhere
        ("who is the director?", MAIL.replace("Ingrid Sallow", "Ada Holm"), None),  # whose first name it is not
        ("who is the head teacher?", LETTER, None),
    ],
)
def test_the_name_above_the_position(question: str, text: str, said: str | None) -> None:
    worked = find_holder(make_query(question), [passage(1, text)])
    assert (None if worked is None else worked.statements[0].text) == said


def test_of_what_somebody_is_the_director_may_stand_in_the_title_of_the_same_document() -> None:
    asked = make_query("who's the director of the title")
    worked = find_holder(asked, [passage(1, MAIL)])
    assert worked is not None
    assert worked.statements[0].text == "Ingrid Sallow, Director."
    nobody = MAIL.replace("Ingrid Sallow", " ").replace("Trustees", "Title")
    assert find_holder(asked, [passage(1, nobody)]) is None
