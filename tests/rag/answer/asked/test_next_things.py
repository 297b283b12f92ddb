"""What comes next of another kind is no answer."""

from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader

TEXT = "Harbour choir. Next rehearsal: 4 May at 7 pm in the school. Next concert: 20 May at 6 pm in the boathouse."


def ask(question: str, text: str, read: str) -> Answer:
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({read: 0.9}))
    *_, answer = answerer.answer(make_query(question), [passage(1, text)])
    assert isinstance(answer, Answer)
    return answer


def test_the_next_thing_of_the_kind_is_quoted() -> None:
    assert "20 May" in ask("when is the next concert of the harbour choir?", TEXT, "20 May").citations[0].quote


def test_the_next_thing_of_another_kind_is_not() -> None:
    other = ask("when is the next concert of the harbour choir?", TEXT.partition(" Next concert")[0], "4 May")
    assert not other.found or "4 May" not in other.text
