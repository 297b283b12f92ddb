"""On an NVIDIA card: the kernels one by one, on random shapes, against float64."""

from ctypes import c_float, c_int, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.model.rounded_rows import eight_bit_rows
from engines.model.weights import DenseLinear, Linear, QuantizedLinear
from engines.runtimes.cuda.arguments import GATED, LOGITS, RESIDUAL, STORE
from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.card.driver import Device, Module
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.packing import (
    CHUNK,
    TILE,
    WHOLE_ROW,
    chunks_of,
    gated_order,
    natural_order,
    pack,
    pack_rows,
    padded,
)
from engines.runtimes.cuda.products import Products
from engines.runtimes.cuda.weights import DeviceProduct
from tests.engines.runtimes.cuda.cards import EPS, arguments, assert_near, poisoned, put, read, wide

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
# rows, inputs, outputs, group (0: float16, -1: INT8 with a scale for each output)
SHAPES = [
    (1, 4096, 4096, 128), (1, 14336, 1024, 128), (2, 96, 48, 32), (3, 320, 1000, 64), (5, 160, 33, 32),
    (8, 1024, 6144, 128), (9, 256, 16, 64), (16, 2048, 512, 128), (17, 640, 4000, 32), (31, 128, 128, 128),
    (32, 4096, 1040, 64), (1, 200, 70, 0), (7, 1536, 900, 0), (32, 136, 300, 0),
    (1, 4096, 4000, -1), (2, 200, 70, -1), (7, 1536, 900, -1), (12, 576, 333, -1), (32, 136, 300, -1),
]  # fmt: skip


def rows_module(device: Device, kernels: Path) -> Module:
    return device.load(compile_kernels("rows", device.capability, {}, kernels))


def random_linear(random: np.random.Generator, outputs: int, inputs: int, group: int, **extra: Any) -> Linear:
    bias = random.standard_normal(outputs).astype(np.float32)
    if group < 1:
        weight = random.standard_normal((outputs, inputs)) / np.sqrt(inputs)
        half = weight.astype(np.float16).astype(np.float32)
        if group == WHOLE_ROW:
            codes, scale = eight_bit_rows(half)
            half = codes * scale[:, None]
        return DenseLinear(half, bias)
    groups = (outputs, inputs // group)
    scale = (random.random(groups) * 0.2 / np.sqrt(inputs)).astype(np.float16).astype(np.float32)
    q, zero = random.integers(0, 16, (outputs, inputs), np.uint8), random.integers(0, 16, groups, np.uint8)
    return QuantizedLinear(q, scale, zero, group, bias, **extra)


def on_card(device: Device, linears: list[Linear], order: NDArray[np.int64]) -> DeviceProduct:
    packed, _ = pack(linears, order)
    return put(device, packed)


def halves(random: np.random.Generator, rows: int, width: int) -> NDArray[np.float16]:
    return random.standard_normal((rows, width)).astype(np.float16)


@pytest.mark.parametrize(("rows", "inputs", "outputs", "group"), SHAPES)
def test_products(rows: int, inputs: int, outputs: int, group: int, device: Device, kernels: Path) -> None:
    """Stored, added to a residual stream with its sums of squares, and as logits of a normalised stream."""
    random = np.random.default_rng(inputs + rows)
    linear = random_linear(random, outputs, inputs, group)
    if group == WHOLE_ROW:
        assert isinstance(linear, DenseLinear)
        product = put(device, pack_rows(linear, WHOLE_ROW))
    else:
        product = on_card(device, [linear], natural_order(outputs))
    products, stride = Products(device, [product], kernels), padded(outputs, TILE)
    x = halves(random, rows, inputs)
    source = device.array(wide(x, product.chunks * CHUNK))
    assert linear.bias is not None
    expected = x.astype(np.float64) @ linear.dense().astype(np.float64).T + linear.bias
    target = poisoned(device, (rows, stride), np.float16)
    for _ in range(2):  # whatever a launch leaves behind does not change the next one
        products.queue(product, arguments(product, STORE, source, target, stride), rows)
    assert_near(read(device, target, (rows, stride), np.float16)[:, :outputs], expected)

    residual = random.standard_normal((rows, outputs)).astype(np.float32)
    target, squares = device.array(residual), poisoned(device, (rows, product.tiles), np.float32)
    given = arguments(product, RESIDUAL, source, target, outputs)
    given.target_squares, given.parts = squares, product.tiles
    products.queue(product, given, rows)
    found = read(device, target, (rows, outputs), np.float32)
    assert_near(found - residual, expected, 1e-3)
    sums = read(device, squares, (rows, product.tiles), np.float32).sum(axis=1)
    assert np.allclose(sums, (found**2).sum(axis=1), rtol=1e-4)

    stream = random.standard_normal((rows, inputs)).astype(np.float32)
    weight = random.random(inputs).astype(np.float32) + 0.5
    target = poisoned(device, (rows, stride), np.float32)
    given = arguments(product, LOGITS, device.array(stream), target, stride)
    given.source_stride, given.norm, given.cap = inputs, device.array(weight), 30.0
    given.squares = device.array((stream.astype(np.float64) ** 2).sum(axis=1).astype(np.float32))
    products.queue(product, given, rows)
    normed = stream / np.sqrt((stream.astype(np.float64) ** 2).mean(axis=1, keepdims=True) + EPS) * weight
    logits = 30 * np.tanh((normed @ linear.dense().astype(np.float64).T + linear.bias) / 30)
    assert_near(read(device, target, (rows, stride), np.float32)[:, :outputs], logits)


@pytest.mark.parametrize("rows", [1, 6, 32])
@pytest.mark.parametrize("group", [0, 32, 128])
@pytest.mark.parametrize("gelu", [0, 1])
def test_gated_products(rows: int, group: int, gelu: int, device: Device, kernels: Path) -> None:
    random, inner, inputs = np.random.default_rng(rows), 344, 512
    linears = [random_linear(random, inner, inputs, group) for _ in range(2)]
    product = on_card(device, linears, gated_order(inner))
    x, width = halves(random, rows, inputs), CHUNK * chunks_of(inner)
    target = device.array(np.zeros((rows, width), np.float16))
    given = arguments(product, GATED, device.array(wide(x, product.chunks * CHUNK)), target, width)
    given.gelu, given.outputs = gelu, inner
    Products(device, [product], kernels).queue(product, given, rows)
    wide_x = x.astype(np.float64)
    gate, up = (wide_x @ one.dense().astype(np.float64).T + np.asarray(one.bias) for one in linears)
    inside = np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)
    activated = 0.5 * gate * (1 + np.tanh(inside)) if gelu else gate / (1 + np.exp(-gate))
    found = read(device, target, (rows, width), np.float16)
    assert_near(found[:, :inner], activated * up)
    assert (found[:, inner:] == 0).all(), "what the next product reads beyond is zero"


