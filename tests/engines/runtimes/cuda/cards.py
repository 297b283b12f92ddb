"""What tests of single kernels share: products put on a card, and what is read back from there."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtimes.cuda.arguments import ProductArguments
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import CHUNK, Packed
from engines.runtimes.cuda.weights import DeviceProduct

EPS = 1e-5


def put(device: Device, packed: Packed) -> DeviceProduct:
    optional = {"bias": packed.bias, "input_scale": packed.input_scale, "output_scale": packed.output_scale}
    optional["order"] = None if packed.order is None else packed.order.astype(np.int32)
    addresses = {name: 0 if values is None else device.array(values) for name, values in optional.items()}
    tiles, chunks, _ = packed.units.shape
    units = device.array(packed.units)
    return DeviceProduct(units, tiles, chunks, packed.group, packed.inputs, packed.outputs, **addresses)


def wide(x: NDArray[Any], width: int) -> NDArray[Any]:
    return np.pad(x, ((0, 0), (0, width - x.shape[1])))


def arguments(product: DeviceProduct, mode: int, source: int, target: int, stride: int) -> ProductArguments:
    return ProductArguments(
        weights=product.units, bias=product.bias, order=product.order, input_scale=product.input_scale,
        output_scale=product.output_scale, source=source, source_stride=product.chunks * CHUNK, target=target,
        target_stride=stride, tiles=product.tiles, chunks=product.chunks, inputs=product.inputs,
        outputs=product.outputs, mode=mode, eps=EPS, parts=1,
    )  # fmt: skip


def read(device: Device, address: int, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[np.float64]:
    found = np.empty(shape, kind)
    device.download(address, found)
    device.synchronize()
    return found.astype(np.float64)


def poisoned(device: Device, shape: tuple[int, ...], kind: type[np.generic]) -> int:
    return device.array(np.full(shape, 7e4 if kind is np.float32 else 6e4, kind))


def assert_near(found: NDArray[np.float64], expected: NDArray[np.float64], tolerance: float = 2e-3) -> None:
    assert np.isfinite(found).all()
    assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)
