"""What a document says of one year, month, side or site is no answer to a question about another."""

import pytest

from rag.answer.asked.periods import is_of_another_turn
from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader

PIER = (
    "The eastern pier has settled by 14 millimetres since 2018.\n\n"
    "In December the paint shop worked 412 hours of overtime, in January 365.\n\n"
    "From November to March life jackets are compulsory, also for 12 experienced rowers.\n\n"
    "A fire at Killhope burnt for 400 days.\n\n"
    "Last year's fair raised 1,840 crowns for the school.\n\n"
    "The accounts of 2031 were approved. The fee was 80 crowns then; in 2029 it had been 70.\n\n"
    "On 9 May 2031 the club paid 640 crowns for the mast."
)


@pytest.mark.parametrize(
    ("question", "read", "found"),
    [
        ("How far has the eastern pier settled?", "14 millimetres", True),
        ("How far has the western pier settled?", "14 millimetres", False),
        ("How much overtime did the paint shop work in January?", "365", True),
        ("How much overtime did the paint shop work in November?", "412", False),
        ("How much overtime did the paint shop work after November?", "412", True),
        ("How many days did the fire at Killhope burn?", "400 days", True),
        ("How many days did the fire at Harthope burn?", "400 days", False),
        ("How many experienced rowers wear life jackets in July?", "12 experienced", True),
        ("How much did last year's fair raise?", "1,840", True),
        ("How much did this year's fair raise?", "1,840", False),
        ("What was the fee in 2031?", "80", True),
        ("How much was paid for the mast in may 2031?", "640", True),
        ("How much was paid for the mast in june 2031?", "640", False),
        ("What was the fee in 2025?", "80", False),
    ],
)
def test_only_what_is_asked_for_answers(question: str, read: str, found: bool) -> None:
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({read: 0.97}))
    *_, answer = answerer.answer(make_query(question), [passage(1, PIER)])
    assert isinstance(answer, Answer)
    assert answer.found is found


@pytest.mark.parametrize(
    ("question", "said", "is_another"),
    [
        ("Wie viele Gäste kommen dieses Jahr?", "Letztes Jahr kamen 180 Gäste.", True),
        ("Wie viele Gäste kamen letztes Jahr?", "Letztes Jahr kamen 180 Gäste.", False),
        ("Combien coûte le voyage cette année ?", "L'année dernière, il coûtait 80 euros.", True),
        ("¿Cuánto cuesta el viaje este año?", "El año pasado costó 80 euros.", True),
        ("今年的费用是多少?", "去年的费用是八十元。", True),
        ("How much is the fee this year?", "The fee is 80 euros.", False),
    ],
)
def test_this_year_is_not_last_year_in_other_languages(question: str, said: str, is_another: bool) -> None:
    assert is_of_another_turn(question, said) is is_another
