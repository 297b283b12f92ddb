"""docent-nano's lessons: prompts as the product makes them, replies that hold the answer and cite its passage."""

import random
import re
from pathlib import Path

import numpy as np
import pytest

from rag.answer.refusal import NOT_FOUND
from rag.types import Turn
from training.data.corpus import Article, Paragraph, Question, Section
from training.evaluate.nano import Case, measure
from training.nano.tasks import Piece, answer_prompt, cloze_examples

pytest.importorskip("HanTa", reason="making lessons needs HanTa and lemminflect")
pytest.importorskip("lemminflect", reason="making lessons needs HanTa and lemminflect")

from training.data.cloze import cloze_questions
from training.data.statements import state
from training.nano.tune_answers import Shelf, answer_examples, asked_of, medquad_examples, trimmed
from training.nano.tune_data import Lessons
from training.nano.tune_forms import definition_examples, form_examples
from training.nano.tune_rewrites import _leaning, held_out_rewrite, rewrite_examples
from training.nano.tune_texts import title_for, two_sentences

BRIDGE = (
    "The Iron Bridge was designed by Ada Moore in 1911. It opened in 1912 and is 91 metres long. Workers built it with "
    "steel from Leeds. The Iron Bridge carries two lanes of traffic."
)


def article(title: str, text: str, asked: dict[str, str]) -> Article:
    questions = tuple(Question(q, ((text.index(a), a),)) for q, a in asked.items())
    return Article(
        title, (Paragraph(text, questions), Paragraph(f"{title} is liked by many people who live there.", ()))
    )


ARTICLES = [
    article(
        "Iron Bridge", BRIDGE, {"When did the Iron Bridge open?": "1912", "Who designed the Iron Bridge?": "Ada Moore"}
    ),
    article("Cats", "Cats sleep for fifteen hours a day.", {"How long do cats sleep a day?": "fifteen hours"}),
]


@pytest.mark.parametrize(
    ("question", "span", "statement"),
    [
        ("When did the Iron Bridge open?", "1912", "The Iron Bridge opened in 1912"),
        ("Who designed the Iron Bridge?", "Ada Moore", "Ada Moore designed the Iron Bridge"),
        ("In what year was the Iron Bridge designed?", "1911", "The Iron Bridge was designed in 1911"),
        ("How many lanes does the Iron Bridge carry?", "two", "The Iron Bridge carries two lanes"),
        ("What did the workers build the bridge with?", "steel", "The workers built the bridge with steel"),
        ("What happened to the bridge?", "1912", None),
    ],
)
def test_a_question_and_its_answer_become_a_statement(question: str, span: str, statement: str | None) -> None:
    assert state(question, BRIDGE, BRIDGE.index(span), span) == statement


def test_a_sentence_is_trimmed_to_what_the_answer_needs() -> None:
    assert trimmed("However, the town (a port) grew to 900 people.", "900") == "The town grew to 900 people"
    assert trimmed("This was in 1912.", "1912") is None


def test_every_reply_cites_the_passage_that_holds_its_answer_or_refuses() -> None:
    shelf = Shelf(ARTICLES)
    known = asked_of(ARTICLES[0])
    made = list(answer_examples(shelf, 0, known, 40, random.Random(1)))
    assert {e.kind for e in made} == {"answer", "none"}
    for e in made:
        if e.kind == "none":
            assert e.reply == NOT_FOUND and BRIDGE not in e.prompt
            continue
        span = "1912" if "1912" in e.reply else "Ada Moore"
        (label,) = re.findall(r"\[(\d)\]\.$", e.reply)
        passage = e.prompt.split(f"\n\n[{label}] ")[1].split("\n\n[")[0].split("<|end|>")[0]
        assert span in e.reply and span in passage


