"""rag.models.second_reader: two readers with scripted scores over a word tokenizer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from rag.models.extractive_reader import Calibration, ExtractiveReader
from rag.models.readout import Likely, Readout
from rag.models.second_reader import READ_TWICE, SecondOpinion, TwoReaders, both
from rag.types import Chunk, Hit, PairScores, Passage
from tests.rag.fakes import a_document

WORDS = ["[CLS]", "[SEP]", "[UNK]", "who", "wrote", "ada", "bob", "carl", "the", "sea", "and"]
CALIBRATION = Calibration(0.5, 0.2, 0.35, (1.0, 1.0, 0.0, 0.0), 0.5, (0.0, 0.5, 0.0, 0.0), 0.5)
WEIGHTS = TwoReaders(0.4, 0.6, 4.0, -2.0, (0.5, 0.5))


class Scripted:
    """A ``PairEncoder`` that takes some words for the answer, each with its score."""

    judges = True

    def __init__(self, answers: dict[str, float], support: float = 0.0) -> None:
        self.answers = {WORDS.index(word): score for word, score in answers.items()}
        self.support = support
        self.read: list[list[int]] = []

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        self.read += [list(row) for row in rows]
        return [self._scores(row) for row in rows]

    def _scores(self, row: Sequence[int]) -> PairScores:
        band = np.full((len(row), 30), -9.0, np.float32)
        for at, word in enumerate(row):
            band[at, 0] = self.answers.get(word, -9.0)
        band[0, 0] = 0.0  # no answer
        return PairScores(max(self.answers.get(word, -5.0) for word in row), self.support, band)


def reader(encoder: Scripted) -> ExtractiveReader:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return ExtractiveReader(encoder, tokenizer, CALIBRATION)


def pair(first: Scripted, second: Scripted) -> SecondOpinion:
    return SecondOpinion(reader(first), lambda: reader(second), WEIGHTS)


def passages(*texts: str) -> list[Passage]:
    return [Passage(n, a_document(n), 0, len(text), text, 1.0) for n, text in enumerate(texts, 1)]


def test_readers_that_choose_the_same_words_are_surer_than_readers_that_do_not() -> None:
    (agreed,) = pair(Scripted({"ada": 4.0}), Scripted({"ada": 4.0})).read("who wrote", passages("ada and bob"))
    (torn,) = pair(Scripted({"ada": 4.0}), Scripted({"bob": 4.0})).read("who wrote", passages("ada and bob"))
    assert agreed.span.text == "ada"
    assert agreed.confidence > 0.8 and agreed.confidence > torn.confidence + 0.05


def test_what_both_think_likely_is_chosen_over_what_either_likes_best() -> None:
    first, second = Scripted({"ada": 2.2, "carl": 2.0}), Scripted({"bob": 2.2, "carl": 2.0})
    (reading,) = pair(first, second).read("who wrote", passages("the ada and bob and carl"))
    assert reading.span.text == "carl" and (reading.span.start, reading.span.end) == (20, 24)


def test_only_the_best_passages_are_read_twice_and_come_first() -> None:
    texts = ["the sea", "ada", "bob", "carl", "sea and sea"]
    first, second = Scripted({"ada": 5.0, "bob": 4.0, "carl": 3.0, "sea": 1.0}), Scripted({"carl": 5.0})
    readings = pair(first, second).read("who wrote", passages(*texts))
    assert len(second.read) == READ_TWICE
    order = sorted(range(len(texts)), key=lambda i: -readings[i].answer_score)
    assert texts[order[0]] == "carl" and set(order[3:]) == {0, 4}


def test_hits_keep_the_order_of_the_first_reader() -> None:
    texts = ("the sea", "ada", "bob")
    hits = [Hit(Chunk(1, i, 0, len(t), t, id=i), a_document(), 0.0) for i, t in enumerate(texts)]
    ranked = pair(Scripted({"ada": 5.0, "bob": 4.0}), Scripted({"bob": 5.0})).rerank("who wrote", hits)
    assert [hit.chunk.text for hit in ranked] == ["ada", "bob", "the sea"]
    assert all(hit.reading is not None for hit in ranked)


def test_both_judge_a_statement() -> None:
    for second, least, most in ((3.0, 0.94, 0.96), (-3.0, 0.49, 0.51)):
        judged = pair(Scripted({}, support=3.0), Scripted({}, support=second)).supports("ada wrote", passages("ada"))
        assert judged is not None and least < judged[0] < most


def test_nothing_to_read_needs_no_second_reader() -> None:
    def never() -> ExtractiveReader:
        raise AssertionError("it was opened")

    opinion = SecondOpinion(reader(Scripted({})), never, WEIGHTS)
    assert opinion.read("who wrote", []) == [] and opinion.rerank("who wrote", []) == []


def test_an_empty_passage_answers_nothing() -> None:
    (reading,) = pair(Scripted({"ada": 5.0}), Scripted({"ada": 5.0})).read("who wrote", passages(""))
    assert reading.span.text == "" and reading.confidence < 0.1


@pytest.mark.parametrize(
    ("one", "other", "agreement"),
    [
        ((Likely(0, 3, 1.0),), (Likely(0, 3, 1.0),), 1.0),
        ((Likely(0, 3, 1.0),), (Likely(4, 7, 1.0),), 0.5),
        ((Likely(0, 4, 1.0),), (Likely(0, 2, 1.0),), 5 / 6),
        ((), (), 0.0),
    ],
)
def test_agreement_is_the_expected_overlap(
    one: tuple[Likely, ...], other: tuple[Likely, ...], agreement: float
) -> None:
    found = both(Readout((0.0, 0.0, 0.0), likely=one), Readout((0.0, 0.0, 0.0), likely=other))
    assert found[2] == pytest.approx(agreement)


def test_weights_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "two.json"
    file.write_text('{"first": 1, "second": 2, "agreement": 3, "bias": -1, "support": [0.5, 0.5]}')
    assert TwoReaders.read(file).log_odds(1.0, 1.0, 0.5) == pytest.approx(3.5)
