"""Every trained part in a tiny setting on the CPU; needs torch, which the product itself does not."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training recipes need torch")

from training.data.store import Shape, batches, mask_words  # noqa: E402
from training.nano.model import Nano, NanoConfig, load_nano, save_nano  # noqa: E402
from training.nano.muon import orthogonalise  # noqa: E402
from training.reader.cut import lower_part  # noqa: E402
from training.reader.encoder import (  # noqa: E402
    Encoder,
    EncoderConfig,
    Reader,
    attend,
    load_encoder,
    load_reader,
    save_encoder,
    save_reader,
)
from training.reader.export import PaddedReader  # noqa: E402
from training.reader.train import Distributions, supervised, tensors  # noqa: E402

from .test_data import small_store  # noqa: E402

TOY = EncoderConfig(vocab_size=128, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
TINY = NanoConfig(
    vocab_size=64,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=64,
)


@pytest.mark.slow
def test_the_reader_learns_four_passages_by_heart() -> None:
    torch.manual_seed(0)
    shape = Shape(tokens=64, sequences=16, longest=16)
    reader = Reader(TOY, dropout=0.0)
    reader.encoder.words = torch.nn.Embedding(30522, 32)
    optimizer = torch.optim.Adam(reader.parameters(), 3e-3)
    first = last = 0.0
    for batch in batches(small_store(), 2, shape, seed=0, epochs=60, drop_context=0.0):
        b = tensors(batch)
        d = Distributions(reader(b["ids"], b["types"], b["positions"], b["cu"], shape.longest)[0], b, shape.longest)
        loss = torch.stack(list(supervised(d, b, 2, 0.5).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first, last = first or loss.item(), loss.item()
    assert last < 0.2 * first


def test_attention_stays_within_a_sequence() -> None:
    q, k, v = (torch.randn(6, 2, 4) for _ in range(3))
    cu = torch.tensor([0, 2, 6], dtype=torch.int32)
    both = attend(q, k, v, cu, 4)
    alone = attend(q[:2], k[:2], v[:2], torch.tensor([0, 2], dtype=torch.int32), 2)
    torch.testing.assert_close(both[:2], alone)


def test_the_padded_graph_of_the_lower_layers_equals_the_flat_exit() -> None:
    torch.manual_seed(0)
    reader = Reader(replace(TOY, exit_layer=1)).eval()
    rows = [torch.tensor([3, 4, 5, 6, 7]), torch.tensor([8, 9, 10])]
    cu = torch.tensor([0, 5, 8], dtype=torch.int32)
    positions = torch.cat([torch.arange(5), torch.arange(3)])
    ids = torch.cat(rows)
    last, (_, band, relevance, support) = reader(ids, torch.zeros_like(ids), positions, cu, 5)
    padded, mask = torch.zeros(2, 5, dtype=torch.long), torch.zeros(2, 5, dtype=torch.long)
    for i, row in enumerate(rows):
        padded[i, : len(row)], mask[i, : len(row)] = row, 1
    p_relevance, p_band, p_support = PaddedReader(lower_part(reader).eval())(padded, mask, torch.zeros_like(padded))
    torch.testing.assert_close(p_relevance, relevance, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(p_support, support, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(p_band[0, 1, :4], band[1, :4], atol=1e-4, rtol=1e-3)
    assert not torch.allclose(last[2], relevance)


@pytest.mark.filterwarnings("ignore")  # the exporter warns of its successor
@pytest.mark.slow
def test_evened_scales_leave_the_output_and_word_rows_survive_int8(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    from training.reader.export import quantise, write_graph

    torch.manual_seed(0)
    module = PaddedReader(Reader(replace(TOY, vocab_size=30522)).eval())
    ids = torch.tensor([[101, 5, 102, 9, 10, 11, 102]])
    feeds = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    before = module(*feeds)
    module.body.smooth(small_store(), Shape(), pairs=2)
    assert module.body.factors
    for a, b in zip(module(*feeds), before, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
    axes = {"relevance": {0: "batch"}, "band": {0: "batch", 1: "length"}}
    write_graph(module, axes, tmp_path / "full.onnx")
    quantise(tmp_path / "full.onnx", tmp_path / "small.onnx")
    names = ("input_ids", "attention_mask", "token_type_ids")
    session = onnxruntime.InferenceSession(tmp_path / "small.onnx", providers=["CPUExecutionProvider"])
    _, band, *_ = session.run(None, {n: t.numpy() for n, t in zip(names, feeds, strict=True)})
    assert np.corrcoef(band.ravel(), before[1].detach().numpy().ravel())[0, 1] > 0.99


def test_a_saved_reader_comes_back(tmp_path: Path) -> None:
    config = replace(TOY, exit_layer=1)
    reader = Reader(config)
    save_reader(reader.state_dict(), config, tmp_path / "r.safetensors")
    again = load_reader(tmp_path / "r.safetensors")
    assert again.early is not None
    torch.testing.assert_close(again.heads.ends.weight, reader.heads.ends.weight.half().float())


def test_layers_are_stacked_in_the_order_asked(tmp_path: Path) -> None:
    encoder = Encoder(TOY)
    (tmp_path / "config.json").write_text(json.dumps(asdict(TOY)))
    save_encoder(encoder.state_dict(), TOY, tmp_path / "model.safetensors")
    stacked = load_encoder(tmp_path, layers=[0, 1, 1])
    assert stacked.config.num_hidden_layers == 3
    torch.testing.assert_close(stacked.layers[2].up.weight, encoder.layers[1].up.weight.half().float())


def test_training_runs_with_stacked_layers_an_exit_hidden_words_and_a_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.reader import train as train_reader

    config = replace(TOY, vocab_size=30522)
    (tmp_path / "config.json").write_text(json.dumps(asdict(config)))
    save_encoder(Encoder(config).state_dict(), config, tmp_path / "model.safetensors")
    store = tmp_path / "a.npz"
    small_store().save(store)
    common = ["--train", str(store), "--epochs", "2", "--tokens", "96", "--sequences", "24", "--longest", "32"]
    common += ["--workers", "0"]

    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["x", *common, *arguments])
        train_reader.main()

    base, student = str(tmp_path / "base.safetensors"), tmp_path / "student.safetensors"
    run("--start", str(tmp_path), "--layers", "0,1,1", "--exit", "2", "--mask", "0.3", "--out", base)
    run("--start", base, "--teachers", base, base, "--belief", "--out", str(student))
    made = load_reader(student)
    assert made.encoder.config.exit_layer == 2 and len(made.encoder.layers) == 3


def test_hidden_words_leave_the_answer_and_can_be_restored() -> None:
    (batch,) = batches(small_store(), 2, Shape(tokens=96, sequences=24, longest=32), seed=0, epochs=1)
    before = batch.ids.copy()
    words = mask_words(batch, 0.5, np.random.default_rng(0))
    used = words["words"] >= 0
    assert used.any() and (batch.ids != before).any()
    batch.ids[words["where"][used]] = words["words"][used]
    np.testing.assert_array_equal(batch.ids, before)
    answers = [range(a, b + 1) for s in batch.spans[batch.label > 0] for a, b in s if a >= 0]
    assert not {int(w) for w in words["where"][used]} & {t for r in answers for t in r}


@pytest.mark.slow
def test_a_reader_picks_spans_of_the_passage(tmp_path: Path) -> None:
    from training.data.picking import agreed, keep, reader_spans

    store = small_store()
    config = replace(TOY, vocab_size=30522)
    save_reader(Reader(config).state_dict(), config, tmp_path / "r.safetensors")
    spans, scores = reader_spans(tmp_path / "r.safetensors", store, 2, sample=True)
    lengths = np.array([len(store.passages[p]) for p in store.gold])
    assert (spans[:, :1] >= 0).all() and (spans[:, 0, 1] < lengths).all() and (scores[:, 0] < 0).all()
    told = keep(store, np.array([True] + [False] * (len(store) - 1)))
    assert len(told) == 1 and len(agreed(tmp_path / "r.safetensors", store)) == len(store)


def test_muon_updates_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(2, 8, 16)))
    assert values.min() > 0.4 and values.max() < 1.4


def test_cached_decoding_equals_the_full_forward_pass_also_with_padding(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Nano(TINY)
    save_nano(model, tmp_path)
    model = load_nano(tmp_path).eval()
    prompts = [[5, 6, 7, 8], [9, 10]]
    made = model.generate(prompts, 5, stop=63)
    for prompt, tokens in zip(prompts, made, strict=True):
        ids = list(prompt)
        expected = []
        for _ in range(5):
            token = int(model(torch.tensor([ids]))[0, -1].argmax())
            if token == 63:
                break
            expected.append(token)
            ids.append(token)
        assert tokens == expected


def test_pretraining_runs_in_a_tiny_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.nano import pretrain as train_nano

    np.random.default_rng(0).integers(0, 16384, 4000).astype(np.uint16).tofile(tmp_path / "wikipedia.bin")
    arguments = ["x", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--minutes", "0.01", "--rows", "2"]
    monkeypatch.setattr("sys.argv", [*arguments, "--micro", "2", "--length", "16", "--toy"])
    train_nano.main()
    assert load_nano(tmp_path / "out").config.hidden_size == 64
