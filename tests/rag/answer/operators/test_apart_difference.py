"""Differences of amounts in two items, of a whole and a part of it, and numbers in front of things."""

from collections.abc import Iterator, Sequence

import pytest

from rag.answer.operators.answerer import OperatorAnswerer
from rag.query.query import make_query
from rag.text.markers import AnswerPart
from rag.types import Answer, AnswerEvent, Passage, Query
from tests.rag.answer.operators.plain_texts import PlainTexts
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder

HOUSE = """The house

- Old boiler: gas, 4,200 litres a year
- New heat pump, 900 litres a year
- Two windows

The plumber wants 3,100 pounds for the tank. Our budget is 2,600 pounds.

The mason's bill came to 8,000 pounds, of which 5,500 for the chimney. Three of the 20 tiles are broken.

The roof has 412 slates. We changed one slate at the ridge."""


class Otherwise:
    name = "otherwise"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        yield Answer((AnswerPart("as before"),), True, (), self.name)


def ask(question: str, text: str = HOUSE) -> str:
    answerer = OperatorAnswerer(Otherwise(), PlainTexts([text]), FakeEmbedder(dimension=256))
    *_, answer = answerer.answer(make_query(question), [passage(1, text)])
    assert isinstance(answer, Answer)
    return answer.text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("how many litres less does the heat pump take than the boiler", "3,300 litres: 4,200 litres − 900 litres"),
        ("By how much does the price of the tank exceed our budget?", "500 pounds: 3,100 pounds − 2,600 pounds"),
        ("how many litres less does the heat pump take than the stove", "as before"),
        ("How much of the mason's bill was for things other than the chimney?", "2,500 pounds: 8,000 pounds − 5,500"),
        ("How much of the mason's bill was for the chimney?", "as before"),
        ("How many tiles are not broken?", "17: 20 − 3 = 17."),
        ("how many slates are on the roof?", "The roof has 412 slates. [1]"),
        ("how many slates does the roof have", "The roof has 412 slates. [1]"),
        ("how many chimneys does the roof have", "as before"),
        ("how many slates are on the barn?", "as before"),
    ],
)
def test_amounts_apart(question: str, said: str) -> None:
    assert ask(question).startswith(said)
