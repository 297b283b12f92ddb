"""What is said of one thing or person is no answer to a question about another one that the passage names."""

import pytest

from rag.answer.asked.things import asked_thing
from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import passage
from tests.rag.fakes import FakeEmbedder, ScriptedReader

LETTER = (
    "Instruments can be borrowed; the violin costs 12 crowns a month. A cello is not available.\n\n"
    "The coach to Seefeld leaves at nine. The trip to Seefeld costs 245 crowns.\n\n"
    "The hall is large. It costs 48 crowns an evening.\n\n"
    "Insured person: Henrike Vollmer, born 2 February 1979\n\n"
    "Also insured is Paul Vollmer.\n\n"
    "The day care is open in the holidays. Please register by 26 September.\n\n"
    "The choir has 52 members, of whom 9 are tenors."
)


def ask(question: str, read: str) -> Answer:
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({read: 0.97}))
    *_, answer = answerer.answer(make_query(question), [passage(1, LETTER)])
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize(
    ("question", "read", "found"),
    [
        ("What does the violin cost a month?", "12 crowns", True),
        ("What does the cello cost a month?", "12 crowns", False),
        ("What does the trip to Seefeld cost?", "245 crowns", True),
        ("What does the coach to Seefeld cost?", "245 crowns", False),
        ("What does the hall cost an evening?", "48 crowns", True),
        ("When was Henrike Vollmer born?", "2 February 1979", True),
        ("When was Paul Vollmer born?", "2 February 1979", False),
        ("How many tenors does the choir have?", "9 are", True),
        ("How many sopranos does the choir have?", "9 are", False),
    ],
)
def test_only_what_is_said_of_the_thing_answers(question: str, read: str, found: bool) -> None:
    answer = ask(question, read)
    assert (answer.found and any(read in citation.quote for citation in answer.citations)) is found


def test_a_sentence_without_a_subject_is_about_what_stands_in_front() -> None:
    assert ask("When must I register for the day care?", "26 September").found


def test_a_part_of_a_document_is_about_what_stands_above_it() -> None:
    text = "LENTIL SOUP\n\nThe soup keeps for three days in the fridge.\n\nFLAT BREAD\n\nThe bread is baked in a pan."
    for question, found in (("How long does the soup keep?", True), ("How long does the bread keep?", False)):
        answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({"three days": 0.97}))
        *_, answer = answerer.answer(make_query(question), [passage(1, text)])
        assert isinstance(answer, Answer)
        assert (answer.found and "three days" in answer.text) is found


@pytest.mark.parametrize(
    ("question", "stems"),
    [
        ("What does the coach to Seefeld cost?", {"coach"}),
        ("How much does this year's photo album cost?", {"album"}),
        ("When was Marek Dvorak born?", {"marek", "dvorak"}),
        ("How long did Anselm Rooke serve?", {"anselm", "rook"}),
        ("How much money is in the fund?", set()),
        ("Who paints the hall?", set()),
        ("Was kostet das Cello?", set()),
    ],
)
def test_the_thing_is_the_noun_before_a_preposition_or_a_whole_name(question: str, stems: set[str]) -> None:
    assert asked_thing(make_query(question)) == stems
