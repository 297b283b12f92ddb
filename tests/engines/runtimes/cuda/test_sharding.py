"""Shares of a model's layers. Needs no card."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.model.block_types import BLOCK_TYPES
from engines.model.checkpoint import Checkpoint, Projection
from engines.model.config import ModelConfig
from engines.model.experts_config import ExpertsConfig
from engines.model.synthetic import Shape, write_checkpoint
from engines.model.weights import BlockLinear, BlockRows, DenseLinear, Linear, QuantizedLinear
from engines.runtimes.cuda.bench import config_of
from engines.runtimes.cuda.packed_weights import PackedSource, build
from engines.runtimes.cuda.packing import natural_order, pack
from engines.runtimes.cuda.sharding import Shard, ShardedCheckpoint
from engines.runtimes.cuda.weights import DeviceLayer, DeviceProduct
from tests.engines.gguf_files import random_blocks
from tests.engines.runtimes.cuda.test_models_in_blocks import written

Double = NDArray[np.float64]
TYPES = {kind.name: kind for kind in BLOCK_TYPES.values()}
PROJECTIONS: tuple[Projection, ...] = ("q", "k", "v", "gate", "up", "o", "down")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    write_checkpoint(tmp_path / "model", Shape(256, 512, 2, 8, 4, vocabulary=104), group=32)
    return Checkpoint(tmp_path / "model")


@pytest.mark.parametrize("in_units", [False, True])
@pytest.mark.parametrize("cards", [2, 4])
def test_shares_add_up(cards: int, in_units: bool, checkpoint: Checkpoint) -> None:
    random = np.random.default_rng(0)
    shares = [ShardedCheckpoint(checkpoint, Shard(rank, cards, in_units)) for rank in range(cards)]
    for projection in PROJECTIONS:
        whole = checkpoint.linear(1, projection).dense()
        parts = [share.linear(1, projection).dense() for share in shares]
        assert all(
            part.shape == share.config.linear_shape(projection) for part, share in zip(parts, shares, strict=True)
        )
        x = np.array(random.standard_normal((1, whole.shape[1])), np.float32)[0]
        if projection in ("o", "down"):
            pieces = np.split(x, cards)
            assert np.allclose(sum(p @ piece for p, piece in zip(parts, pieces, strict=True)), whole @ x, atol=1e-4)
        else:
            assert np.array_equal(np.concatenate(parts), whole)


def blocks(kind: str, outputs: int, inputs: int, seed: int = 0) -> BlockLinear:
    return BlockLinear(BlockRows(TYPES[kind], random_blocks(kind, outputs, inputs, seed, 1 / np.sqrt(inputs))))


def int4(outputs: int, inputs: int, seed: int, group: int = 128, order: NDArray[np.int64] | None = None) -> Linear:
    random, groups = np.random.default_rng(seed), (outputs, inputs // group)
    scale = (random.random(groups) * 0.4 / np.sqrt(inputs)).astype(np.float16).astype(np.float32)
    q, zero = random.integers(0, 16, (outputs, inputs), np.uint8), random.integers(0, 16, groups, np.uint8)
    return QuantizedLinear(q, scale, zero, group, input_order=order)


def dense(outputs: int, inputs: int, seed: int) -> Linear:
    return DenseLinear(np.random.default_rng(seed).standard_normal((outputs, inputs)).astype(np.float32))


def of_mlp(x: Double, gate: Linear, up: Linear, down: Linear) -> Double:
    g, u, d = (part.dense().astype(np.float64) for part in (gate, up, down))
    gated = x @ g.T
    given: Double = (gated / (1 + np.exp(-gated)) * (x @ u.T)) @ d.T
    return given


MAKERS: dict[str, Callable[[int, int, int], Linear]] = {
    "full precision": dense,
    "INT4": int4,
    "INT4, reordered": lambda outputs, inputs, seed: int4(
        outputs, inputs, seed, order=np.random.default_rng(seed).permutation(inputs)
    ),
    **{
        kind: lambda outputs, inputs, seed, kind=kind: blocks(kind, outputs, inputs, seed)  # type: ignore[misc]
        for kind in ("Q4_0", "Q8_0", "Q5_1", "IQ4_NL", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS")
    },
}


def mixture(made: Callable[[int, int, int], Linear], hidden: int, inner: int, experts: int) -> Checkpoint:
    """A checkpoint of one layer of experts."""
    config = replace(
        config_of("mistral-7b"), hidden_size=hidden, intermediate_size=inner, num_layers=1, num_heads=8,
        experts=ExpertsConfig(experts, 2, inner, True, (True,)),
    )  # fmt: skip
    shapes = {"gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}
    router = dense(experts, hidden, 99)

    def expert(layer: int, number: int, projection: Projection) -> Linear:
        return made(*shapes[projection], 3 * number + list(shapes).index(projection))

    return cast(Checkpoint, SimpleNamespace(folder=Path(), config=config, expert=expert, router=lambda layer: router))


@pytest.mark.parametrize("cards", [2, 4, 8])
@pytest.mark.parametrize("name", MAKERS)
def test_experts_shares_add_up_to_what_the_whole_ones_give(name: str, cards: int) -> None:
    """Also where a share ends within a block of 256."""
    hidden, inner, experts = 256, 1280, 3
    whole = mixture(MAKERS[name], hidden, inner, experts)
    shares = [ShardedCheckpoint(whole, Shard(rank, cards, True)) for rank in range(cards)]
    sizes = [share.config.experts.inner_size for share in shares if share.config.experts is not None]
    assert sum(sizes) == inner and max(sizes) - min(sizes) <= 128
    x = np.random.default_rng(7).standard_normal((5, hidden))
    names: tuple[Projection, ...] = ("gate", "up", "down")
    for number in range(experts):
        expected = of_mlp(x, *(whole.expert(0, number, projection) for projection in names))
        parts = [[share.expert(0, number, projection) for projection in names] for share in shares]
        for part, share in zip(parts, shares, strict=True):
            assert [linear.shape for linear in part] == [share.config.expert_shape(projection) for projection in names]
        found = sum(of_mlp(x, *part) for part in parts)
        assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
        if name in TYPES:
            assert all(isinstance(linear, BlockLinear) for part in parts for linear in part), "no bits are lost"
    assert all(share.router(0) is whole.router(0) for share in shares)
    assert not any(share.notes for share in shares)


@pytest.mark.parametrize("kind", ["Q4_0", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"])
@pytest.mark.parametrize("cards", [2, 3, 4])
def test_packed_shares_are_parts_of_the_packed_whole(kind: str, cards: int) -> None:
    """Byte for byte, so that they compute the same."""
    inputs = 1280
    whole = blocks(kind, 32, inputs)
    packed, _ = pack([whole], natural_order(32))
    at = 0
    for rank in range(cards):
        part, notes = pack([Shard(rank, cards, True).cut(whole, "down")], natural_order(32))
        units = part.inputs // 128
        assert (part.group, notes) == (packed.group, [])
        assert np.array_equal(part.units[:, :units], packed.units[:, at : at + units])
        at += units
    assert at * 128 == inputs


@pytest.mark.parametrize("kind", ["Q4_0", "Q5_1", "IQ4_NL", "Q4_K", "Q6_K"])
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_blocks_are_cut_and_not_changed(kind: str, projection: Projection) -> None:
    along_inputs = projection in ("o", "down")
    whole = blocks(kind, *((40, 1280) if along_inputs else (1280, 256)))
    parts = [Shard(rank, 5, True).cut(whole, projection) for rank in range(5)]
    assert all(isinstance(part, BlockLinear) for part in parts)
    assert np.array_equal(np.concatenate([part.dense() for part in parts], axis=int(along_inputs)), whole.dense())


def test_features_are_shared_out_in_whole_units_as_evenly_as_they_can() -> None:
    def sizes(features: int, cards: int) -> list[int]:
        parts = [Shard(rank, cards, True).features(features) for rank in range(cards)]
        assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
        return [part.stop - part.start for part in parts]

    assert sizes(14336, 8) == [1792] * 8
    assert sizes(11008, 4) == [2688, 2816, 2688, 2816]
    assert sizes(768, 4) == [128, 256, 128, 256]
    assert sizes(160, 2) == [80, 80]
    assert sizes(512, 8) == [64] * 8


def config(heads: int, kv_heads: int, inner: int, experts: int | None = None, **others: Any) -> ModelConfig:
    mixed = None if experts is None else ExpertsConfig(4, 2, experts, True, (True,) * 32)
    whole = config_of("mistral-7b")
    return replace(whole, num_heads=heads, num_kv_heads=kv_heads, intermediate_size=inner, experts=mixed, **others)


@pytest.mark.parametrize("cards", [2, 4, 8])
def test_plans_of_the_shapes_that_people_run(cards: int) -> None:
    """Qwen3-30B-A3B has four KV heads, so it is not for eight cards."""
    mixtral = [Shard(rank, cards, True).of(config(32, 8, 14336, 14336)) for rank in range(cards)]
    assert {(c.num_heads, c.num_kv_heads) for c in mixtral} == {(32 // cards, 8 // cards)}
    assert [c.experts.inner_size for c in mixtral if c.experts is not None] == [14336 // cards] * cards
    qwen = config(32, 4, 6144, 768)
    if cards == 8:
        with pytest.raises(RuntimeUnavailable, match="4 KV heads and 768 features") as refused:
            Shard(0, cards, True).of(qwen)
        assert refused.value.remedy == "Set model.gpus to 1 or 2 or 4."
        return
    of_ranks = [Shard(rank, cards, True).of(qwen).experts for rank in range(cards)]
    assert sum(one.inner_size for one in of_ranks if one is not None) == 768


def test_layers_without_experts_are_shared_out_too() -> None:
    mixed = config(8, 4, 512)
    experts = ExpertsConfig(4, 2, 256, True, tuple(layer % 2 == 1 for layer in range(32)))
    share = Shard(1, 2, True).of(replace(mixed, experts=experts))
    assert share.intermediate_size == 256
    assert share.experts is not None and share.experts.inner_size == 128
    with pytest.raises(RuntimeUnavailable, match="250 or 256 features"):
        Shard(0, 2, True).of(replace(mixed, intermediate_size=250, experts=experts))


def test_every_share_has_a_file_of_its_own(checkpoint: Checkpoint, tmp_path: Path) -> None:
    whole = build(checkpoint, tmp_path / "builds")
    built = [build(checkpoint, tmp_path / "builds", shard=Shard(rank, 2)) for rank in range(2)]
    assert len({one.folder for one in (whole, *built)}) == 3
    assert all(one.folder.is_dir() for one in (whole, *built)), "none takes another's place"
    layers = [PackedSource(one).placed(1 << 40, 1 << 40).layers[0].products["down"] for one in (whole, *built)]
    assert [layer.inputs for layer in layers] == [512, 256, 256]


@pytest.mark.parametrize("name", ["Q4_K_M", "Q4_0", "scales of two kinds", "Mixtral"])
def test_shares_of_a_file_keep_its_blocks(name: str, tmp_path: Path) -> None:
    file = written(name, tmp_path, inner=768)
    whole, *shares = (
        PackedSource(build(file, tmp_path / "builds", shard=shard))
        for shard in (None, Shard(0, 2, True), Shard(1, 2, True))
    )
    assert [source.notes for source in (whole, *shares)] == [()] * 3
    layers = zip(*(source.placed(1 << 40, 1 << 40).layers for source in (whole, *shares)), strict=True)
    for of_whole, *of_shares in layers:
        products = of_whole.products | ({} if of_whole.experts is None else inner_products(of_whole))
        for share in of_shares:
            parts = share.products | ({} if share.experts is None else inner_products(share))
            assert {name: part.group for name, part in parts.items()} == {
                name: product.group for name, product in products.items()
            }
            assert [parts[part].inputs for part in ("qkv", "o", "gate_up", "down")] == [256, 128, 256, 384]
            assert [parts[part].outputs for part in ("qkv", "o", "gate_up", "down")] == [256, 256, 768, 256]


def inner_products(layer: DeviceLayer) -> dict[str, DeviceProduct]:
    assert layer.experts is not None
    return {"gate_up": layer.experts.gate_up, "down": layer.experts.down}


def refusals() -> Sequence[tuple[ModelConfig, int, str, str]]:
    return [
        (config(8, 4, 512), 8, "4 KV heads", "Set model.gpus to 1 or 2 or 4."),
        (config(8, 4, 512), 3, "3 cards", "Set model.gpus to 1 or 2 or 4."),
        (config(8, 8, 100), 2, "100 features", "Set model.gpus to 1."),
        (config(8, 8, 512, 24), 2, "24 features", "Set model.gpus to 1."),
        (config(8, 8, 512, mlp_bias=True), 2, "biases", "Set model.gpus to 1."),
    ]


@pytest.mark.parametrize(("whole", "cards", "words", "remedy"), refusals())
def test_what_cannot_be_shared_out_is_refused_in_words(whole: ModelConfig, cards: int, words: str, remedy: str) -> None:
    with pytest.raises(RuntimeUnavailable, match=words) as refused:
        Shard(0, cards, True).of(whole)
    assert refused.value.remedy == remedy


def test_without_units_mixtures_are_refused_and_blocks_expanded() -> None:
    """What no card has computed is not what people get."""
    with pytest.raises(RuntimeUnavailable, match="one card only") as refused:
        Shard(0, 2).of(config(8, 8, 512, 512))
    assert refused.value.remedy == "Set model.gpus to 1."
    whole = blocks("Q4_K", 16, 512)
    parts = [Shard(rank, 2).cut(whole, "down") for rank in range(2)]
    assert all(isinstance(part, DenseLinear) for part in parts)
    assert np.array_equal(np.concatenate([part.dense() for part in parts], axis=1), whole.dense())
    assert Shard(1, 4).of(config(8, 8, 11008)).intermediate_size == 2752


def test_blocks_that_cannot_be_cut_are_decoded_and_that_is_said() -> None:
    """64 inputs of each card end within 128 that share a factor."""
    linear = blocks("Q4_K", 16, 256)
    whole = cast(Checkpoint, SimpleNamespace(folder=Path(), config=config(8, 4, 512), linear=lambda *_: linear))
    shares = [ShardedCheckpoint(whole, Shard(rank, 4, True)) for rank in range(4)]
    parts = [share.linear(0, "o").dense() for share in shares]
    assert np.array_equal(np.concatenate(parts, axis=1), linear.dense())
    assert [list(share.notes) for share in shares] == [
        ["Weights in Q4_K whose blocks cannot be cut for 4 cards are rounded to float16."]
    ] * 4


def test_weights_that_cannot_be_cut_are_refused_in_words(checkpoint: Checkpoint) -> None:
    with pytest.raises(RuntimeUnavailable, match="4 KV heads"):
        ShardedCheckpoint(checkpoint, Shard(0, 8))
    with pytest.raises(RuntimeUnavailable, match="reordered"):
        Shard(0, 2).cut(int4(16, 256, 0, 64, np.arange(256)), "o")
    with pytest.raises(RuntimeUnavailable, match="groups of 128"):
        Shard(0, 4).cut(int4(16, 256, 0, 128), "o")
    assert Shard(1, 2).cut(DenseLinear(np.eye(4, dtype=np.float32)), "o").dense().tolist() == [
        [0, 0],
        [0, 0],
        [1, 0],
        [0, 1],
    ]
