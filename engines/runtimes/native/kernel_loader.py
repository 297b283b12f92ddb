"""Loads the compiled kernels of a processor: from their file, or compiled anew and checked before they are used.

The instructions differ from processor to processor, and not all could be tried where the kernels were written, so the
products of freshly compiled kernels are compared with integer arithmetic.
"""

import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.runtimes.native.kernels.instructions import Instructions
from engines.runtimes.native.kernels.layout import ROWS, TILE
from engines.runtimes.native.kernels.library import Library, Part, kernel_version, read_kernels, write_kernels
from engines.runtimes.native.packed_blocks import PACKED_KINDS, decoded_tiles, pack_rows
from engines.runtimes.native.tiles import byte_tiles, four_bit_tiles, group_tiles, six_bit_tiles

_log = logging.getLogger(__name__)
_INPUTS, _GROUP, _TILES = 64, 32, 2  # of the products that are checked


@cache
def load_kernels(instructions: Instructions, folder: Path | None = None, part: Part = "decoder") -> Library:
    """The kernels for ``instructions``, loaded once a process; ``folder`` keeps what was compiled. Raises
    RuntimeUnavailable where they cannot be compiled here or compute something wrong."""
    name = instructions.name if part == "decoder" else f"{instructions.name}_{part}"
    path = folder / f"kernels-{name}-{kernel_version(instructions)}" if folder else None
    linked = read_kernels(path) if path else None
    if linked is not None:
        return Library(linked)
    from engines.runtimes.native.kernels.compiler import compiled  # LLVM takes 100 MB, and is not needed again

    _log.info("compiling kernels for %s", name)
    linked = compiled(instructions, part)
    kernels = Library(linked)
    if part == "packing":
        check_packing(kernels)
    elif part == "blocks":
        check_blocks(kernels, instructions.rows[-1])
    else:
        check_products(kernels, instructions.rows[-1])
    if path:
        write_kernels(path, linked)
    return kernels


def check_products(kernels: Library, largest_block: int) -> None:
    """Raises RuntimeUnavailable where a product of bytes is wrong, in a block of any number of rows up to
    ``largest_block`` and one more."""
    rng = np.random.default_rng(0)
    for bits, tiles in ((4, four_bit_tiles), (8, byte_tiles)):
        q = _any_weights(rng, bits)
        zero = rng.integers(0, 2**bits, (len(q), _INPUTS // _GROUP)).astype(np.uint8)
        zeros, scales = group_tiles(zero), group_tiles(np.ones(zero.shape, np.float32))
        weight = q.reshape(len(q), -1, _GROUP).astype(np.int64) - zero[:, :, None]
        fields = {"scales": scales.ctypes.data, "scales_half": 0, "zeros": zeros.ctypes.data}
        _check(kernels, "matmul", bits, largest_block, tiles(q), weight.reshape(len(q), -1), fields)


def check_blocks(kernels: Library, largest_block: int) -> None:
    """As ``check_products``, for weights in blocks: with whole scales and minimums every sum is exact."""
    rng = np.random.default_rng(0)
    for bits, tiles in ((4, four_bit_tiles), (6, six_bit_tiles), (8, byte_tiles)):
        q = _any_weights(rng, bits)
        level, less = (rng.integers(-9, 10, (len(q), _INPUTS // _GROUP)).astype(np.int8) for _ in range(2))
        level[:2] = 1
        factors = np.full((_TILES, TILE), 2, np.float16)
        levels, minimums = group_tiles(level), group_tiles(less)
        grouped = (q.reshape(len(q), -1, _GROUP).astype(np.int64) - 3) * level[:, :, None] - less[:, :, None]
        fields = {
            "factors": factors.ctypes.data,
            "levels": levels.ctypes.data,
            "minimum_factors": factors.ctypes.data,
            "minimum_levels": minimums.ctypes.data,
            "factor_groups": _INPUTS // _GROUP,
            "zero": 3,
        }
        _check(kernels, "blocks", bits, largest_block, tiles(q), 2 * grouped.reshape(len(q), -1), fields)


def check_packing(kernels: Library) -> None:
    """Raises RuntimeUnavailable where blocks of any bytes are packed otherwise than they are decoded."""
    rng = np.random.default_rng(0)
    for kind in PACKED_KINDS:
        blocks = max(2, _INPUTS // kind.elements)
        rows = rng.integers(0, 256, (_TILES * TILE, blocks * kind.size)).astype(np.uint8)
        packed, expected = pack_rows(kernels, kind, rows), decoded_tiles(kind, rows)
        if set(packed) != set(expected) or any(packed[name].tobytes() != expected[name].tobytes() for name in packed):
            raise RuntimeUnavailable(
                f"Weights of the type {kind.name} are packed wrongly on this processor.",
                'Set model.runtime to "onnx", and please report this.',
            )


def _any_weights(rng: np.random.Generator, bits: int) -> NDArray[np.uint8]:
    """[outputs, inputs]; two outputs have the largest ones and the smallest alone, whose sums need most bits."""
    q = rng.integers(0, 2**bits, (_TILES * TILE, _INPUTS)).astype(np.uint8)
    q[0], q[1] = 2**bits - 1, 0
    return q


def _check(
    kernels: Library,
    kernel: str,
    bits: int,
    largest_block: int,
    packed: NDArray[np.uint8],
    weight: NDArray[np.int64],
    fields: Mapping[str, int],
) -> None:
    """Compares products of ``packed``, which is worth ``weight`` [outputs, inputs], with integer arithmetic; ``fields``
    are those of the kernel that say what a weight is worth."""
    rng = np.random.default_rng(1)
    for rows in range(1, largest_block + 2):
        x = rng.integers(-127, 128, (rows, _INPUTS)).astype(np.int8)
        x[0] = 127
        sums = x.reshape(rows, -1, _GROUP).sum(-1, dtype=np.int32)
        x_scales, y = np.ones(sums.shape, np.float32), np.empty((rows, len(weight)), np.float32)
        totals = sums.astype(np.float32)
        added_up = {"x_totals": totals} if kernel == "blocks" else {"x_sums": sums}
        operation = kernels.words(
            f"{kernel}{bits}",
            rows_at=ROWS,
            y=y.ctypes.data,
            y_stride=len(weight),
            x=x.ctypes.data,
            x_stride=_INPUTS,
            x_scales=x_scales.ctypes.data,
            groups=_INPUTS // _GROUP,
            group=_GROUP,
            weights=packed.ctypes.data,
            bias=0,
            tiles=_TILES,
            **{name: array.ctypes.data for name, array in added_up.items()},
            **fields,
        )
        kernels.do(operation, rows)
        if not np.array_equal(y, x.astype(np.int64) @ weight.T):
            raise RuntimeUnavailable(
                f"Products of {bits}-bit weights come out wrong on this processor.",
                'Set model.runtime to "onnx", and please report this.',
            )
