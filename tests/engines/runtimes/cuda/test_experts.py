"""On an NVIDIA card: a mixture of experts against the reference in numpy."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.model.block_types import BLOCK_TYPES
from engines.model.checkpoint import Projection
from engines.model.config import ModelConfig
from engines.model.mixture import Mixture
from engines.model.weights import BlockLinear, BlockRows, DenseLinear, Linear, QuantizedLinear
from engines.runtimes.cuda.buffers import Buffers
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.experts import Experts
from engines.runtimes.cuda.packing import TILE, gated_order, natural_order, pack, padded
from engines.runtimes.cuda.reduction import Reducer
from engines.runtimes.cuda.sharding import Shard
from engines.runtimes.cuda.weights import DeviceExperts, DeviceLayer, DeviceProduct, DeviceWeights
from tests.engines.gguf_files import random_blocks
from tests.engines.runtimes.cuda.cards import EPS, poisoned, read

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
PARTS: tuple[Projection, ...] = ("gate", "up", "down")
ROWS = (1, 2, 3, 8, 17, 32, 64, 65, 200)
# hidden, inner, experts, chosen, whether weights are normalised, kind of weights
MIXTURES = [
    (256, 512, 8, 2, True, "half"), (512, 320, 128, 8, True, "int4"), (4096, 1024, 4, 2, False, "int4"),
    (1024, 320, 16, 4, True, "half"), (512, 256, 60, 4, False, "Q4_K"), (256, 256, 3, 1, True, "Q6_K"),
]  # fmt: skip


def config_of(hidden: int, inner: int, experts: int, chosen: int, *, normalised: bool) -> ModelConfig:
    return ModelConfig.from_dict(
        {
            "architectures": ["Qwen3MoeForCausalLM"], "hidden_size": hidden, "intermediate_size": inner,
            "moe_intermediate_size": inner, "num_hidden_layers": 1, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 64, "max_position_embeddings": 256,
            "rms_norm_eps": EPS, "rope_theta": 10000.0, "hidden_act": "silu", "num_experts": experts,
            "num_experts_per_tok": chosen, "norm_topk_prob": normalised, "tie_word_embeddings": False,
        }
    )  # fmt: skip


def linear(random: np.random.Generator, outputs: int, inputs: int, kind: str) -> Linear:
    spread = 1 / np.sqrt(inputs)
    if kind == "half":
        return DenseLinear((random.standard_normal((outputs, inputs)) * spread).astype(np.float16).astype(np.float32))
    if kind == "int4":
        groups = (outputs, inputs // 64)
        scale = (random.random(groups) * 0.4 * spread).astype(np.float16).astype(np.float32)
        q, zero = random.integers(0, 16, (outputs, inputs), np.uint8), random.integers(0, 16, groups, np.uint8)
        return QuantizedLinear(q, scale, zero, 64)
    block_type = next(known for known in BLOCK_TYPES.values() if known.name == kind)
    blocks = random_blocks(kind, outputs, inputs, int(random.integers(1 << 30)), 3 * spread)
    return BlockLinear(BlockRows(block_type, blocks))


def some_experts(random: np.random.Generator, config: ModelConfig, kind: str) -> list[list[Linear]]:
    """Gate, up and down of each."""
    assert config.experts is not None
    shapes = [config.expert_shape(name) for name in PARTS]
    return [[linear(random, *shape, kind) for shape in shapes] for _ in range(config.experts.count)]


def placed(
    device: Device, config: ModelConfig, parts: list[list[Linear]], router: NDArray[np.float32]
) -> DeviceExperts:
    """On the card; ``config`` is of what the parts are."""
    assert config.experts is not None
    products = []
    orders = gated_order(config.experts.inner_size), natural_order(config.hidden_size)
    for some, order in zip((slice(0, 2), slice(2, 3)), orders, strict=True):
        packed = [pack(of_expert[some], order)[0] for of_expert in parts]
        units = device.array(np.concatenate([one.units for one in packed]))
        (tiles, chunks, _), one = packed[0].units.shape, packed[0]
        products.append(DeviceProduct(units, tiles, chunks, one.group, one.inputs, one.outputs))
    return DeviceExperts(device.array(router), *products)


@pytest.mark.parametrize(("hidden", "inner", "experts", "chosen", "normalised", "kind"), MIXTURES)
def test_rows_pass_the_experts_that_a_router_chooses(
    hidden: int, inner: int, experts: int, chosen: int, normalised: bool, kind: str, device: Device, kernels: Path
) -> None:
    config, random = config_of(hidden, inner, experts, chosen, normalised=normalised), np.random.default_rng(0)
    parts = some_experts(random, config, kind)
    router = (random.standard_normal((experts, hidden)) * 2 / np.sqrt(hidden)).astype(np.float32)
    norm = random.random(hidden).astype(np.float32) + 0.5
    layer = placed(device, config, parts, router)
    weights = DeviceWeights([DeviceLayer({}, {}, layer)], 0, 0, None)
    buffers, weight_of_norm = Buffers(device, config, max(ROWS)), device.array(norm)
    mixture = Experts(device, config, weights, buffers, kernels)
    dense = tuple((gate.dense(), up.dense(), down.dense()) for gate, up, down in parts)
    reference = Mixture(config, router, dense)
    for rows in ROWS:
        stream = random.standard_normal((rows, hidden)).astype(np.float32)
        device.upload(stream, buffers.residual)
        mixture.queue(layer, weight_of_norm, rows)
        found = read(device, buffers.residual, (rows, hidden), np.float32)
        x = (stream / np.sqrt((stream**2).mean(axis=1, keepdims=True) + EPS) * norm).astype(np.float32)
        expected = reference(x)
        error = np.linalg.norm(found - stream - expected, axis=1) / np.linalg.norm(expected, axis=1)
        assert np.median(error) < 2e-3
        assert (error > 5e-3).sum() <= rows // 50, "but for near ties of the router"
        squares = read(device, buffers.squares, (rows, buffers.parts), np.float32).sum(axis=1)
        assert np.allclose(squares, (found**2).sum(axis=1), rtol=1e-4)


class Alone:
    """A reducer of one card: it keeps what the card would give to the others."""

    def __init__(self, device: Device, rows: int, hidden: int) -> None:
        self.stride = padded(hidden, TILE)
        self.at = poisoned(device, (rows, self.stride), np.float16)

    def share(self, buffer: int) -> int:
        return self.at

    def queue(self, *_: int, **__: int) -> None:
        pass


@pytest.mark.parametrize("kind", ["half", "int4", "Q4_K"])
def test_what_cards_give_of_all_experts_adds_up(kind: str, device: Device, kernels: Path) -> None:
    """Three cards' shares, one after the other on one: 1, 2 and 2 units of features, cut within a block of 256."""
    hidden, inner, cards = 512, 640 if kind != "Q4_K" else 1280, 3
    config, random = config_of(hidden, inner, 12, 3, normalised=True), np.random.default_rng(0)
    parts = some_experts(random, config, kind)
    router = (random.standard_normal((12, hidden)) * 2 / np.sqrt(hidden)).astype(np.float32)
    reference = Mixture(config, router, tuple((gate.dense(), up.dense(), down.dense()) for gate, up, down in parts))
    ones, rows = device.array(np.ones(hidden, np.float32)), max(ROWS)
    streams = {count: random.standard_normal((count, hidden)).astype(np.float32) for count in ROWS}
    given = {count: np.zeros((count, hidden)) for count in ROWS}
    for rank in range(cards):
        shard = Shard(rank, cards, True)
        own = replace(config.experts, inner_size=_length(shard.features(inner)))  # type: ignore[type-var]
        share = replace(config, experts=own)
        cut = [[shard.cut(one, name) for one, name in zip(of, PARTS, strict=True)] for of in parts]
        layer = placed(device, share, cut, router)
        buffers = Buffers(device, share, rows)
        mixture = Experts(device, share, DeviceWeights([DeviceLayer({}, {}, layer)], 0, 0, None), buffers, kernels)
        reducer = Alone(device, rows, hidden)
        for count, stream in streams.items():
            device.upload(stream, buffers.residual)
            mixture.queue(layer, ones, count, cast(Reducer, reducer))
            given[count] += read(device, reducer.at, (count, reducer.stride), np.float16)[:, :hidden]
            assert (read(device, buffers.residual, (count, hidden), np.float32) == stream).all(), "it is not added here"
    for count, stream in streams.items():
        expected = reference((stream / np.sqrt((stream**2).mean(axis=1, keepdims=True) + EPS)).astype(np.float32))
        error = np.linalg.norm(given[count] - expected, axis=1) / np.linalg.norm(expected, axis=1)
        assert np.median(error) < 2e-3
        assert (error > 5e-3).sum() <= count // 50, "but for near ties of the router"


def _length(part: slice) -> int:
    return int(part.stop - part.start)
