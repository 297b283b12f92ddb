"""Numbers by which a question tells a thing, in any language."""

import pytest

from rag.answer.asked.entries import asked_entries
from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader

SAUNA = "Wood is ordered by Jelena Markovic (flat 9). Children under 12 come only with an adult."
FLATS = "Die Wohnung 12 hat Frau Bastian gemietet. Das Zimmer 14 ist frei."


class _ReadsAnyLanguage(ScriptedReader):
    reads_any_language = True


def ask(question: str, text: str, read: str) -> Answer:
    reader = _ReadsAnyLanguage({read: 0.97})
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=reader)
    *_, answer = answerer.answer(make_query(question), [passage(1, text)])
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize(
    ("question", "entries"),
    [
        ("Who sleeps in room 106?", ["room 106"]),
        ("When does class 2b swim?", ["class 2b"]),
        ("Wer hat Parzelle 9 gepachtet?", ["Parzelle 9"]),
        ("Wem gehört das Werkzeug Nummer 19?", ["Nummer 19"]),
        ("Qui a la parcelle 12 ?", ["parcelle 12"]),
        ("¿Quién duerme en la habitación 7?", ["habitación 7"]),
        ("What is on page 3?", []),
        ("Are children under 12 allowed?", []),
        ("Who drives 17 buses on May 17?", []),
        ("What happened on 3 May?", []),
        ("Wie viele Karten kosten 20 Euro?", []),
        ("What costs 2.50 euros?", []),
    ],
)
def test_numbers_behind_a_thing_are_told_from_amounts(question: str, entries: list[str]) -> None:
    assert [entry.written for entry in asked_entries(question)] == entries


def test_what_has_a_number_that_stands_nowhere_is_refused() -> None:
    answer = ask("Wer hat die Parzelle 7 bestellt?", SAUNA, "Jelena Markovic")
    assert not answer.found
    assert answer.citations == ()


def test_behind_another_word_of_another_language_it_is_the_nearest() -> None:
    assert not ask("Wer hat die Parzelle 9 bestellt?", SAUNA, "Jelena Markovic").found
    assert ask("Wer bestellt das Holz für den Ofen?", SAUNA, "Jelena Markovic").found


def test_behind_another_word_of_the_same_language_it_is_refused() -> None:
    assert ask("Wer hat die Wohnung 12 gemietet?", FLATS, "Frau Bastian").found
    assert not ask("Wer hat die Wohnung 14 gemietet?", FLATS, "Frau Bastian").citations
