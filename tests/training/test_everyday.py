"""Everyday documents: bundles, the stores made of them, and their questions asked through the whole pipeline."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.store import Shape
from training.evaluate.backends import Pair, Scored
from training.everyday.ask import main as ask
from training.everyday.bundles import LANGUAGES, BundleError, Item, read_bundles, read_typed
from training.everyday.evaluate import questions_table
from training.everyday.prepare import as_typed, build, held_out, place_of

TOKENIZER = Path("rag/models/weights/all-MiniLM-L6-v2/tokenizer.json").resolve()
LEASE = """=== lease.md
# Lease of the boathouse

The tenant, Ola Brandt, pays a deposit of 1,840 euros before the keys are handed over.

Notice is given three months ahead, in writing. The landlord looks after the roof and the jetty; the tenant paints the
doors every fourth year and sweeps the slipway in autumn, before the boats are laid up for winter.
%%%
Q: How much is the deposit?
A: 1,840 euros
IN: The tenant, Ola Brandt, pays a deposit of 1,840 euros
Q: How much is the rent?
A: none
WHY: only the deposit is given
S+: The deposit is 1,840 euros.
IN: pays a deposit of 1,840 euros
S-: The deposit is paid back at once.
IN: pays a deposit of 1,840 euros
"""


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    folder = tmp_path / "bundles"
    folder.mkdir()
    (folder / "1.txt").write_text(LEASE, encoding="utf-8")
    return folder


def test_a_bundle_holds_documents_with_their_questions_and_statements(bundles: Path) -> None:
    (document,) = read_bundles(bundles)
    assert document.name == "lease.md"
    assert document.text.startswith("# Lease") and document.text.endswith("winter.\n")
    assert [(item.kind, item.answer) for item in document.items] == [
        ("Q", "1,840 euros"), ("Q", None), ("S+", None), ("S-", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("instead", "of", "says"),
    [
        ("A: 2,000 euros", "A: 1,840 euros", "does not stand in the document"),
        ("B: 1,840 euros", "A: 1,840 euros", "is no Q, A, IN"),
        ("IN: nowhere", "IN: pays a deposit of 1,840 euros", "line of"),
        ("", "%%%", "begins no document"),
        ("", "A: none\n", "has no answer"),
    ],
)
def test_a_bundle_of_another_form_is_refused_with_its_place(bundles: Path, instead: str, of: str, says: str) -> None:
    (bundles / "1.txt").write_text(LEASE.replace(of, instead), encoding="utf-8")
    with pytest.raises(BundleError, match=says):
        read_bundles(bundles)


def test_two_documents_of_one_name_are_refused(bundles: Path) -> None:
    (bundles / "2.txt").write_text(LEASE, encoding="utf-8")
    with pytest.raises(BundleError, match=r"lease\.md; rename one"):
        read_bundles(bundles)


def test_an_answer_is_placed_where_its_line_stands() -> None:
    text = "Deposit paid by Ann: 50 euros. Deposit paid by Ben: 50 euros. Both were paid in May."
    item = Item("Q", "What did Ben pay?", "50 euros", "Deposit paid by Ben: 50 euros.")
    number, start, end = place_of(item, ["Nothing of that.", text]) or (-1, 0, 0)
    assert (number, text[start:end]) == (1, "50 euros")
    assert start == text.rindex("50 euros")


def test_stores_hold_the_answers_tokens_and_the_chunks_that_answer_nothing(bundles: Path) -> None:
    stores, made = build(read_bundles(bundles), TOKENIZER)
    questions, cut, claims = stores["everyday"], stores["everyday-cut"], stores["everyday-claims"]
    assert made == {"answered": 1, "line taken out": 1, "nothing answers": 1, "true": 1, "false": 1}
    assert [gold >= 0 for gold in questions.gold] == [True, False]
    first, last = questions.spans[0, 0]
    assert last - first + 1 == len(["1", ",", "840", "euros"])
    assert cut.gold[0] == -1 and len(cut.passages[cut.negatives[0, 0]]) < len(cut.passages[0])
    assert [gold >= 0 for gold in claims.gold] == [True, False]


def test_the_shipped_bundles_are_whole_and_some_are_held_out() -> None:
    documents = read_bundles()
    assert len(documents) > 500
    kept = sum(held_out(document.name) for document in documents)
    assert 0.08 < kept / len(documents) < 0.18
    assert len(read_bundles(LANGUAGES)) > 200


def test_what_is_typed_belongs_to_held_out_questions_alone() -> None:
    documents = read_bundles()
    asked = {(document.name, item.text) for document in documents for item in document.items if item.kind == "Q"}
    typed = read_typed()
    assert len(typed) > 100 and set(typed) <= asked
    assert all(held_out(name) for name, _ in typed)
    reworded = as_typed(documents)
    assert sum(len(document.items) for document in reworded) == len(typed)
    assert {item.text for document in reworded for item in document.items} == set(typed.values())


def test_other_wordings_are_judged_by_the_doubt_that_refuses_one_in_ten_of_the_first(
    bundles: Path, tmp_path: Path
) -> None:
    stores, _ = build(read_bundles(bundles), TOKENIZER)
    for name in ("everyday", "everyday-cut"):
        stores[name].save(tmp_path / f"{name}-val.npz")
        stores[name].save(tmp_path / f"typed-{name}-val.npz")
    span = stores["everyday"].spans[0, 0]
    first, answered, least = questions_table(Sure(3.0, span), tmp_path, "", Shape(), None)
    assert answered.tolist() == [True, False]
    assert (
        least == pytest.approx(3.0, abs=1e-3)
        and first["exact"] == 1.0
        and first["AUC"] == 0.5
        and first["answered: refused"] == 0.0
    )
    typed, _, at = questions_table(Sure(2.0, span), tmp_path, "typed-", Shape(), least)
    assert at == least and typed["answered: refused"] == typed["nothing answers: refused"] == 1.0


class Sure:
    """Reads the same place of every chunk with the same log odds."""

    def __init__(self, odds: float, span: NDArray[np.int32]) -> None:
        self.odds, self.span = odds, span

    def score(self, pairs: Sequence[Pair]) -> Scored:
        null = np.full(len(pairs), -np.log1p(np.exp(self.odds)), np.float32)
        spans = np.tile(self.span.astype(np.int64), (len(pairs), 1))
        return Scored(np.zeros(len(pairs), np.float32), null, null, spans)


def test_questions_are_asked_through_the_pipeline(
    bundles: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = "val" if held_out("lease.md") else "train"
    monkeypatch.setattr("sys.argv", ["ask", "--documents", str(bundles), "--part", part, "--show", "all"])
    ask()
    said = capsys.readouterr().out
    assert "answered by the document: 1 questions" in said
    assert "answered by nothing: 1 questions" in said


def test_the_mean_of_readers_lies_between_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from training.reader.average import main as average
    from training.reader.encoder import EncoderConfig, Reader, load_reader, save_reader

    config = EncoderConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
    )
    states = [Reader(config).state_dict() for _ in range(2)]
    paths = [tmp_path / f"{n}.safetensors" for n in range(2)]
    for state, path in zip(states, paths, strict=True):
        save_reader(state, config, path)
    monkeypatch.setattr("sys.argv", ["average", *map(str, paths), "--out", str(tmp_path / "mean.safetensors")])
    average()
    mean = load_reader(tmp_path / "mean.safetensors").state_dict()
    assert all(torch.allclose(mean[k], (states[0][k] + states[1][k]) / 2, atol=1e-2) for k in mean)
