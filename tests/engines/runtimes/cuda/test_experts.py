"""On an NVIDIA card: a mixture of experts against the reference in numpy."""

from pathlib import Path

import numpy as np
import pytest

from engines.model.block_types import BLOCK_TYPES
from engines.model.config import ModelConfig
from engines.model.mixture import Mixture
from engines.model.weights import BlockLinear, BlockRows, DenseLinear, Linear, QuantizedLinear
from engines.runtimes.cuda.buffers import Buffers
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.experts import Experts
from engines.runtimes.cuda.packing import gated_order, natural_order, pack
from engines.runtimes.cuda.weights import DeviceExperts, DeviceLayer, DeviceProduct, DeviceWeights
from tests.engines.gguf_files import random_blocks
from tests.engines.runtimes.cuda.cards import EPS, read

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
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


@pytest.mark.parametrize(("hidden", "inner", "experts", "chosen", "normalised", "kind"), MIXTURES)
def test_rows_pass_the_experts_that_a_router_chooses(
    hidden: int, inner: int, experts: int, chosen: int, normalised: bool, kind: str, device: Device, kernels: Path
) -> None:
    config, random = config_of(hidden, inner, experts, chosen, normalised=normalised), np.random.default_rng(0)
    parts = [
        [linear(random, *shape, kind) for shape in ((inner, hidden), (inner, hidden), (hidden, inner))]
        for _ in range(experts)
    ]

    def placed(first: int, last: int, order: np.ndarray) -> DeviceProduct:  # type: ignore[type-arg]
        packed = [pack(of_expert[first:last], order)[0] for of_expert in parts]
        units = device.array(np.concatenate([one.units for one in packed]))
        (tiles, chunks, _), one = packed[0].units.shape, packed[0]
        return DeviceProduct(units, tiles, chunks, one.group, one.inputs, one.outputs)

    router = (random.standard_normal((experts, hidden)) * 2 / np.sqrt(hidden)).astype(np.float32)
    norm = random.random(hidden).astype(np.float32) + 0.5
    products = placed(0, 2, gated_order(inner)), placed(2, 3, natural_order(hidden))
    layer = DeviceExperts(device.array(router), *products)
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
