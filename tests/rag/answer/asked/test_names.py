"""Names, codes and ordinals of a question about which nothing was found."""

import pytest

from rag.answer.asked.names import unknown_names
from rag.answer.extractive import ExtractiveAnswerer
from rag.query.query import make_query
from rag.types import Answer, Passage
from tests.rag.fakes import FakeEmbedder, a_document

TEXT = (
    "Bus 42 leaves Northgate at 05:12. Error code E9: the drain is blocked. Invoice 2025-0317 over 49,325 crowns is "
    "from Fjordlight. In week 25 Elena Rossi is on call. The hotel is in Lisbon. Strain BY-4741 grows at 30 degrees."
)
PASSAGE = Passage(1, a_document(), 0, len(TEXT), TEXT, 1.0)


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("When does bus 17 leave from Northgate?", ["bus 17"]),
        ("What does error code E77 mean?", ["E77"]),
        ("What is the total of invoice 2025-0991?", ["2025-0991"]),
        ("Who is on call in week 31?", ["week 31"]),
        ("What did Qualcomm invoice?", ["Qualcomm"]),
        ("When does bus 42 leave from Northgate?", []),
        ("What does error code E9 mean?", []),
        ("Who sent invoice 2025-0317?", []),
        ("How many BY4741s grow?", []),
        ("How does BY4741 grow?", []),  # a code with and without its hyphen
        ("Is bus 17 blocked in Northgate?", []),  # whether: an answer may say no
        ("Where does the trip to Portugal go?", []),  # names of places are known to be related
        ("What was there in the 1990s, 20 km away, between 2019-2021?", []),
        ("Who drives 17 buses on May 17?", []),
        ("Wann fährt der Bus in Northgate ab und wo steht die Haltestelle?", []),  # nouns have capitals there
    ],
)
def test_what_stands_nowhere_is_told(question: str, unknown: list[str]) -> None:
    assert unknown_names(make_query(question), [PASSAGE]) == unknown


def test_a_question_about_something_unknown_is_refused_and_says_about_what() -> None:
    *_, answer = ExtractiveAnswerer(FakeEmbedder()).answer(make_query("What does error code E77 mean?"), [PASSAGE])
    assert isinstance(answer, Answer)
    assert not answer.found
    assert answer.text.endswith("Nothing in them is about E77.")