def test_health_lessons_quote_the_answer() -> None:
    body = "Scurvy is a disease that comes from too little vitamin C. It makes gums bleed. Fruit cures it within weeks."
    rows = [("What is (are) Scurvy ?", body), ("How is Gout treated ?", body.replace("Scurvy", "Gout"))] * 3
    made = [e for e in medquad_examples(rows, random.Random(0)) if e.kind == "health"]
    assert made and all(re.search(r"\[\d\]\.$", e.reply) for e in made)


def test_a_follow_up_leans_on_what_was_named() -> None:
    history = [Turn("Who designed the Iron Bridge?", "Ada Moore designed the Iron Bridge.")]
    leaning = _leaning("When did the Iron Bridge open?", history, ["Iron Bridge"], BRIDGE, random.Random(0))
    assert leaning == "When did it open?"
    made = list(rewrite_examples(ARTICLES[0], asked_of(ARTICLES[0]), 10, random.Random(0)))
    assert {e.reply for e in made} >= {"When did the Iron Bridge open?"}
    assert held_out_rewrite("Frank Zappa") == held_out_rewrite("Frank Zappa")


def test_titles_and_summaries() -> None:
    assert title_for("When did the Iron Bridge open?", "Bridges") == "Iron Bridge"
    summary = two_sentences(BRIDGE)
    assert summary is not None and summary.startswith("The Iron Bridge was designed by Ada Moore in 1911. ")
    assert len(re.findall(r"\.(?: |$)", summary)) == 2


def test_forms_and_definitions_hold_their_answers() -> None:
    names = [f"Place {n}" for n in range(30)]
    for e in form_examples(names, [("T", BRIDGE)] * 3, 60, random.Random(0)):
        if e.kind == "answer":
            hint = re.search(r"\nReader: (.+) \[\d\]<", e.prompt)
            assert hint is None or hint[1] in e.reply
    sections = [Section("", "Granite is a hard rock that is used for building. It is old."), Section("", BRIDGE)]
    (made,) = definition_examples("Rocks", sections, 1, random.Random(0))
    assert "What is Granite?" in made.prompt and made.reply.startswith("Granite is a hard rock")


def test_cloze_lessons_fill_the_blank_from_the_passage() -> None:
    sections = [
        Section("", "The captain Henry Walters Moore led the expedition north in the cold winter of that year."),
        Section("", "Years later captain Henry Walters Moore wrote a book about the expedition and the cold winter."),
        Section("", "The harbour town grew quickly because trade with the islands brought fish and wood."),
    ]
    made = list(
        cloze_examples("Arctic", sections, cloze_questions("Arctic", sections, random.Random(0)), random.Random(0))
    )
    assert made and all("<|blank|>" not in e.reply and re.search(r"\[\d\]\.$", e.reply) for e in made)


def test_a_prompt_labels_its_pieces_in_document_order() -> None:
    pieces = [Piece(2, 0, "B", (), "Late."), Piece(1, 0, "A", (), "Early.")]
    prompt, labels = answer_prompt("When?", pieces, hint=(0, 0, 4))
    assert labels == {1: 1, 0: 2} and prompt.endswith("When?\nReader: Late [2]<|end|>\n<|assistant|>\n")


def test_lessons_come_back_and_join(tmp_path: Path) -> None:
    one = Lessons(
        np.array([1, 2, 3, 4, 5], np.uint16), np.array([2, 5]), np.array([1, 2], np.int32), np.zeros(2, np.int8)
    )
    both = Lessons.join([one, one])
    both.save(tmp_path / "l.npz")
    row, start = Lessons.load(tmp_path / "l.npz")[3]
    assert row.tolist() == [3, 4, 5] and start == 2


def test_replies_are_measured() -> None:
    cases = [
        Case("When?", "", (1,), ("1912",), "1912"),
        Case("When?", "", (2,), ("1912",), "1911"),
        Case("When?", "", (), (), ""),
    ]
    table = measure(cases, ["It opened in 1912 [1].", "It opened in 1912 [1].", NOT_FOUND])
    assert table["the reply holds the right span"] == 1
    assert table["... of these, cites the right document"] == 0.5
    assert table["document away: refused"] == 1
