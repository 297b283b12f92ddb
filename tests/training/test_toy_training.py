"""Every trained part in a tiny setting on the CPU; needs torch, which the product itself does not."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training recipes need torch")

from training.encoder import EncoderConfig, Reader, attend, load_reader, save_reader  # noqa: E402
from training.export_reader import PaddedReader  # noqa: E402
from training.muon import orthogonalise  # noqa: E402
from training.nano_model import Nano, NanoConfig, load_nano, save_nano  # noqa: E402
from training.store import Shape, batches  # noqa: E402
from training.train_reader import Distributions, supervised, tensors  # noqa: E402

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


def test_the_reader_learns_four_passages_by_heart() -> None:
    torch.manual_seed(0)
    shape = Shape(tokens=64, sequences=16, longest=16)
    reader = Reader(TOY, dropout=0.0)
    reader.encoder.words = torch.nn.Embedding(30522, 32)
    optimizer = torch.optim.Adam(reader.parameters(), 3e-3)
    first = last = 0.0
    for batch in batches(small_store(), 2, shape, seed=0, epochs=60, drop_context=0.0):
        b = tensors(batch)
        d = Distributions(reader(b["ids"], b["types"], b["positions"], b["cu"], shape.longest), b, shape.longest)
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


def test_the_padded_graph_equals_the_flat_model() -> None:
    torch.manual_seed(0)
    reader = Reader(TOY).eval()
    rows = [torch.tensor([3, 4, 5, 6, 7]), torch.tensor([8, 9, 10])]
    cu = torch.tensor([0, 5, 8], dtype=torch.int32)
    positions = torch.cat([torch.arange(5), torch.arange(3)])
    ids = torch.cat(rows)
    ends, band, relevance = reader(ids, torch.zeros_like(ids), positions, cu, 5)
    padded, mask = torch.zeros(2, 5, dtype=torch.long), torch.zeros(2, 5, dtype=torch.long)
    for i, row in enumerate(rows):
        padded[i, : len(row)], mask[i, : len(row)] = row, 1
    p_relevance, p_ends, p_band = PaddedReader(reader)(padded, mask, torch.zeros_like(padded))
    torch.testing.assert_close(p_relevance, relevance, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(p_ends[1, :3], ends[5:8], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(p_band[0, 1, :4], band[1, :4], atol=1e-4, rtol=1e-3)


def test_a_saved_reader_comes_back(tmp_path: Path) -> None:
    reader = Reader(TOY)
    save_reader(reader.state_dict(), TOY, tmp_path / "r.safetensors")
    again = load_reader(tmp_path / "r.safetensors")
    torch.testing.assert_close(again.ends.weight, reader.ends.weight.half().float())


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
    from training import train_nano

    np.random.default_rng(0).integers(0, 16384, 4000).astype(np.uint16).tofile(tmp_path / "wikipedia.bin")
    arguments = ["x", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--minutes", "0.01", "--rows", "2"]
    monkeypatch.setattr("sys.argv", [*arguments, "--micro", "2", "--length", "16", "--toy"])
    train_nano.main()
    assert load_nano(tmp_path / "out").config.hidden_size == 64
