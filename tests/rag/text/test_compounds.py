"""Compounds are found by their parts, and words of English are no compounds."""

from pathlib import Path

import pytest

from rag.query.query import make_query, respelled
from rag.text.compounds import compound_marks
from rag.text.words import stems
from tests.rag.store.test_full_text import build

GERMAN = (
    "Die Haftpflichtversicherung deckt Schäden bis fünf Millionen.",
    "Der Hausmeister wohnt im Kirchturm und hat den Schlüssel.",
    "Das Bootshaus ist im Winter geschlossen, die Seekarten liegen dort.",
    "Der Mietvertrag wird zum Monatsende gekündigt.",
    "Een ziektekostenverzekering is niet gratis voor studenten.",
    "Båtförsäkringen gäller inte för segelbåtar som är äldre.",
    "Kesselprüfprotokoll | 120 | 140",
    "Die Höhe des Leuchtfeuers ist 31 Meter.",
    "Die Sicherung ist durchgebrannt und wird ersetzt.",
)
ENGLISH = (
    "The friendship between the port authority and the support team is a partnership.",
    "Another important report about transportation and information was read at the heliport.",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with build(tmp_path_factory.mktemp("compounds"), [*GERMAN, *ENGLISH]) as library:

        def search(question: str) -> list[str]:
            ids = [id_ for id_, _ in library.full_text_search(question, 10)]
            chunks = library.chunks(ids)
            return [chunks[id_][0].text for id_ in ids]

        yield search


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ("Versicherung", 0),
        ("Haftpflicht", 0),
        ("Versicherungen", 0),
        ("Meister", 1),
        ("Kirche", 1),
        ("Haus", 2),
        ("Karte", 2),
        ("See", 2),
        ("Vertrag", 3),
        ("Verträge", 3),
        ("Ende", 3),
        ("verzekering", 4),
        ("försäkring", 5),
        ("Protokoll", 6),
        ("Kessel", 6),
        ("Leuchtfeuerhöhe", 7),
    ],
)
def test_a_part_finds_the_compound(found, part: str, place: int) -> None:  # type: ignore[no-untyped-def]
    assert GERMAN[place] in found(part)


def test_a_word_itself_comes_before_compounds_with_it(tmp_path: Path) -> None:
    texts = ["Die Hausratversicherung ist nicht teuer.", "Eine Versicherung ist nicht teuer."]
    with build(tmp_path, texts) as library:
        assert [id_ for id_, _ in library.full_text_search("Versicherung", 5)] == [2, 1]


def test_what_only_looks_like_a_part_finds_nothing(found) -> None:  # type: ignore[no-untyped-def]
    assert found("Sicherung") == [GERMAN[8]]
    assert found("ship") == []
    assert found("port") == [ENGLISH[0]]
    assert found("form") == []


def test_text_in_english_gets_no_marks() -> None:
    assert [list(compound_marks(text)) for text in ENGLISH] == [[], []]


def test_the_evidence_counts_a_compound_for_its_part() -> None:
    there = frozenset(stems(GERMAN[0]))
    assert "haftpflichtversicherung" in respelled(make_query("Was deckt die Versicherung?"), lambda: there).terms
    assert "pell" in respelled(make_query("Who was Hannah Pell?"), lambda: frozenset({"pellworm"})).terms
