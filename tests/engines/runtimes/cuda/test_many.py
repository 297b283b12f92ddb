"""On a Hopper card: products of many rows and attention of many queries against float64."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.runtimes.cuda import many
from engines.runtimes.cuda.arguments import GATED, RESIDUAL, STORE, AttentionArguments, ProductArguments
from engines.runtimes.cuda.compiler import HOPPER, compile_kernels
from engines.runtimes.cuda.driver import Device
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.many import VARIANTS, ManyProducts
from engines.runtimes.cuda.packing import CHUNK, ROWS_OF_BLOCK, Packed, chunks_of, pack_half, pack_int4
from engines.runtimes.cuda.weights import DeviceProduct

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
Double = NDArray[np.float64]
Half = NDArray[np.float16]
SHAPES = [(48, 256, 32), (400, 1280, 64), (1552, 2048, 128), (272, 512, 0)]  # outputs, inputs, group


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    device = Device()
    if device.capability != HOPPER:
        device.close()
        pytest.skip("These kernels are for cards of compute capability 9.0.")
    yield device
    device.close()


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def places(rows: int, inputs: int, stride: int) -> NDArray[np.int64]:
    """Where inputs stand in packed rows: [rows, inputs]."""
    row, k = np.arange(rows)[:, None], np.arange(inputs)[None]
    block = row // 128 * (stride // 128) + k // 128
    piece, inside = k % 128 // 32 * 4 + k // 2 % 4, k // 8 % 4 * 2 + k % 2
    return block * 128 * 128 + row % 128 // 8 * 1024 + piece * 64 + row % 8 * 8 + inside


def put(device: Device, packed: Packed) -> DeviceProduct:
    tiles, chunks, _ = packed.units.shape
    return DeviceProduct(device.array(packed.units), tiles, chunks, packed.group, packed.inputs, packed.outputs)


def packed_rows(x: Half, stride: int) -> Half:
    packed = np.zeros(-(-len(x) // ROWS_OF_BLOCK) * ROWS_OF_BLOCK * stride, np.float16)
    packed[places(*x.shape, stride)] = x
    return packed


def random_weights(outputs: int, inputs: int, group: int) -> tuple[Packed, Double]:
    random = np.random.default_rng(outputs)
    if not group:
        weight = random.standard_normal((outputs, inputs)).astype(np.float16)
        return Packed(pack_half(weight.astype(np.float32)), 0, inputs, outputs), weight.astype(float)
    q = random.integers(0, 16, (outputs, inputs)).astype(np.uint8)
    zero = random.integers(0, 16, (outputs, inputs // group)).astype(np.uint8)
    scale = random.uniform(0.01, 0.02, zero.shape).astype(np.float16).astype(np.float32)
    weight = (q.astype(float) - zero.repeat(group, 1)) * scale.repeat(group, 1)
    return Packed(pack_int4(q, scale, zero, group), group, inputs, outputs), weight


def error(found: NDArray[np.generic], expected: Double) -> float:
    return float(np.linalg.norm(found.astype(float) - expected) / np.linalg.norm(expected))


def queue(
    products: ManyProducts, product: DeviceProduct, source: int, target: int, rows: int, mode: int, stride: int
) -> None:
    outputs = product.outputs // 2 if mode == GATED else product.outputs
    arguments = ProductArguments(
        weights=product.units, source=source, target=target, target_stride=stride, tiles=product.tiles,
        chunks=product.chunks, inputs=product.inputs, outputs=outputs, mode=mode, packed=1,
    )  # fmt: skip
    products.queue(product, arguments, rows)


@pytest.mark.parametrize(("outputs", "inputs", "group"), SHAPES)
def test_products_of_every_plan_agree_with_float64(
    outputs: int, inputs: int, group: int, device: Device, kernels: Path
) -> None:
    packed, weight = random_weights(outputs, inputs, group)
    product = put(device, packed)
    products = ManyProducts(device, [product], kernels)
    random = np.random.default_rng(1)
    stride, gated_stride = CHUNK * product.chunks, CHUNK * chunks_of(outputs // 2)
    for rows in (1, 2, 7, 8, 13, 32, 50, 64, 100, 200):
        x = random.standard_normal((rows, inputs)).astype(np.float16)
        expected = x.astype(float) @ weight.T
        gate, up = (part.reshape(rows, -1) for part in np.moveaxis(expected.reshape(rows, -1, 2, 8), 2, 0))
        gated = gate / (1 + np.exp(-gate)) * up
        source = device.array(packed_rows(x, stride))
        target = device.allocate(max(4 * rows * outputs, 2 * (rows + ROWS_OF_BLOCK) * gated_stride), zero=True)
        columns = next((variant.columns for variant in VARIANTS if variant.columns >= rows), VARIANTS[-1].columns)
        for variant, splits in itertools.product((v for v in VARIANTS if v.columns == columns), (1, 2, 3, 6)):
            if splits > product.chunks // variant.chunks:
                continue
            plan = products.make(group, product.chunks, variant, splits)
            products.plan = lambda *_, plan=plan: plan  # type: ignore[assignment,misc]

            stored = np.full((rows, outputs), np.nan, np.float16)
            device.upload(stored, target)
            queue(products, product, source, target, rows, STORE, outputs)
            device.download(target, stored)
            residual = random.standard_normal((rows, outputs)).astype(np.float32)
            sums = residual.copy()
            device.upload(sums, target)
            queue(products, product, source, target, rows, RESIDUAL, outputs)
            device.download(target, sums)
            between = np.zeros(-(-rows // ROWS_OF_BLOCK) * ROWS_OF_BLOCK * gated_stride, np.float16)
            queue(products, product, source, target, rows, GATED, gated_stride)
            device.download(target, between)
            device.synchronize()
            assert error(stored, expected) < 1e-3, plan
            assert error(sums - residual, expected) < 1e-3, plan
            assert error(between[places(rows, outputs // 2, gated_stride)], gated) < 2e-3, plan
        device.free(source)
        device.free(target)


def test_the_chosen_plans_fit_the_card(device: Device, kernels: Path) -> None:
    packed, _ = random_weights(48, 256, 128)
    products = ManyProducts(device, [put(device, packed)], kernels)
    for tiles, chunks, rows in itertools.product((3, 384, 1792), (2, 32, 112), (2, 9, 32, 64, 128, 2048)):
        plan = products.plan(128, tiles, chunks, rows)
        assert plan.slots >= min(2, chunks // plan.variant.chunks // plan.splits)
        assert plan.shared <= device.shared_bytes_of_block - many._RESERVED


@pytest.mark.parametrize(
    ("head", "heads", "kv_heads", "start", "count", "window", "cap", "packed"),
    [
        (128, 32, 8, 0, 200, 0, 0.0, True),
        (128, 8, 8, 77, 130, 0, 0.0, False),
        (64, 14, 2, 300, 65, 0, 0.0, True),
        (128, 8, 4, 500, 300, 100, 0.0, True),
        (64, 4, 4, 33, 150, 0, 30.0, False),
    ],
)
def test_attention_of_many_queries_agrees_with_float64(
    head: int, heads: int, kv_heads: int, start: int, count: int, window: int, cap: float, packed: bool,
    device: Device, kernels: Path,
) -> None:  # fmt: skip
    random = np.random.default_rng(head + count)
    length, repeat = start + count, heads // kv_heads
    pages = -(-length // 16)
    table = random.permutation(pages + 3)[:pages]
    query = (2 * random.standard_normal((count, heads, head))).astype(np.float16)
    key, value = (random.standard_normal((length, kv_heads, head)).astype(np.float16) for _ in range(2))
    keys = np.zeros((pages + 3, kv_heads, 16, head), np.float16)
    values = np.zeros((pages + 3, kv_heads, 16 * head), np.float16)
    token, feature = np.arange(16)[:, None], np.arange(head)[None]
    place = feature // 16 * 256 + (feature % 8 * 4 + token // 4) * 8 + feature // 8 % 2 * 4 + token % 4
    for number, page in enumerate(table):
        part = slice(number * 16, min(number * 16 + 16, length))
        size = part.stop - part.start
        keys[page, :, :size] = key[part].swapaxes(0, 1)
        values[page][:, place[:size]] = value[part].swapaxes(0, 1)
    step = 128 // repeat
    items = np.array([(0, row, min(step, count - row), start + row) for row in range(0, count, step)], np.int32)
    stride = CHUNK * chunks_of(heads * head)
    mixed = np.full(-(-count // ROWS_OF_BLOCK) * ROWS_OF_BLOCK * stride, np.nan, np.float16)
    target = device.array(mixed)
    arguments = AttentionArguments(
        query=device.array(query), keys=device.array(keys), values=device.array(values), mixed=target,
        items=device.array(items), page_table=device.array(table.astype(np.int32)), heads=heads, kv_heads=kv_heads,
        head=head, mixed_stride=stride, table_stride=pages, window=window, packed=packed,
        scale=1 / math.sqrt(head), cap=cap,
    )  # fmt: skip
    kernel = device.load(compile_kernels("attention_many", device.capability, {"HEAD": head}, kernels))["attend_many"]
    device.launch(kernel, (kv_heads, len(items), 1), 256, 2 * (128 + 4 * 64) * head, arguments)
    device.download(target, mixed)
    device.synchronize()
    place = (
        places(count, heads * head, stride) if packed else np.arange(count)[:, None] * stride + np.arange(heads * head)
    )
    scores = np.einsum("nhd,lhd->hnl", query.astype(float), key.astype(float).repeat(repeat, 1)) / math.sqrt(head)
    if cap:
        scores = np.tanh(scores / cap) * cap
    at, position = np.arange(length)[None], np.arange(count)[:, None] + start
    seen = (at <= position) & ((at > position - window) if window else True)
    weights = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True, where=seen[None], initial=-1e30)), 0)
    weights /= weights.sum(-1, keepdims=True)
    expected = np.einsum("hnl,lhd->nhd", weights, value.astype(float).repeat(repeat, 1)).reshape(count, -1)
    assert error(mixed[place], expected) < 1e-3
