"""A sentence that mentions something without its name does not tell the name."""

import pytest

from rag.answer.asked.unnamed import names_nobody_asked
from rag.query.query import make_query


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("what was the name of the dog that Ida found?", "Ida found a dog that limped, behind the mill."),
        ("what is the boat called?", "The boat was bought in 2019 from the Rowe brothers."),
        ("who will be the new secretary?", "Agenda: new secretary (Ada Holm stands down after six years)."),
    ],
)
def test_lacks_the_name(question: str, said: str) -> None:
    assert names_nobody_asked(make_query(question), said)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("what was the name of the dog that Ida found?", "Ida found a dog called Biscuit."),
        ("what was the name of the dog?", "Biscuit, the dog, slept by the stove."),
        ("what is the boat called?", "The boat Marlin was bought in 2019."),
        ("who will be the new secretary?", "Ada Holm stands down and Bo Lund takes over as secretary."),
        ("who found the dog?", "Ida found a dog that limped."),
    ],
)
def test_tells_the_name_or_was_not_asked_for_one(question: str, said: str) -> None:
    assert not names_nobody_asked(make_query(question), said)
