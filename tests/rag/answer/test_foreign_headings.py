"""A question in another language is never answered with a bare heading."""

from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader


class _ReadsAnyLanguage(ScriptedReader):
    reads_any_language = True


def test_below_a_heading_that_was_read_the_sentence_that_follows_is_quoted() -> None:
    text = "§ 2 Miete und Nebenkosten\n\nDie Miete beträgt 890 Euro im Monat. Sie ist am dritten Werktag fällig."
    answerer = ExtractiveAnswerer(
        FakeEmbedder(dimension=256), reader=_ReadsAnyLanguage({"Miete und Nebenkosten": 0.95}), min_confidence=0.5
    )
    *_, answer = answerer.answer(make_query("Wie hoch ist die Miete?"), [passage(1, text)])
    assert isinstance(answer, Answer)
    assert answer.citations[0].quote == "Die Miete beträgt 890 Euro im Monat."


def test_an_item_of_a_list_is_shown_without_its_bullet() -> None:
    text = "Für die Sauna gilt:\n\n- Ein Besuch kostet 4,50 Euro.\n- Kinder kommen nur mit Erwachsenen."
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=_ReadsAnyLanguage({"4,50 Euro": 0.95}))
    *_, answer = answerer.answer(make_query("Wie viel kostet ein Besuch in der Sauna?"), [passage(1, text)])
    assert isinstance(answer, Answer)
    assert answer.text == "Ein Besuch kostet 4,50 Euro. [1]"
