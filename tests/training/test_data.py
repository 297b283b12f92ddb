"""Data preparation without torch: splits, sections, cloze exercises, stores, mining, metrics and span decoding."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from training.data.cloze import BLANK, cloze_questions
from training.data.corpus import read_squad, sentences, split_articles, wiki_sections
from training.data.prepare_squad import flatten, lacks, mine, plain
from training.data.search import fuse, keyword_search
from training.data.store import Ragged, Shape, Store, answer_places, batches, token_span
from training.evaluate import backends, metrics


def test_the_splits_share_no_article(tmp_path: Path) -> None:
    paragraph = {
        "context": "The moon is round.",
        "qas": [{"question": "What?", "answers": [{"text": "moon", "answer_start": 4}]}],
    }
    data = [{"title": f"Seven_Years%27 {n}", "paragraphs": [paragraph]} for n in range(100)]
    file = tmp_path / "squad.json"
    file.write_text(json.dumps({"data": data}))
    articles = read_squad(file)
    split = split_articles(articles)
    titles = {name: {a.title for a in part} for name, part in split.items()}
    assert articles[0].title == "Seven Years' 0"
    assert [len(split[n]) for n in ("train", "test", "val")] == [12, 44, 44]
    assert (
        not titles["train"] & titles["val"]
        and not titles["train"] & titles["test"]
        and not titles["val"] & titles["test"]
    )


def test_an_initial_does_not_end_a_sentence() -> None:
    assert sentences("J. R. Smith wrote it. It sold well.") == ["J. R. Smith wrote it.", "It sold well."]


def test_sections_carry_the_heading_above_them() -> None:
    body = " ".join(["Many words stand in this paragraph about the river."] * 6)
    sections = wiki_sections("River", f"River\n{body}\nHistory.\n{body}")
    assert [s.heading for s in sections] == ["", "History"]


def test_a_cloze_answer_stands_in_its_passage_and_not_in_the_negatives() -> None:
    texts = [
        "The expedition sailed north under captain Henry Walters Moore in the cold winter. Ice stopped the ships.",
        "Years later the captain Henry Walters Moore described the expedition and the winter storms in a long book.",
        "The harbour town grew quickly because trade with the islands brought fish, wood and many new settlers.",
    ]
    sections = [s for t in texts for s in wiki_sections("Arctic", t, min_words=5)]
    made = cloze_questions("Arctic", sections, random.Random(0))
    assert made
    for c in made:
        assert c.question.count(BLANK) == 1 and c.answer not in c.question
        assert all(sections[c.section].text[p:].startswith(c.answer) for p in c.places)
        assert all(c.answer not in sections[n].text for n in c.negatives)


def test_keyword_search_ranks_the_passage_with_the_rare_words_first() -> None:
    passages = [("Cats", "They sleep all day."), ("Dogs", "They guard the wooden gate at night."), ("", "")]
    found = keyword_search(passages, ["Who guards the gate?", "the of"], 3)
    assert found[0, 0] == 1
    assert found[1, 0] == 1  # nothing but stop words: they are searched after all


def test_fusion_prefers_what_both_legs_found() -> None:
    assert fuse(np.array([[3, 1]], np.int32), np.array([[2, 1]], np.int32), 2)[0, 0] == 1


def test_mined_negatives_lack_the_answer(tmp_path: Path) -> None:
    contexts = ["Paris is the capital of France.", "The capital moved once.", "He flew to Paris."]
    qas = [{"question": "What is the capital of France?", "answers": [{"text": "Paris", "answer_start": 0}]}]
    paragraphs = [{"context": c, "qas": qas if i == 0 else []} for i, c in enumerate(contexts)]
    file = tmp_path / "squad.json"
    file.write_text(json.dumps({"data": [{"title": "France", "paragraphs": paragraphs}]}))
    flat = flatten(read_squad(file))
    negatives = mine(flat, np.array([[0, 2, 1]], np.int32), np.random.default_rng(0))
    assert negatives == [[1]]
    assert not lacks(plain(contexts[2]), ((0, "paris"),))


def test_answer_places_counts_whole_words_only() -> None:
    assert answer_places("Rome, Romeo and Rome", 0, "Rome") == [0, 16]
    assert token_span([(0, 4), (5, 9)], 5, 9) == (1, 1)


def small_store() -> Store:
    rows = Ragged.of([[7, 8, 9, 10], [11, 12], [13, 14, 15]])
    spans = np.full((2, 4, 2), -1, np.int32)
    spans[0, 0], spans[1, 0] = (1, 2), (0, 0)
    negatives = np.full((2, 16), -1, np.int32)
    negatives[:, 0] = (1, 2)
    return Store(
        Ragged.of([[5], [6]]), Ragged.of([[20], [21], [22]]), rows, np.array([0, 1], np.int32), spans, negatives
    )


def test_a_batch_points_at_the_answer_and_at_cls_for_the_negative() -> None:
    shape = Shape(tokens=64, sequences=16, longest=16)
    (batch,) = list(batches(small_store(), 2, shape, seed=0, epochs=1, drop_context=0.0))
    labelled = np.flatnonzero(batch.label >= 0)
    assert batch.label[labelled].tolist() == [1, 0, 1, 0]
    for s in labelled:
        first, last = batch.spans[s, 0]
        if batch.label[s]:
            assert batch.inside[first : last + 1].all()
            assert batch.ids[first : last + 1].tolist() in ([8, 9], [11])
        else:
            assert first == last == batch.cu[s]
    assert batch.cu[-1] == shape.tokens


def test_joined_stores_keep_their_passages(tmp_path: Path) -> None:
    both = Store.join([small_store(), small_store()])
    both.save(tmp_path / "s.npz")
    again = Store.load(tmp_path / "s.npz")
    assert again.passages[int(again.gold[2])].tolist() == [7, 8, 9, 10]
    assert again.negatives[3, 0] == 5 and again.negatives[3, 1] == -1


def test_metrics_ignore_articles_case_and_punctuation() -> None:
    assert metrics.exact_match("The Tower!", ["tower"]) == 1
    assert metrics.f1("red tower bridge", ["the tower"]) == pytest.approx(0.5)


def test_the_best_of_several_references_counts() -> None:
    assert metrics.exact_match("1912", ["in 1912", "the 1912"]) == 1
    assert metrics.f1("red tower", ["a blue bridge far away", "the red tower of London", "red"]) == pytest.approx(2 / 3)


def test_all_references_of_a_question_are_read(tmp_path: Path) -> None:
    answers = [{"text": t, "answer_start": 4} for t in ("moon", "moon is", "moon")]
    qas = [{"question": "What?", "answers": answers}, {"question": "Who?", "answers": [], "is_impossible": True}]
    file = tmp_path / "dev.json"
    context = "The moon is round."
    file.write_text(json.dumps({"data": [{"title": "Sky", "paragraphs": [{"context": context, "qas": qas}]}]}))
    flat = flatten(read_squad(file))
    assert flat.questions == [("What?", 0, ((4, "moon"), (4, "moon is")))]


def test_the_span_that_others_overlap_is_settled_on() -> None:
    first, last = np.array([[0, 4, 4, 5]]), np.array([[0, 6, 7, 7]])
    assert backends.settle(first, last, np.array([[0.3, 0.25, 0.25, 0.2]], np.float32)).tolist() == [2]
    assert backends.settle(first, last, np.array([[0.9, 0.1, 0.1, 0.1]], np.float32)).tolist() == [0]


def test_decoding_matches_a_plain_search_over_all_spans() -> None:
    rng = np.random.default_rng(0)
    length = 12
    band = rng.normal(size=(1, length, backends.SPAN_WIDTH)).astype(np.float32)
    inside = np.zeros((1, length), np.bool_)
    inside[0, 4:10] = True
    null, best, span = backends.decode_padded(5 * band, inside)
    scores = {(s, e): 5 * float(band[0, s, e - s]) for s in range(4, 10) for e in range(s, 10)}
    total = np.log(sum(np.exp(v) for v in scores.values()) + np.exp(5 * band[0, 0, 0]))
    expected = max(scores, key=lambda k: scores[k])
    assert tuple(span[0]) == expected
    assert best[0] == pytest.approx(scores[expected] - total, abs=1e-5)
    assert null[0] == pytest.approx(5 * band[0, 0, 0] - total, abs=1e-5)
