"""Questions and passages that share another language than English are read again beside the question's own words."""

from collections.abc import Sequence

from rag.answer.own_language import beside_own_words
from rag.query.query import make_query
from rag.types import Passage, Reading
from tests.rag.fakes import a_document

TEXT = (
    "Vermietet wird die Wohnung im zweiten Obergeschoss mit 74 Quadratmetern und drei Zimmern.\n\n"
    "§ 2 Zahlung\n\nDie Miete beträgt 890 Euro im Monat.\n\nDer Hausmeister heißt Jürgen Blank."
)
WHOLE = Passage(1, a_document(), 100, 100 + len(TEXT), TEXT, 1.0)


class Reader:
    """Reads the first number of every passage, and remembers what it was given."""

    reads_any_language = True

    def __init__(self, confidence: float) -> None:
        self.confidence = confidence
        self.given: list[str] = []

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.given += [passage.text for passage in passages]
        return [reading(passage, self.confidence) for passage in passages]


def reading(passage: Passage, confidence: float, text: str = "") -> Reading:
    start = passage.text.index(text) if text else next(at for at, sign in enumerate(passage.text) if sign.isdigit())
    end = start + max(len(text), 1)
    return Reading(passage.span(start, end), confidence, confidence, confidence, confidence)


def test_what_is_surely_read_beside_the_words_comes_first() -> None:
    reader = Reader(0.9)
    read = beside_own_words(
        make_query("Wie hoch ist die Miete?"), [WHOLE], [reading(WHOLE, 0.99, "74 Quadratmetern")], reader, 0.6
    )
    assert any("Die Miete beträgt 890 Euro" in text for text in reader.given)
    assert not any("Hausmeister" in text for text in reader.given)
    assert TEXT[read[0].span.start - 100 :].startswith(("2", "890"))
    assert read[-1].span.text == "74 Quadratmetern"


def test_what_is_unsure_there_changes_nothing() -> None:
    was = [reading(WHOLE, 0.99, "74 Quadratmetern")]
    assert beside_own_words(make_query("Wie hoch ist die Miete?"), [WHOLE], was, Reader(0.7), 0.6) == was


def test_a_sentence_that_holds_the_question_is_not_read_again() -> None:
    reader = Reader(0.9)
    was = [reading(WHOLE, 0.99, "74 Quadratmetern")]
    assert beside_own_words(make_query("Wie groß ist die Wohnung?"), [WHOLE], was, reader, 0.6) == was
    assert not reader.given


def test_another_language_is_left_alone() -> None:
    reader = Reader(0.9)
    was = [reading(WHOLE, 0.99, "74 Quadratmetern")]
    assert beside_own_words(make_query("How high is the rent of the flat?"), [WHOLE], was, reader, 0.6) == was
    assert not reader.given
