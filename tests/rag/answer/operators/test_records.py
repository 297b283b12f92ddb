"""Records, blocks of "name: value" lines, are listed, counted and picked out like the rows of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from rag.answer.operators.answerer import OperatorAnswerer
from rag.query.query import make_query
from rag.text.markers import AnswerPart
from rag.types import Answer, AnswerEvent, Passage, Query
from tests.rag.answer.operators.plain_texts import PlainTexts
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder

SEEDS = """name: Painted Lady
sown: under glass, month: March
colour: scarlet
bed: north wall
number: SP-7

name: Moonlight
sown: outdoors, month: May
colour: white
bed: pond

name: Czar
sown: outdoors, month: May
colour: white
bed: south fence"""

PROSE = """name: Painted Lady
Sown under glass. It climbs.

name: Moonlight
Sown outdoors."""


class Otherwise:
    name = "otherwise"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        yield Answer((AnswerPart("as before"),), True, (), self.name)


def ask(question: str, text: str) -> Answer:
    found = replace(passage(1, text), heading_path=("seeds", "bean"))
    answerer = OperatorAnswerer(Otherwise(), PlainTexts([text]), FakeEmbedder(dimension=256))
    *_, answer = answerer.answer(make_query(question), [found])
    assert isinstance(answer, Answer)
    for citation in answer.citations:
        assert text[citation.start : citation.end] == citation.quote
    return answer


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("list all the beans", "Painted Lady, Moonlight, Czar."),
        ("which beans are in the list of seeds", "Painted Lady, Moonlight, Czar."),
        ("how many beans are there?", "3: Painted Lady, Moonlight, Czar."),
        ("which beans are sown outdoors", "Moonlight, Czar."),
        ("what colour is Moonlight?", "Moonlight, colour: white."),
        (
            "what is bean SP-7?",
            "Painted Lady; sown: under glass; sown month: March; colour: scarlet; bed: north wall; number: SP-7",
        ),
        ("what colour is SP-7?", "Painted Lady, colour: scarlet."),
        ("who got bean SP-7 to flower last year?", "as before"),
        ("which tomatoes are sown in May", "as before"),
    ],
)
def test_what_is_asked_of_records(question: str, said: str) -> None:
    text = ask(question, SEEDS).text
    assert " ".join(part for part in text.split() if not part.startswith("[")).replace(" .", ".") == said


def test_blocks_with_prose_are_no_records() -> None:
    assert ask("list all the beans", PROSE).answerer == "otherwise"


def test_a_thing_is_nobody() -> None:
    tools = "\n\n".join(
        f"id: T-{number}\nname: {name}\nplace: shed"
        for number, name in ((7, "Saw, fine toothed"), (8, "Garden rake"), (9, "Fire pump"))
    )
    assert ask("Who got tool T-9 working again?", tools).text == "as before"
