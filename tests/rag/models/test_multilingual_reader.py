"""The shipped reader for other languages, on the sample documents' words."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rag.models.extractive_reader
from rag.errors import ModelFilesError
from rag.models.embedder import OnnxEmbedder
from rag.models.foreign_questions import MAP_FILE, ForeignQuestions
from rag.models.multilingual_reader import MultilingualReader
from rag.models.reader_by_language import ReaderByLanguage
from rag.types import Chunk, Hit, Passage, Reading, Span
from tests.rag.fakes import ScriptedReader, a_document, a_reading

FOLDER = Path(rag.models.extractive_reader.__file__).parent / "weights" / "docent-reader-multilingual"
TEXTS = (
    "The last climb of the tower starts 45 minutes before closing. The tower has 196 steps and no lift.",
    "The first pair of puffins bred in 2009, after brown rats had been cleared from the island in the winter of 2005.",
    "Melt the butter, treacle and sugar together. Bake for 55 minutes at 160 degrees.",
)


def passages(*texts: str) -> list[Passage]:
    return [Passage(n, a_document(n), 0, len(text), text, 1.0) for n, text in enumerate(texts, 1)]


@pytest.fixture(scope="module")
def reader() -> MultilingualReader:
    return MultilingualReader.load(FOLDER, OnnxEmbedder.load(FOLDER, threads=1), threads=1)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Combien de marches la tour a-t-elle ?", "196"),
        ("Wann wurden die Ratten von der Insel entfernt?", "2005"),
        ("岛上的老鼠是什么时候被清除的？", "2005"),
    ],
)
@pytest.mark.slow
def test_a_question_in_another_language_is_read_from_english(
    reader: MultilingualReader, question: str, answer: str
) -> None:
    best = max(reader.read(question, passages(*TEXTS)), key=lambda reading: reading.answer_score)
    assert answer in best.span.text


@pytest.mark.slow
def test_nothing_is_read_with_confidence_where_nothing_answers(reader: MultilingualReader) -> None:
    for question in ("Wer ist der Präsident von Frankreich?", "Combien de marches le château a-t-il perdues en 1950 ?"):
        readings = reader.read(question, passages(*TEXTS))
        assert max(reading.confidence for reading in readings) < 0.6


@pytest.mark.slow
def test_a_statement_is_supported_or_not(reader: MultilingualReader) -> None:
    true, false = (
        reader.supports(claim, passages(TEXTS[0])) for claim in ("The tower has 196 steps.", "The tower has 45 steps.")
    )
    assert true is not None and false is not None
    assert true[0] > 0.5 > false[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "question",
    [
        "Wie viele Stufen hat der Turm?",
        "Combien de marches la tour a-t-elle ?",
        "塔楼有多少级台阶？",
        "Kulede kaç basamak var?",
    ],
)
def test_a_question_lies_among_english_passages_where_its_translation_does(question: str) -> None:
    english = OnnxEmbedder.load(threads=1)
    foreign = ForeignQuestions(lambda: OnnxEmbedder.load(FOLDER, threads=1), FOLDER / MAP_FILE)
    vector = foreign.embed_query(question)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    asked = ["How many steps does the tower have?", "Who carved the chess set?", "How long is the cake baked?"]
    found = english.embed_passages([*TEXTS, *asked]) @ vector
    assert found[: len(TEXTS)].argmax() == 0
    assert found[len(TEXTS) :].argmax() == 0
    assert found[len(TEXTS)] > 0.4


def test_a_map_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "map.npy"
    damaged.write_bytes(b"nothing")
    for file in (damaged, tmp_path / "missing.npy"):
        foreign = ForeignQuestions(lambda: OnnxEmbedder.load(threads=1), file)
        with pytest.raises(ModelFilesError, match=f"{file.name}.*Install Docent again"):
            foreign.embed_query("Wann?")


class Other(ScriptedReader):
    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        return list(hits)

    def supports(self, claim: str, passages: Sequence[Passage]) -> None:
        return None


def test_the_second_reader_is_loaded_for_the_first_question_in_another_language() -> None:
    loaded: list[str] = []

    def load() -> Other:
        loaded.append("other")
        return Other({"196": 0.9})

    both = ReaderByLanguage(Other({"45 minutes": 0.9}), load)

    def read(question: str) -> Reading:
        return both.read(question, passages(TEXTS[0]))[0]

    assert read("When does the last climb start?").span.text == "45 minutes"
    assert not loaded
    assert read("Wie viele Stufen hat der Turm?").span.text == "196"
    assert read("Combien de marches la tour a-t-elle ?").span.text == "196"
    assert loaded == ["other"]


def test_of_texts_in_several_languages_each_is_read_by_its_reader_in_their_order() -> None:
    bakery = "Los lunes la panadería está cerrada, y los domingos el horno se enciende a las cinco de la mañana."
    both = ReaderByLanguage(Other({"45 minutes": 0.9}), lambda: Other({"lunes": 0.8}))
    first, second = both.read("When is the bakery closed?", passages(bakery, TEXTS[0]))
    assert (first.span.text, second.span.text) == ("lunes", "45 minutes")


class Sure(Other):
    """Reads every hit whole, equally sure of each."""

    def __init__(self, sure: float) -> None:
        super().__init__({})
        self.sure = sure

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        return [replace(hit, score=0.1, reading=a_reading(self._span(hit.chunk), self.sure)) for hit in hits]

    def _span(self, chunk: Chunk) -> Span:
        return Span(chunk.document_id, chunk.start, chunk.end, chunk.text)


def test_hits_in_two_languages_are_ordered_by_how_sure_their_readers_are() -> None:
    bakery = "Los lunes la panadería está cerrada, y los domingos el horno se enciende a las cinco de la mañana."
    texts = (TEXTS[0], bakery)
    hits = [Hit(Chunk(n, 0, 0, len(text), text, id=n), a_document(n), 0.5) for n, text in enumerate(texts, 1)]
    ordered = ReaderByLanguage(Sure(0.2), lambda: Sure(0.9)).rerank("When is the bakery closed?", hits)
    assert [hit.chunk.text for hit in ordered] == [bakery, TEXTS[0]]