def test_inputs_in_another_order_and_scaled(device: Device, kernels: Path) -> None:
    random, inputs = np.random.default_rng(3), 512
    extra = {"input_order": random.permutation(inputs), "input_scale": random.random(inputs).astype(np.float32) + 0.5}
    linear = random_linear(random, 96, inputs, 64, **extra)
    product = on_card(device, [linear], natural_order(96))
    for rows in (1, 4, 20):
        x = halves(random, rows, inputs)
        target = poisoned(device, (rows, 96), np.float16)
        given = arguments(product, STORE, device.array(wide(x, product.chunks * CHUNK)), target, 96)
        Products(device, [product], kernels).queue(product, given, rows)
        prepared = (x.astype(np.float64) * extra["input_scale"])[:, extra["input_order"]]
        weight = (linear.q.astype(np.float64).reshape(96, -1, 64) - linear.zero[..., None]) * linear.scale[..., None]  # type: ignore[union-attr]
        assert linear.bias is not None
        assert_near(read(device, target, (rows, 96), np.float16), prepared @ weight.reshape(96, -1).T + linear.bias)


@pytest.mark.parametrize("group", [0, 32, 64, 128])
def test_expanded_weights(group: int, device: Device, kernels: Path) -> None:
    linear = random_linear(np.random.default_rng(group), 80, 448 if group != 128 else 384, group)
    product = on_card(device, [linear], natural_order(80))
    shape = (product.tiles * TILE, product.chunks * CHUNK)
    target = poisoned(device, shape, np.float16)
    Products(device, [product], kernels).expand(product, target)
    found = read(device, target, shape, np.float16)
    assert_near(found[:80, : product.inputs], linear.dense().astype(np.float64), 5e-4)
    assert (found[:, product.inputs :] == 0).all()


