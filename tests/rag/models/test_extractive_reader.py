"""rag.models.extractive_reader with a scripted session and a word tokenizer: order, spans in characters, refusal,
batching."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from rag.errors import ModelFilesError
from rag.models.extractive_reader import Calibration, ExtractiveReader
from rag.models.onnx_encoders import OnnxPairEncoder
from rag.types import Chunk, Document, Hit, Passage, Span

WORDS = ["[CLS]", "[SEP]", "[UNK]", "who", "wrote", "it", "ada", "lovelace", "the", "sea", "is", "wet", "notes"]
CALIBRATION = Calibration(0.5, 0.2, 0.35, (1.0, 1.0, 0.0, 0.0), 0.5, (1.0, 1.0, 0.0, 0.0), 0.5)


class Session:
    """Finds 'ada lovelace' in the passage; relevance 5 where it stands, -5 elsewhere."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []

    def get_outputs(self) -> list[Any]:
        return []  # it judges no statements

    def run(self, names: Sequence[str], feeds: dict[str, Any]) -> list[Any]:
        ids = feeds["input_ids"]
        band = np.full((*ids.shape, 30), -9.0, np.float32)
        relevance = np.full(len(ids), -5.0, np.float32)
        band[:, 0, 0] = 0.0
        ada = WORDS.index("ada")
        for i, row in enumerate(ids):
            self.rows.append(row[feeds["attention_mask"][i] == 1].tolist())
            for t in np.flatnonzero(row == ada):
                band[i, t, 1] = 8.0
                relevance[i] = 5.0
        return [relevance, band]


def document(title: str = "notes") -> Document:
    return Document(1, 1, f"/{title}.txt", title, "text/plain", "ok", None, 1, 1, 1, "h", 0.0)


def reader(session: Session | None = None) -> ExtractiveReader:
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return ExtractiveReader(OnnxPairEncoder(session or Session()), tokenizer, CALIBRATION)


def passage(text: str) -> Passage:
    return Passage(1, document(), 0, len(text), text, 0.0)


def test_the_span_is_given_in_characters_of_the_passage() -> None:
    (reading,) = reader().read("who wrote it", [passage("the sea  ada lovelace wrote")])
    assert (reading.span.start, reading.span.end, reading.span.text) == (9, 21, "ada lovelace")
    assert reading.probability > 0.9


def test_the_span_that_other_likely_spans_overlap_is_settled_on() -> None:
    class Torn(Session):
        def run(self, names: Sequence[str], feeds: dict[str, Any]) -> list[Any]:
            relevance, band = super().run(names, feeds)
            at = int(np.flatnonzero(feeds["input_ids"][0] == WORDS.index("ada"))[0])
            band[:] = -9.0
            band[0, at - 2, 0] = 1.0  # alone the likeliest: "wet"
            band[0, at, 0], band[0, at, 1], band[0, at + 1, 0] = 0.8, 0.8, 0.8
            return [relevance, band]

    (reading,) = reader(Torn()).read("who wrote it", [passage("wet the ada lovelace sea")])
    assert reading.span.text == "ada lovelace"


def test_hits_come_back_best_first_with_new_scores() -> None:
    texts = ["the sea is wet", "ada lovelace wrote it", "it is the sea", "wet", "the", "is"]
    hits = [Hit(Chunk(1, i, 0, 4, t, id=i), document(), 0.0) for i, t in enumerate(texts)]
    ranked = reader().rerank("who wrote it", hits)
    assert ranked[0].chunk.id == 1 and ranked[0].score > ranked[1].score
    assert sorted(h.chunk.id for h in ranked) == list(range(6))


def test_the_reader_is_sure_only_of_a_passage_that_holds_the_answer() -> None:
    wet, ada = reader().read("who wrote it", [passage("the sea is wet"), passage("ada lovelace")])
    assert wet.confidence < CALIBRATION.answer_threshold <= ada.confidence
    assert wet.answer_score < ada.answer_score


def test_the_input_is_question_context_passage() -> None:
    session = Session()
    reader(session).read("who wrote it", [passage("the sea")])
    assert session.rows == [
        [WORDS.index(w) for w in ["[CLS]", "who", "wrote", "it", "[SEP]", "notes", "[SEP]", "the", "sea", "[SEP]"]]
    ]


def test_a_long_passage_is_cut_and_an_empty_one_answers_nothing() -> None:
    session = Session()
    long, empty = reader(session).read("who wrote it", [passage("the sea " * 400), passage("")])
    assert max(map(len, session.rows)) == 384
    assert (empty.span.start, empty.span.end, empty.span.text) == (0, 0, "")
    assert long.confidence < 0.5


def test_a_folder_without_the_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"reader\.onnx"):
        ExtractiveReader.load(tmp_path)


def test_a_hit_brings_along_what_was_read_in_it() -> None:
    session = Session()
    hits = [
        Hit(Chunk(1, i, 7, 7 + len(t), t, id=i), document(), 0.0) for i, t in enumerate(("the sea", "ada lovelace"))
    ]
    best, _ = reader(session).rerank("who wrote it", hits)
    assert best.reading is not None
    assert best.reading.span == Span(1, 7, 19, "ada lovelace")
    assert len(session.rows) == 2


def test_a_text_that_occurs_twice_is_read_once() -> None:
    session = Session()
    first, second = reader(session).read("who is wet", [passage("ada lovelace"), passage("ada lovelace")])
    assert first == second
    assert len(session.rows) == 1


def test_a_file_name_that_says_more_than_the_title_is_read_as_well() -> None:
    session = Session()
    named = replace(document("notes"), path="/files/ada lovelace.txt")
    reader(session).read("who wrote it", [replace(passage("the sea"), document=named)])
    asked = [WORDS.index(w) for w in ["[CLS]", "who", "wrote", "it", "[SEP]", "ada", "lovelace"]]
    assert session.rows[0][: len(asked)] == asked


def test_a_long_context_keeps_its_beginning_and_its_nearest_heading() -> None:
    session = Session()
    reader(session).read("who", [replace(passage("wet"), heading_path=("the sea " * 12, "it is notes"))])
    context = session.rows[0][3 : session.rows[0].index(WORDS.index("[SEP]"), 3)]
    assert len(context) == 24
    assert context[0] == WORDS.index("notes")
    assert context[-3:] == [WORDS.index(w) for w in ("it", "is", "notes")]
