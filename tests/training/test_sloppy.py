"""Questions reworded as people type them: what is asked stays, and stores of them keep places and passages."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data.sloppy import main, reworded, sloppy
from training.data.store import ABSENT, CLAIM, QUESTION, Store, build_store, load_tokenizer

TOKENIZER = Path("rag/models/weights/all-MiniLM-L6-v2/tokenizer.json").resolve()
TEXT = "Rita Quill inspected the tower in 1987. The lens has 1,176 prisms."


def wordings(question: str, seed: int = 0, number: int = 400) -> set[str]:
    rng = random.Random(seed)
    return {reworded(question, rng).lower().rstrip("?") for _ in range(number)}


@pytest.mark.parametrize(
    ("question", "typed"),
    [
        ("How many prisms has the lens?", "number of prisms in the lens"),
        ("How many prisms are there in the lens?", "prisms in the lens how many"),
        ("How much does the boat trip cost?", "boat trip price"),
        ("What is the price of a ticket?", "ticket price"),
        ("What is the name of the keeper?", "keeper name"),
        ("How long does the crossing take?", "duration of crossing"),
        ("How tall is the tower?", "tower height"),
        ("When does the boat leave?", "when boat leave"),
        ("Where is the key?", "wheres the key"),
        ("Who inspected the tower in 1987?", "who inspected the tower in 87"),
        ("How do I reset the boiler?", "how to reset the boiler"),
        ("By when must we pay?", "we pay by when"),
        ("Who wrote the letter?", "author of the letter"),
    ],
)
def test_a_question_is_also_asked_as_people_type_it(question: str, typed: str) -> None:
    assert typed in wordings(question)


def test_words_that_decide_the_answer_stay() -> None:
    for typed in wordings("Who did not inspect Harrowby Tower before May 2024?"):
        held = sum(word in typed for word in ("not", "inspect", "harrowby", "tower", "before", "may", "24"))
        assert held >= 6, f"at most one word may have a slip: {typed}"


def test_decimals_and_large_numbers_are_no_years() -> None:
    for typed in wordings("Who paid 2,019.50 euros for item 19870?"):
        assert "2,019.50" in typed and "19870" in typed


def test_the_same_seed_makes_the_same_wordings() -> None:
    assert wordings("How old is the dog?", 3, 20) == wordings("How old is the dog?", 3, 20)


def store() -> Store:
    where = TEXT.index("Rita Quill"), TEXT.index("Rita Quill") + len("Rita Quill")
    questions = [
        ("Who inspected the tower in 1987?", 0, [where], [1]),
        ("How much does a ticket cost?", -1, [], [0]),
        ("The lens has 1,176 prisms.", 0, [], [1]),
    ]
    return build_store(
        load_tokenizer(TOKENIZER), [("Tower", TEXT), ("", "Nothing of that.")], questions, [QUESTION, ABSENT, CLAIM]
    )


def test_questions_with_and_without_an_answer_are_reworded_and_statements_left_out() -> None:
    before = store()
    made, texts = sloppy(before, load_tokenizer(TOKENIZER), times=3, seed=1, workers=1)
    assert len(made) == len(texts) == 6 and len(made.passages) == len(before.passages)
    assert made.gold.tolist() == [0, -1] * 3 and (made.spans[0] == before.spans[0]).all()
    assert set(made.kinds.tolist()) == {ABSENT}, "no teacher tells how it doubts such wordings"
    asked = [before.questions[i].tolist() for i in (0, 1)]
    assert all(made.questions[i].tolist() != asked[i % 2] for i in range(6))
    assert len(set(texts)) > 4


def test_a_share_of_none_leaves_the_words_as_they_were() -> None:
    before = store()
    made, _ = sloppy(before, load_tokenizer(TOKENIZER), share=0.0, workers=1)
    assert [made.questions[i].tolist() for i in (0, 1)] == [before.questions[i].tolist() for i in (0, 1)]


def test_the_copy_stands_beside_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = store()
    replace(one, kinds=np.full(3, QUESTION, np.int32)).save(tmp_path / "a.npz")
    monkeypatch.setattr(
        "sys.argv", ["sloppy", "--tokenizer", str(TOKENIZER), "--stores", f"{tmp_path / 'a.npz'}:2", "--workers", "1"]
    )
    main()
    assert len(Store.load(tmp_path / "sloppy-a.npz")) == 6
    assert "sloppy-a.npz: 6" in capsys.readouterr().out