def test_rows_are_embedded_normalised_and_chosen(device: Device, kernels: Path) -> None:
    random, rows, size, stride, parts = np.random.default_rng(5), 37, 200, 256, 13
    module = rows_module(device, kernels)
    table, tokens = halves(random, 50, size), random.integers(0, 50, rows).astype(np.int32)
    residual, squares = poisoned(device, (rows, size), np.float32), poisoned(device, (rows, parts), np.float32)
    device.launch(
        module["embed"], (rows, 1, 1), 256, 0, c_void_p(device.array(tokens)), c_void_p(device.array(table)),
        c_void_p(residual), c_void_p(squares), c_int(size), c_int(parts), c_float(2.5), c_void_p(0),
    )  # fmt: skip
    x = table[tokens].astype(np.float64) * 2.5
    assert_near(read(device, residual, (rows, size), np.float32), x, 1e-6)
    assert np.allclose(read(device, squares, (rows, parts), np.float32).sum(axis=1), (x**2).sum(axis=1), rtol=1e-5)

    weight, normed = random.random(size).astype(np.float32), poisoned(device, (rows, stride), np.float16)
    scales = poisoned(device, (rows,), np.float32)
    device.launch(
        module["normalise"], (rows, 1, 1), 256, 0, c_void_p(residual), c_void_p(0), c_void_p(device.array(weight)),
        c_void_p(normed), c_void_p(0), c_void_p(0), c_int(size), c_int(stride), c_float(EPS), c_int(0),
        c_void_p(scales),
    )  # fmt: skip
    inverse = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + EPS)
    expected = x * inverse * weight
    assert_near(read(device, scales, (rows,), np.float32), inverse[:, 0] / 256, 1e-5)
    found = read(device, normed, (rows, stride), np.float16)
    assert_near(found[:, :size], expected, 5e-4)
    assert (found[:, size:] == 0).all()

    change = halves(random, rows, stride)
    device.launch(
        module["add_normalised"], (rows, 1, 1), 256, 0, c_void_p(device.array(change)),
        c_void_p(device.array(weight)), c_void_p(residual), c_void_p(squares), c_int(size), c_int(stride),
        c_int(parts), c_float(EPS),
    )  # fmt: skip
    y = change[:, :size].astype(np.float64)
    x = x + y / np.sqrt((y**2).mean(axis=1, keepdims=True) + EPS) * weight
    assert_near(read(device, residual, (rows, size), np.float32), x, 1e-5)
    assert np.allclose(read(device, squares, (rows, parts), np.float32).sum(axis=1), (x**2).sum(axis=1), rtol=1e-4)

    wanted, few = random.integers(0, rows, 9).astype(np.int32), poisoned(device, (9, size), np.float32)
    device.launch(
        module["choose"], (9, 1, 1), 256, 0, c_void_p(residual), c_void_p(device.array(wanted)), c_void_p(few),
        c_void_p(squares), c_int(size), c_int(parts),
    )  # fmt: skip
    assert_near(read(device, few, (9, size), np.float32), x[wanted], 1e-5)


@pytest.mark.parametrize("inner", [8, 344, 1000])
def test_gates_of_many_rows(inner: int, device: Device, kernels: Path) -> None:
    random, rows = np.random.default_rng(inner), 70
    order, both_stride, target_stride = gated_order(inner), 2 * padded(inner, 8), CHUNK * chunks_of(inner)
    parts = halves(random, rows, 2 * inner)
    both = np.where(order >= 0, parts[:, np.maximum(order, 0)], 0).astype(np.float16)
    bias = random.standard_normal(len(order)).astype(np.float32)
    target = poisoned(device, (rows, target_stride), np.float16)
    device.launch(
        rows_module(device, kernels)["gate"], (-(-inner // 1024), rows, 1), 256, 0, c_void_p(device.array(both)),
        c_void_p(target), c_void_p(device.array(bias)), c_int(inner), c_int(both_stride), c_int(target_stride),
        c_int(0),
    )  # fmt: skip
    placed = np.zeros(2 * inner)
    placed[order[order >= 0]] = bias[order >= 0]
    gate, up = np.split(parts.astype(np.float64) + placed, 2, axis=1)
    assert_near(read(device, target, (rows, target_stride), np.float16)[:, :inner], gate / (1 + np.exp(-gate)) * up)
