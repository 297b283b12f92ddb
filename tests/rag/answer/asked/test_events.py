"""A death and an age limit are answered only by sentences that speak of them."""

import pytest

from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader

LIVES = (
    "Ada Holm drew the plans of the bridge after the flood of 1865.\n\n"
    "Bo Lund, who built it, died in the spring of 1881.\n\n"
    "The club lives by the patience of its 70 helpers.\n\n"
    "Guides must be at least 18 years old."
)


@pytest.mark.parametrize(
    ("question", "text", "read", "found"),
    [
        ("When did Ada Holm die?", LIVES, "1865", False),
        ("When did Bo Lund die?", LIVES, "1881", True),
        ("How old must one be to be a helper of the club?", LIVES, "70", False),
        ("How old do guides have to be?", LIVES, "18", True),
    ],
)
def test_only_what_speaks_of_it_answers(question: str, text: str, read: str, found: bool) -> None:
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({read: 0.97}))
    *_, answer = answerer.answer(make_query(question), [passage(1, text)])
    assert isinstance(answer, Answer)
    assert (answer.found and read in answer.text) is found
