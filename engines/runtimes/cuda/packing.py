"""Weights in the order in which the CUDA kernels read them: units of 16 outputs by 128 inputs.

A unit in INT4: for each group of its 128 inputs and each g in 0..7 the scales of outputs g and g + 8 and their zero
points as 256 + zero and 16 + zero, four float16; then for each 64 inputs 16 bytes a lane, words turned left by 2.
A unit in INT8: for each 32 inputs 16 bytes a lane, values + 128. A unit in float16: for each 16 inputs 16 bytes a lane.
Lane 4 g + t holds of each 32 inputs the eight from 8 t on, of outputs g and g + 8. Outputs are put in an order in which
what is computed together stands 8 apart: gate and up, a rotated pair. Pure numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.model.config import ModelConfig
from engines.model.rounded_rows import eight_bit_rows
from engines.model.weights import BlockLinear, DenseLinear, Float, Linear, QuantizedLinear, StoredRows, without_blocks

TILE, CHUNK = 16, 128
ROWS_OF_BLOCK = 128  # rows of inputs that lie packed together, where they are packed
GROUPS = (32, 64, 128)
HALF, WHOLE_ROW = 0, -1  # instead of a group's size: float16; INT8 with a scale for each output
_NO_OUTPUT = -1
Order = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Packed:
    """``units`` uint8 [tiles, chunks, bytes]; ``group`` is one of ``GROUPS``, ``HALF`` or ``WHOLE_ROW``. ``bias`` and
    ``output_scale``, float32 [tiles * 16], follow the order of the outputs. ``order`` and ``input_scale`` are those of
    ``QuantizedLinear``."""

    units: NDArray[np.uint8]
    group: int
    inputs: int
    outputs: int
    bias: Float | None = None
    order: Order | None = None
    input_scale: Float | None = None
    output_scale: Float | None = None


def padded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def chunks_of(inputs: int) -> int:
    """Units of a row; an even number."""
    return 2 * -(-inputs // (2 * CHUNK))


def bits_of(group: int) -> int:
    return {HALF: 16, WHOLE_ROW: 8}.get(group, 4)


def unit_bytes(group: int) -> int:
    scales = 64 * (CHUNK // group) if group > 0 else 0
    return scales + TILE * CHUNK * bits_of(group) // 8


def pack(parts: Sequence[Linear], order: Order) -> tuple[Packed, list[str]]:
    """Projections that read the same input as one product; ``order`` [tiles * 16] says which of their outputs, one
    after the other, stands where (-1 for none). Returns what was lost, too: nothing as a rule."""
    kinds = {part.weight.kind.name for part in parts if isinstance(part, BlockLinear)}
    parts = [without_blocks(part) for part in parts]
    quantized = [part for part in parts if isinstance(part, QuantizedLinear)]
    outputs, inputs = sum(part.shape[0] for part in parts), parts[0].shape[1]
    biases = [np.zeros(part.shape[0], np.float32) if part.bias is None else part.bias for part in parts]
    bias = _ordered(np.concatenate(biases), order) if any(part.bias is not None for part in parts) else None
    if len(quantized) == len(parts) and _alike(quantized):
        first = quantized[0]
        units = pack_int4(
            _ordered(np.concatenate([part.q for part in quantized]), order),
            _ordered(np.concatenate([part.scale for part in quantized]), order),
            _ordered(np.concatenate([part.zero for part in quantized]), order),
            first.group,
        )
        return Packed(units, first.group, inputs, outputs, bias, first.input_order, first.input_scale), []
    notes = [f"An INT4 product in groups of {part.group} is computed in float16." for part in quantized[:1]]
    notes += [f"{name} has no kernel here: its weights are rounded to float16." for name in sorted(kinds)]
    dense = np.concatenate([part.dense() for part in parts])
    return Packed(pack_half(_ordered(dense, order)), 0, inputs, outputs, bias), notes


def pack_rows(linear: DenseLinear, group: int = HALF) -> Packed:
    """A large matrix in full precision, read a part at a time; to ``HALF``, or rounded to ``WHOLE_ROW``."""
    outputs, inputs = linear.shape
    tiles, chunks = -(-outputs // TILE), chunks_of(inputs)
    units = np.zeros((tiles, chunks, unit_bytes(group)), np.uint8)
    scale = np.ones(tiles * TILE, np.float32)
    whole = linear.weight if isinstance(linear.weight, StoredRows) else StoredRows(linear.weight)
    for rows, weight in whole.chunks():
        first = rows.start // TILE
        if group == WHOLE_ROW:
            codes, scale[rows.start : rows.start + len(weight)] = eight_bit_rows(weight)
            packed = pack_bytes(_pad(codes, TILE))
        else:
            packed = pack_half(_pad(weight, TILE))
        units[first : first + len(packed)] = packed
    bias = None if linear.bias is None else _pad(linear.bias, TILE)
    return Packed(units, group, inputs, outputs, bias, output_scale=scale if group == WHOLE_ROW else None)


def natural_order(outputs: int) -> Order:
    order = np.full(-(-outputs // TILE) * TILE, _NO_OUTPUT)
    order[:outputs] = np.arange(outputs)
    return order


def gated_order(inner: int) -> Order:
    """Tiles of 8 gates and the 8 ups that belong to them."""
    padded_gates = np.full(-(-inner // 8) * 8, _NO_OUTPUT)
    padded_gates[:inner] = np.arange(inner)
    gates = padded_gates.reshape(-1, 8)
    return np.concatenate([gates, np.where(gates >= 0, gates + inner, _NO_OUTPUT)], axis=1).reshape(-1)


def attention_order(config: ModelConfig) -> Order:
    """Tiles of q, k and v; in q and k dimension i and the one it is rotated with stand 8 apart."""
    plain = np.arange(config.head_dim)
    half = config.rope.rotary_dim // 2
    rotated = np.concatenate([np.arange(half).reshape(-1, 8), np.arange(half, 2 * half).reshape(-1, 8)], axis=1)
    head = np.concatenate([rotated.reshape(-1), plain[2 * half :]])
    heads = config.num_heads + config.num_kv_heads
    first = np.arange(heads)[:, None] * config.head_dim + head
    return np.concatenate(
        [first.reshape(-1), np.arange(heads * config.head_dim, (heads + config.num_kv_heads) * config.head_dim)]
    )


def pack_int4(q: NDArray[np.uint8], scale: Float, zero: NDArray[np.uint8], group: int) -> NDArray[np.uint8]:
    """[outputs, inputs], [outputs, groups] twice -> units; outputs are a multiple of 16."""
    q = _pad(q.T, 2 * CHUNK).T
    per_chunk = CHUNK // group
    scale, zero = _pad(scale.T, 2 * per_chunk).T, _pad(zero.T, 2 * per_chunk).T
    tiles, chunks = len(q) // TILE, q.shape[1] // CHUNK
    # [tile, half of rows, g, inputs]: outputs g and g + 8 share a byte, four inputs (pair, element) a word
    rows = q.reshape(tiles, 2, 8, chunks * CHUNK)
    words: NDArray[np.uint32] = (rows[:, 0] | (rows[:, 1] << 4)).view(np.uint32)
    # bytes of a word: element high, pair low
    eight = np.uint32(8)
    words = (
        (words & np.uint32(0xFF0000FF)) | (words & np.uint32(0xFF00)) << eight | (words >> eight & np.uint32(0xFF00))
    )
    words = (words << np.uint32(2)) | (words >> np.uint32(30))
    # [tile, g, 64 inputs, 32 inputs, t] of two steps' words -> [tile, 64 inputs, g, t, 32 inputs]
    steps = words.view(np.uint64).reshape(tiles, 8, chunks * 2, 2, 4)
    weights = np.ascontiguousarray(steps.transpose(0, 2, 1, 4, 3)).view(np.uint8).reshape(tiles, chunks, -1)
    constants = np.empty((tiles, chunks, per_chunk, 8, 4), np.float16)
    by_unit = [values.reshape(tiles, 2, 8, chunks, per_chunk).transpose(1, 0, 3, 4, 2) for values in (scale, zero)]
    constants[..., 0:2] = np.moveaxis(by_unit[0], 0, -1)
    constants[..., 2] = 256 + by_unit[1][0].astype(np.float32)
    constants[..., 3] = 16 + by_unit[1][1].astype(np.float32)
    units = np.concatenate([constants.reshape(tiles, chunks, -1).view(np.uint8), weights], axis=2)
    return np.ascontiguousarray(units)


def pack_half(weight: Float) -> NDArray[np.uint8]:
    """[outputs, inputs] -> units; outputs are a multiple of 16."""
    half = _pad(weight.T, 2 * CHUNK).T.astype(np.float16)
    tiles, chunks = len(half) // TILE, half.shape[1] // CHUNK
    # [tile, half of rows, g, chunk, 32 inputs, t, step, pair, element] -> a lane's words: pair, half of rows
    split = half.reshape(tiles, 2, 8, chunks, 4, 4, 2, 2, 2)
    ordered = split.transpose(0, 3, 4, 6, 2, 5, 7, 1, 8)
    return np.ascontiguousarray(ordered).reshape(tiles, chunks, -1).view(np.uint8)


def pack_bytes(codes: NDArray[np.int8]) -> NDArray[np.uint8]:
    """[outputs, inputs] -> units; outputs are a multiple of 16."""
    values = (_pad(codes.T, 2 * CHUNK).T.astype(np.int16) + 128).astype(np.uint8)
    tiles, chunks = len(values) // TILE, values.shape[1] // CHUNK
    # [tile, half of rows, g, chunk, 32 inputs, t, four, element] -> a lane's words: four, half of rows
    split = values.reshape(tiles, 2, 8, chunks, 4, 4, 2, 4)
    return np.ascontiguousarray(split.transpose(0, 3, 4, 2, 5, 6, 1, 7)).reshape(tiles, chunks, -1)


def _alike(parts: Sequence[QuantizedLinear]) -> bool:
    """Whether one kernel can compute them as one product."""
    first = parts[0]
    same = all(
        part.group == first.group
        and _equal(part.input_order, first.input_order)
        and _equal(part.input_scale, first.input_scale)
        for part in parts
    )
    return same and first.group in GROUPS


def _equal(a: NDArray[np.generic] | None, b: NDArray[np.generic] | None) -> bool:
    return a is b or (a is not None and b is not None and bool(np.array_equal(a, b)))


def _ordered(values: NDArray[Number], order: Order) -> NDArray[Number]:
    """Zeros where there is no output."""
    ordered = values[np.maximum(order, 0)]
    ordered[order == _NO_OUTPUT] = 0
    return ordered


def _pad(values: NDArray[Number], multiple: int) -> NDArray[Number]:
    missing = -len(values) % multiple
    return np.pad(values, ((0, missing), *((0, 0) for _ in values.shape[1:]))) if missing else values
