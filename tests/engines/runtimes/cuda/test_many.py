"""On a Hopper card: products of many rows against float64."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.runtimes.cuda import many
from engines.runtimes.cuda.arguments import ATTENTION, GATED, RESIDUAL, STORE, ProductArguments
from engines.runtimes.cuda.card.compiler import HOPPER
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.many import ManyProducts, most_splits, variants_for
from engines.runtimes.cuda.packing import CHUNK, ROWS_OF_BLOCK, Packed, chunks_of, pack_half, pack_int4
from engines.runtimes.cuda.weights import DeviceProduct
from tests.engines.runtimes.cuda.pages import packed_places

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
Double = NDArray[np.float64]
Half = NDArray[np.float16]
SHAPES = [(48, 256, 32), (400, 1280, 64), (1552, 2048, 128), (272, 512, 0)]  # outputs, inputs, group


@pytest.fixture(autouse=True)
def hopper(device: Device) -> None:
    if device.capability != HOPPER:
        pytest.skip("These kernels are for cards of compute capability 9.0.")


def put(device: Device, packed: Packed) -> DeviceProduct:
    tiles, chunks, _ = packed.units.shape
    return DeviceProduct(device.array(packed.units), tiles, chunks, packed.group, packed.inputs, packed.outputs)


def packed_rows(x: Half, stride: int) -> Half:
    packed = np.zeros(-(-len(x) // ROWS_OF_BLOCK) * ROWS_OF_BLOCK * stride, np.float16)
    packed[packed_places(*x.shape, stride)] = x
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
    for rows in (1, 2, 7, 8, 13, 32, 50, 64, 100, 200, 525):
        x = random.standard_normal((rows, inputs)).astype(np.float16)
        expected = x.astype(float) @ weight.T
        gate, up = (part.reshape(rows, -1) for part in np.moveaxis(expected.reshape(rows, -1, 2, 8), 2, 0))
        gated = gate / (1 + np.exp(-gate)) * up
        source = device.array(packed_rows(x, stride))
        target = device.allocate(max(4 * rows * outputs, 2 * (rows + ROWS_OF_BLOCK) * gated_stride), zero=True)
        for variant, splits in itertools.product(variants_for(rows, STORE), (1, 2, 3, 6)):
            if splits > most_splits(variant, product.chunks):
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
            assert error(between[packed_places(rows, outputs // 2, gated_stride)], gated) < 2e-3, plan
        device.free(source)
        device.free(target)


def planned(products: ManyProducts, product: DeviceProduct, rows: int, splits: int) -> ManyProducts:
    """With the plan of a share of the inputs for each of ``splits`` blocks."""
    (variant,) = variants_for(rows, STORE)
    plan = products.make(product.group, product.chunks, variant, min(splits, most_splits(variant, product.chunks)))
    products.plan = lambda *_: plan  # type: ignore[assignment,misc]
    return products


@pytest.mark.parametrize(("growth", "group", "hidden"), [(1.0, 128, 1152), (1e5, 64, 1216), (0.03, 32, 1216)])
def test_a_norm_between_two_products_agrees_with_float64(
    growth: float, group: int, hidden: int, device: Device, kernels: Path
) -> None:
    """``growth``: the root mean square of the residual stream over what the norm before saw."""
    eps, random = 1e-5, np.random.default_rng(2)
    (packed_a, weight_a), (packed_b, weight_b) = random_weights(hidden, 512, group), random_weights(336, hidden, group)
    change, taker = put(device, packed_a), put(device, packed_b)
    stride, tiles = CHUNK * chunks_of(hidden), hidden // 16
    norm = random.uniform(0.2, 2, hidden).astype(np.float32)
    both = ManyProducts(device, [change, taker], kernels)
    for rows, splits in itertools.product((1, 2, 8, 9, 16, 32), (1, 2, 3, 6)):
        x = random.standard_normal((rows, 512)).astype(np.float16)
        product = x.astype(float) @ weight_a.T
        residual = (product.std() * random.standard_normal((rows, hidden))).astype(np.float32)
        stream = residual + product
        inverse = 1 / np.sqrt((stream**2).mean(axis=1, keepdims=True) + eps)
        expected = (stream * inverse * norm) @ weight_b.T
        between = np.zeros(-(-rows // ROWS_OF_BLOCK) * ROWS_OF_BLOCK * stride, np.float16)
        places = {
            "residual": device.array(residual), "next": device.array(between),
            "squares": device.allocate(4 * rows * tiles), "later": device.allocate(4 * rows),
            "scales": device.array((inverse[:, 0] * growth / 256).astype(np.float32)),
            "target": device.allocate(2 * rows * 336), "source": device.array(packed_rows(x, 512)),
        }  # fmt: skip
        first = ProductArguments(
            weights=change.units, source=places["source"], target=places["residual"], target_stride=hidden,
            tiles=change.tiles, chunks=change.chunks, inputs=512, outputs=hidden, mode=RESIDUAL,
            target_squares=places["squares"], next=places["next"], next_norm=device.array(norm),
            scales=places["scales"],
        )  # fmt: skip
        second = ProductArguments(
            weights=taker.units, source=places["next"], target=places["target"], target_stride=336,
            tiles=taker.tiles, chunks=taker.chunks, inputs=hidden, outputs=336, mode=STORE, squares=places["squares"],
            parts=tiles, scales=places["scales"], next_scales=places["later"], eps=eps,
        )  # fmt: skip
        planned(both, change, rows, splits).queue(change, first, rows)
        planned(both, taker, rows, splits).queue(taker, second, rows)
        found, sums, later = np.empty((rows, 336), np.float16), residual.copy(), np.empty(rows, np.float32)
        device.download(places["target"], found)
        device.download(places["residual"], sums)
        device.download(places["later"], later)
        device.synchronize()
        assert error(sums, stream) < 1e-3, (rows, splits)
        assert error(found, expected) < 2e-3, (rows, splits)
        assert np.allclose(later, inverse[:, 0] / 256, rtol=1e-3), (rows, splits)
        for address in places.values():
            device.free(address)


def test_the_chosen_plans_fit_the_card(device: Device, kernels: Path) -> None:
    packed, _ = random_weights(48, 256, 128)
    products = ManyProducts(device, [put(device, packed)], kernels)
    sizes = itertools.product((3, 384, 1792), (2, 32, 112), (2, 9, 32, 64, 128, 2048), (STORE, ATTENTION))
    for tiles, chunks, rows, mode in sizes:
        plan = products.plan(128, tiles, chunks, rows, mode)
        assert plan.slots >= min(2, chunks // plan.variant.chunks // plan.splits)
        assert plan.shared <= device.shared_bytes_of_block - many._RESERVED
