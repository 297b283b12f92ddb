"""On an NVIDIA card: products of weights in the blocks of GGUF, on random shapes, against float64."""

from pathlib import Path

import numpy as np
import pytest

from engines.model.block_types import BLOCK_TYPES
from engines.model.weights import BlockLinear, BlockRows
from engines.runtimes.cuda.arguments import GATED, LOGITS, RESIDUAL, STORE
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.packing import CHUNK, TILE, gated_order, natural_order, pack, padded
from engines.runtimes.cuda.products import Products
from tests.engines.gguf_files import random_blocks
from tests.engines.runtimes.cuda.cards import EPS, arguments, assert_near, poisoned, put, read, wide

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
TYPES = {kind.name: kind for kind in BLOCK_TYPES.values()}
FORMS = [
    "Q4_K", "Q5_K", "Q6_K", "Q8_0", "Q4_1", "Q5_1", "IQ4_XS", "Q4_K+Q6_K", "Q4_K+Q8_0", "Q2_K+Q3_K", "Q5_K+Q6_K",
]  # fmt: skip
# rows, inputs, outputs
SHAPES = [
    (1, 4096, 4096), (1, 14336, 512), (2, 256, 48), (3, 768, 1000), (5, 512, 33), (8, 1024, 6144), (9, 256, 16),
    (16, 2048, 512), (17, 1280, 4000), (31, 256, 128), (32, 4096, 1040), (4, 14336, 2048),
]  # fmt: skip
SUMS = 1e-5  # of float32, where nothing else is rounded


def parts_of(form: str, outputs: int, inputs: int) -> list[BlockLinear]:
    """Of one type, or one half of the outputs each of two."""
    names = form.split("+")
    counts = [outputs] if len(names) == 1 else [outputs // 2, outputs - outputs // 2]
    bias = np.random.default_rng(inputs).standard_normal(outputs).astype(np.float32)
    return [
        BlockLinear(BlockRows(TYPES[name], random_blocks(name, count, inputs, seed, 0.3)), bias[:count])
        for seed, (name, count) in enumerate(zip(names, counts, strict=True))
    ]


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_products(form: str, rows: int, inputs: int, outputs: int, device: Device, kernels: Path) -> None:
    """In float32 and float16, added to a residual stream with its sums of squares, and of a normalised stream."""
    random, parts = np.random.default_rng(inputs + rows), parts_of(form, outputs, inputs)
    packed, _ = pack(parts, natural_order(outputs))
    product, weight = put(device, packed), np.concatenate([part.dense() for part in parts]).astype(np.float64)
    bias = np.concatenate([np.asarray(part.bias) for part in parts])
    products, stride = Products(device, [product], kernels), padded(outputs, TILE)
    x = random.standard_normal((rows, inputs)).astype(np.float16)
    source, expected = device.array(wide(x, product.chunks * CHUNK)), x.astype(np.float64) @ weight.T + bias
    for mode, kind, tolerance in ((LOGITS, np.float32, SUMS), (STORE, np.float16, 1e-3)):
        target = poisoned(device, (rows, stride), kind)
        for _ in range(2):  # whatever a launch leaves behind does not change the next one
            products.queue(product, arguments(product, mode, source, target, stride), rows)
        assert_near(read(device, target, (rows, stride), kind)[:, :outputs], expected, tolerance)

    residual = random.standard_normal((rows, outputs)).astype(np.float32)
    target, squares = device.array(residual), poisoned(device, (rows, product.tiles), np.float32)
    given = arguments(product, RESIDUAL, source, target, outputs)
    given.target_squares, given.parts = squares, product.tiles
    products.queue(product, given, rows)
    found = read(device, target, (rows, outputs), np.float32)
    assert_near(found - residual, expected, 1e-4)
    sums = read(device, squares, (rows, product.tiles), np.float32).sum(axis=1)
    assert np.allclose(sums, (found**2).sum(axis=1), rtol=1e-4)

    stream = random.standard_normal((rows, inputs)).astype(np.float32)
    norm, mean = random.random(inputs).astype(np.float32) + 0.5, (stream.astype(np.float64) ** 2).mean(axis=1)
    target = poisoned(device, (rows, stride), np.float32)
    given = arguments(product, LOGITS, device.array(stream), target, stride)
    given.source_stride, given.norm = inputs, device.array(norm)
    given.squares = device.array((mean * inputs).astype(np.float32))
    products.queue(product, given, rows)
    expected = stream / np.sqrt(mean + EPS)[:, None] * norm @ weight.T + bias
    assert_near(read(device, target, (rows, stride), np.float32)[:, :outputs], expected, 1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_gated_products(form: str, device: Device, kernels: Path) -> None:
    random, inner, inputs, rows = np.random.default_rng(0), 344, 512, 6
    parts = parts_of(form, 2 * inner, inputs)
    whole = np.concatenate([part.dense() for part in parts]).astype(np.float64)
    bias = np.concatenate([np.asarray(part.bias) for part in parts])
    packed, _ = pack(parts, gated_order(inner))
    product = put(device, packed)
    x = random.standard_normal((rows, inputs)).astype(np.float16)
    target = device.array(np.zeros((rows, 384), np.float16))
    given = arguments(product, GATED, device.array(wide(x, product.chunks * CHUNK)), target, 384)
    given.outputs = inner
    Products(device, [product], kernels).queue(product, given, rows)
    both = x.astype(np.float64) @ whole.T + bias
    gate, up = both[:, :inner], both[:, inner:]
    found = read(device, target, (rows, 384), np.float16)
    assert_near(found[:, :inner], gate / (1 + np.exp(-gate)) * up)
    assert (found[:, inner:] == 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_single_weights(form: str, device: Device, kernels: Path) -> None:
    """Expanded to float16, and rows of an embedding in float32."""
    outputs, inputs, scale = 330, 1280, 1.5
    parts = parts_of(form, outputs, inputs)
    packed, _ = pack(parts, natural_order(outputs))
    product, weight = put(device, packed), np.concatenate([part.dense() for part in parts]).astype(np.float64)
    products, width = Products(device, [product], kernels, [product]), product.chunks * CHUNK
    expanded = poisoned(device, (product.tiles * TILE, width), np.float16)
    products.expand(product, expanded)
    found = read(device, expanded, (product.tiles * TILE, width), np.float16)
    assert_near(found[:outputs, :inputs], weight, 4e-4)
    assert (found[:, inputs:] == 0).all() and (found[outputs:] == 0).all()
    tokens = np.array([0, 17, 329, 17], np.int32)
    residual, squares = poisoned(device, (4, inputs), np.float32), poisoned(device, (4, 3), np.float32)
    products.embed(product, device.array(tokens), residual, squares, 4, 3, scale)
    rows = read(device, residual, (4, inputs), np.float32)
    assert np.allclose(rows, weight[tokens] * scale, rtol=1e-6, atol=1e-6 * np.abs(weight).max())
    assert np.allclose(read(device, squares, (4, 3), np.float32).sum(axis=1), (rows**2).sum(axis=1), rtol=1e-4)
