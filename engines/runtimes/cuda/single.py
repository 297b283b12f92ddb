"""The decode step of one token as one kernel (``kernels/step.cu``): for models whose layers are five phases and whose
weights are all INT4 in groups of one size; others take the kernels of ``decoder``.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engines.model.config import ModelConfig
from engines.runtimes.cuda.arguments import AttentionArguments, ProductArguments, StepArguments, StreamArguments
from engines.runtimes.cuda.compiler import compile_kernels
from engines.runtimes.cuda.driver import Device
from engines.runtimes.cuda.packing import CHUNK, TILE, padded, unit_bytes
from engines.runtimes.cuda.weights import DeviceWeights

_BATCH_TILES = 4  # whose sums are added up at a time
_STATIC = 5120  # shared memory that the kernel declares itself, and alignment
_WARPS = 8  # that compute; one more reads the weights
_PAIR = 2  # units of 128 inputs that a warp takes together
_SLICE = 4 * _PAIR  # units that are copied together
_FEWEST_SLICES = 8
_IN_FLIGHT = 4  # slices under way at a time, at most
_LARGEST_HIDDEN = 6 * 4 * 32 * _WARPS  # EARLY quads of each thread
_COLUMNS = 8  # queries that share a KV head, at most


class SingleStep:
    """``products`` are a layer's four in order, layer after layer, then perhaps the output layer; ``attentions`` one a
    layer."""

    def __init__(
        self,
        device: Device,
        config: ModelConfig,
        products: Sequence[ProductArguments],
        attentions: Sequence[AttentionArguments],
        group: int,
        cache: Path | None,
    ) -> None:
        self._device = device
        head_padded = padded(config.head_dim, 32)
        repeat = config.num_heads // config.num_kv_heads
        slices, self._shared = _shared(device, config, group, max(product.chunks for product in products))
        settings = {"BITS": 4, "GROUP": group, "HEAD": head_padded, "RING_SLICES": slices}
        settings |= {"WARPS": _WARPS, "IN_FLIGHT": _IN_FLIGHT, "EARLY": -(-config.hidden_size // (4 * 32 * _WARPS))}
        self._kernel = device.load(compile_kernels("step", device.capability, settings, cache))["step"]
        for product in products:
            product.rows, product.splits, product.slice = 1, 1, padded(product.chunks, _PAIR) * CHUNK
            product.batch_tiles = _BATCH_TILES
        most_splits = max(1, device.multiprocessors // config.num_kv_heads)
        streams = [StreamArguments(product.weights, product.tiles, product.chunks) for product in products]
        count = device.multiprocessors
        shares = device.array(np.linspace(0, 65536, count + 1).round().astype(np.uint32))
        self.number = device.array(np.zeros(4, np.uint32))
        words = (
            config.hidden_size, config.hidden_size, config.q_size // 2, config.intermediate_size // 2 + 1,
            (config.q_size + 2 * config.kv_size) // 2, config.num_kv_heads * most_splits * repeat * (head_padded + 2),
        )  # fmt: skip
        self._arguments = StepArguments(
            _array(device, products), _array(device, streams), _array(device, attentions), self.number, shares,
            *(device.allocate(8 * size + 64, zero=True) for size in words), config.num_layers, len(products),
        )  # fmt: skip

    def queue(self) -> None:
        """After the embedding, which counts the steps."""
        grid = (self._device.multiprocessors, 1, 1)
        self._device.launch(self._kernel, grid, 32 * (_WARPS + 1), self._shared, self._arguments, together=True)


def suits(device: Device, config: ModelConfig, weights: DeviceWeights) -> bool:
    """Whether the model's step can be one kernel on this card."""
    groups = {product.group for layer in weights.layers for product in layer.products.values()}
    if config.qk_norm or config.post_norms or len(groups) != 1 or 0 in groups:
        return False
    if config.num_heads // config.num_kv_heads > _COLUMNS or config.num_kv_heads > device.multiprocessors:
        return False
    if config.hidden_size % TILE or config.intermediate_size % 8 or config.hidden_size > _LARGEST_HIDDEN:
        return False
    if any(product.tiles < device.multiprocessors for product in weights.products):
        return False
    chunks = max(product.chunks for product in weights.products)
    return _shared(device, config, min(groups), chunks)[0] >= _FEWEST_SLICES


def _shared(device: Device, config: ModelConfig, group: int, chunks: int) -> tuple[int, int]:
    """Slices of the ring, and a block's shared memory in bytes."""
    sums = _BATCH_TILES * _WARPS * 8 * 16
    inputs = padded(chunks, _PAIR) * CHUNK
    inputs = inputs * 2 + inputs // group * 8 * 4
    attention = 2 * (padded(config.head_dim, 32)) * (config.num_heads // config.num_kv_heads + 2)
    attention += _WARPS * (config.num_heads // config.num_kv_heads) * (padded(config.head_dim, 32) + 2) * 4
    room = padded(max(sums + inputs, attention), 128)
    slices = (device.shared_bytes_of_block - _STATIC - room) // (_SLICE * unit_bytes(group))
    return slices, slices * _SLICE * unit_bytes(group) + room


def _array(device: Device, structures: Sequence[ctypes.Structure]) -> int:
    return device.array(np.frombuffer(b"".join(bytes(structure) for structure in structures), np.uint8))
