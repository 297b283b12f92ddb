"""Yes or No in front of a quote, where the sentence itself decides."""

import pytest

from rag.answer.extractive import ExtractiveAnswerer
from rag.answer.verdict import verdict
from rag.query.query import make_query
from rag.types import Answer, Passage
from tests.rag.fakes import FakeEmbedder, a_document


@pytest.mark.parametrize(
    ("question", "sentence", "said"),
    [
        ("Is there a parking space with the flat?", "There is no parking space.", "No"),
        ("Do narwhals have a dorsal fin?", "Narwhals do not have a dorsal fin, which may help below ice.", "No"),
        ("Did all samples carry the deletion?", "All seven samples carry the deletion.", "Yes"),
        (
            "Is smoking allowed on the balcony?",
            "Smoking is not allowed in the flat; on the balcony it is allowed.",
            None,
        ),
        ("May dogs go up the tower?", "It is prohibited to take dogs up the tower.", "No"),
        ("Did the council ban dogs?", "Dogs are banned by the council.", None),
        ("Are dogs welcome on the boat?", "Dogs are welcome on the boat, but not in the tower.", None),
        ("May I keep a cat in the flat?", "A cat may be kept in the flat after telling the landlord.", None),
        ("Is the tower open in May?", "The tower is open from May to June.", None),
        ("Is there no parking space?", "There is no parking space.", None),
        ("Is the blue or the red lamp not lit?", "The red lamp is not lit.", None),
        ("Is the pool warm?", "Towels are not included.", None),
        ("What is not included?", "Towels are not included.", None),
    ],
)
def test_only_a_sentence_that_decides_is_a_verdict(question: str, sentence: str, said: str | None) -> None:
    assert verdict(make_query(question), sentence) == said


def test_a_verdict_stands_in_front_of_its_quote() -> None:
    text = "The flat has a balcony. There is no parking space. The rent is due in May."
    whole = Passage(1, a_document(), 0, len(text), text, 1.0)
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), min_confidence=0.1)
    *deltas, answer = answerer.answer(make_query("Is there a parking space?"), [whole])
    assert isinstance(answer, Answer)
    assert answer.text.startswith("No. There is no parking space. [1]")
    assert answer.text == "".join(delta.text for delta in deltas)  # type: ignore[union-attr]


def test_what_a_condition_denies_is_not_denied() -> None:
    query = make_query("Is my e-bike covered?")
    assert verdict(query, "E-bikes are included if they do not need a licence plate.") is None
    assert verdict(query, "E-bikes are not included if they need a licence plate.") == "No"
