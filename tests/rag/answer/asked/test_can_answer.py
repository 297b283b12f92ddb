"""Offices and addresses of somebody who stands nowhere near are shown as the nearest passage."""

from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader

MINUTES = "Minutes of the school council. The meeting was opened by Hannah Sorge, who chairs the school council."
MAIL = (
    "Sehr geehrter Herr Kern, die Heizung ist kalt. Es sind 17 Grad. Der Monteur war da. "
    "Den Schlüssel hat Frau Bastian nebenan (Telefon 0341 5550116)."
)


class _ReadsAnyLanguage(ScriptedReader):
    reads_any_language = True


def ask(question: str, text: str, read: str, sure: float = 0.95) -> Answer:
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=_ReadsAnyLanguage({read: sure}))
    *_, answer = answerer.answer(make_query(question), [passage(1, text)])
    assert isinstance(answer, Answer)
    return answer


def test_an_office_that_stands_nowhere_has_no_holder() -> None:
    assert not ask("Who is the caretaker of the school?", MINUTES, "Hannah Sorge", sure=0.4).found


def test_a_number_belongs_to_whom_its_sentence_names() -> None:
    assert ask("What is the phone number of Frau Bastian?", MAIL, "0341 5550116").found
    assert not ask("What is the phone number of Mr. Kern?", MAIL, "0341 5550116").found
