"""The base that docent-nano is tuned from: a cut vocabulary writes any text, layers that do least go first."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

torch = pytest.importorskip("torch", reason="the training recipes need torch")

from engines.model.checkpoint import Checkpoint  # noqa: E402
from training.nano import export  # noqa: E402
from training.nano.base import embedding, kept_tokens, trimmed, uses  # noqa: E402
from training.nano.model import Nano, NanoConfig, save_nano  # noqa: E402
from training.nano.shallow import shallower, text_loss  # noqa: E402
from training.nano.tokenizer import SPECIAL  # noqa: E402

TEXT = "The lamp was lit in 1868. The lamps were lit by the keeper, who kept the lighthouse and its lamp. " * 3
ODD = ["naïve café — 12 °C", "数字 и буквы", "\x00\x13\x7f tabs\tand\r\nlines", "🙂 <|im_start|> [1]", "İstanbul"]


def old_tokenizer() -> Tokenizer:
    """Byte-level BPE with special tokens of another name, as SmolLM2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?\p{L}+|\d|\s+|."), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([TEXT, "system user assistant _ " * 20], trainer)
    return tokenizer


def test_a_cut_vocabulary_writes_any_text() -> None:
    old = old_tokenizer()
    merges = [(left, right) for left, right in json.loads(old.to_str())["model"]["merges"]]
    tokens = kept_tokens(merges, uses(old, [TEXT]), 256 + len(SPECIAL) + 12)
    assert len(tokens) == len(set(tokens)) <= 256 + len(SPECIAL) + 12
    new = trimmed(old, tokens)
    for text in (TEXT, *ODD):
        assert new.decode(new.encode(text).ids) == text
    assert len(new.encode(TEXT).ids) < len(TEXT.encode())
    assert new.encode("<|user|>\n").ids[0] == SPECIAL.index("<|user|>")


def test_kept_tokens_keep_their_vectors_and_new_ones_begin_with_their_like() -> None:
    old = old_tokenizer()
    merges = [(left, right) for left, right in json.loads(old.to_str())["model"]["merges"]]
    tokens = kept_tokens(merges, uses(old, [TEXT]), 300)
    vectors = np.random.default_rng(0).standard_normal((old.get_vocab_size(), 4)).astype(np.float32)
    rows = embedding(old, vectors, tokens)
    for token in ("e", tokens[-1]):
        np.testing.assert_array_equal(rows[tokens.index(token)], vectors[old.token_to_id(token)])
    np.testing.assert_array_equal(rows[SPECIAL.index("<|end|>")], vectors[old.token_to_id("<|im_end|>")])
    np.testing.assert_allclose(rows[tokens.index("ÿ")], vectors.mean(0), rtol=1e-6)  # a byte that no text had


def test_the_layer_that_does_least_goes_first() -> None:
    torch.manual_seed(0)
    model = Nano(NanoConfig(64, 32, 4, 4, 2, 64))
    for parameter in model.layers.parameters():
        parameter.data *= 4
    ids, cu = torch.randint(0, 64, (40,)), torch.tensor([0, 18, 40], dtype=torch.int32)
    whole = list(model.layers)
    losses = []
    for out in range(4):
        model.layers = torch.nn.ModuleList(whole[:out] + whole[out + 1 :])
        losses.append(text_loss(model, ids, cu, 40))
    model.layers = torch.nn.ModuleList(whole)
    left = shallower(model, 3, ids, cu, 40)
    assert set(range(4)) - set(left) == {int(np.argmin(losses))}
    assert model.config.num_hidden_layers == len(model.layers) == 3


def test_what_is_shipped_are_the_weights_that_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = Nano(NanoConfig(64, 64, 2, 4, 2, 128))
    save_nano(model, tmp_path / "tuned")
    model = model.half().float()
    model.settle()
    monkeypatch.setattr("sys.argv", ["x", str(tmp_path / "tuned"), str(tmp_path / "out")])
    export.main()
    shipped = Checkpoint(tmp_path / "out")
    for name in ("q", "o", "up", "down"):
        learnt = getattr(model.layers[1], f"{name}_proj").weight.detach().numpy()
        np.testing.assert_allclose(shipped.linear(1, name).dense(), learnt, atol=1e-6)
    table = model.embed_tokens.weight.detach().numpy()
    step = np.abs(table).max(1, keepdims=True) / 127
    assert (np.abs(shipped.embedding().whole() - table) <= 0.6 * step).all()
