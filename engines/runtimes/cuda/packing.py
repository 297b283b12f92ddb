"""Weights in the order in which the CUDA kernels read them: units of 16 outputs by 128 inputs.

A unit in INT4: for each group of its 128 inputs and each g in 0..7 the scales of outputs g and g + 8 and their zero
points as 256 + zero and 16 + zero, four float16; then for each 64 inputs 16 bytes a lane, words turned left by 2.
Blocks of GGUF: as ``kernels/blocks.cuh`` says.
A unit in INT8: for each 32 inputs 16 bytes a lane, values + 128. A unit in float16: for each 16 inputs 16 bytes a lane.
Lane 4 g + t holds of each 32 inputs the eight from 8 t on, of outputs g and g + 8. Outputs are put in an order in which
what is computed together stands 8 apart: gate and up, a rotated pair. Pure numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.model.config import ModelConfig
from engines.model.rounded_rows import eight_bit_rows
from engines.model.weights import (
    BlockLinear,
    BlockRows,
    DenseLinear,
    Float,
    Linear,
    QuantizedLinear,
    StoredRows,
    without_blocks,
)
from engines.runtimes.cuda.block_forms import BlockForm, form_of, is_blocks
from engines.runtimes.cuda.block_packing import pack_blocks
from engines.runtimes.cuda.unit_words import CHUNK as CHUNK
from engines.runtimes.cuda.unit_words import TILE as TILE
from engines.runtimes.cuda.unit_words import Number, byte_words, nibble_words, pad

ROWS_OF_BLOCK = 128  # rows of inputs that lie packed together, where they are packed
GROUPS = (32, 64, 128)
HALF, WHOLE_ROW = 0, -1  # instead of a group's size: float16; INT8 with a scale for each output
_NO_OUTPUT = -1
_ROWS_AT_A_TIME = 4096  # of a table; whole tiles
_INT4 = "Q4_0"  # blocks that are INT4 in groups of 32
Order = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packed:
    """``units`` uint8 [tiles, chunks, bytes]; ``group`` is one of ``GROUPS``, ``HALF``, ``WHOLE_ROW`` or a
    ``BlockForm``'s code. ``bias`` and
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
    return BlockForm.of_code(group).bits if is_blocks(group) else {HALF: 16, WHOLE_ROW: 8}.get(group, 4)


def groups_of_chunk(group: int) -> int:
    """Whose inputs the kernels sum up."""
    if is_blocks(group):
        return CHUNK // BlockForm.of_code(group).group
    return CHUNK // group if group > 0 else 0


def settings_of(group: int) -> dict[str, int]:
    """The kernels' macros."""
    return BlockForm.of_code(group).settings if is_blocks(group) else {"BITS": bits_of(group), "GROUP": max(group, 0)}


def unit_bytes(group: int) -> int:
    if is_blocks(group):
        return BlockForm.of_code(group).unit_bytes
    scales = 64 * (CHUNK // group) if group > 0 else 0
    return scales + TILE * CHUNK * bits_of(group) // 8


def pack(parts: Sequence[Linear], order: Order) -> tuple[Packed, list[str]]:
    """Projections that read the same input as one product; ``order`` [tiles * 16] says which of their outputs, one
    after the other, stands where (-1 for none). Returns what was lost, too: nothing as a rule."""
    outputs, inputs = sum(part.shape[0] for part in parts), parts[0].shape[1]
    biases = [np.zeros(part.shape[0], np.float32) if part.bias is None else part.bias for part in parts]
    bias = _ordered(np.concatenate(biases), order) if any(part.bias is not None for part in parts) else None
    in_blocks = [part.weight for part in parts if isinstance(part, BlockLinear)]
    kinds = {weight.kind.name for weight in in_blocks}
    if len(in_blocks) == len(parts) and kinds != {_INT4}:
        form = form_of([weight.kind for weight in in_blocks])
        units = pack_blocks([weight.blocks() for weight in in_blocks], form, order)
        return Packed(units, form.code, inputs, outputs, bias), []
    parts = [without_blocks(part) for part in parts]
    quantized = [part for part in parts if isinstance(part, QuantizedLinear)]
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
    if kinds:
        beside = " and ".join(sorted(kinds))
        notes.append(f"Weights in {beside} that are computed together with other kinds are rounded to float16.")
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
            packed = pack_bytes(pad(codes, TILE))
        else:
            packed = pack_half(pad(weight, TILE))
        units[first : first + len(packed)] = packed
    bias = None if linear.bias is None else pad(linear.bias, TILE)
    return Packed(units, group, inputs, outputs, bias, output_scale=scale if group == WHOLE_ROW else None)


def pack_table(rows: BlockRows, bias: Float | None = None) -> Packed:
    """A large matrix in blocks, read a part at a time."""
    outputs, inputs = rows.shape
    form = form_of([rows.kind])
    units = np.zeros((-(-outputs // TILE), chunks_of(inputs), form.unit_bytes), np.uint8)
    for start in range(0, outputs, _ROWS_AT_A_TIME):
        part = rows.blocks(slice(start, start + _ROWS_AT_A_TIME))
        packed = pack_blocks([part], form, natural_order(len(part.q)))
        units[start // TILE : start // TILE + len(packed)] = packed
    return Packed(units, form.code, inputs, outputs, None if bias is None else pad(bias, TILE))


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
    q = pad(q.T, 2 * CHUNK).T
    per_chunk = CHUNK // group
    scale, zero = pad(scale.T, 2 * per_chunk).T, pad(zero.T, 2 * per_chunk).T
    tiles, chunks = len(q) // TILE, q.shape[1] // CHUNK
    weights = nibble_words(q)
    constants = np.empty((tiles, chunks, per_chunk, 8, 4), np.float16)
    by_unit = [values.reshape(tiles, 2, 8, chunks, per_chunk).transpose(1, 0, 3, 4, 2) for values in (scale, zero)]
    constants[..., 0:2] = np.moveaxis(by_unit[0], 0, -1)
    constants[..., 2] = 256 + by_unit[1][0].astype(np.float32)
    constants[..., 3] = 16 + by_unit[1][1].astype(np.float32)
    units = np.concatenate([constants.reshape(tiles, chunks, -1).view(np.uint8), weights], axis=2)
    return np.ascontiguousarray(units)


def pack_half(weight: Float) -> NDArray[np.uint8]:
    """[outputs, inputs] -> units; outputs are a multiple of 16."""
    half = pad(weight.T, 2 * CHUNK).T.astype(np.float16)
    tiles, chunks = len(half) // TILE, half.shape[1] // CHUNK
    # [tile, half of rows, g, chunk, 32 inputs, t, step, pair, element] -> a lane's words: pair, half of rows
    split = half.reshape(tiles, 2, 8, chunks, 4, 4, 2, 2, 2)
    ordered = split.transpose(0, 3, 4, 6, 2, 5, 7, 1, 8)
    return np.ascontiguousarray(ordered).reshape(tiles, chunks, -1).view(np.uint8)


def pack_bytes(codes: NDArray[np.int8]) -> NDArray[np.uint8]:
    """[outputs, inputs] -> units; outputs are a multiple of 16."""
    return byte_words((pad(codes.T, 2 * CHUNK).T.astype(np.int16) + 128).astype(np.uint8))


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
