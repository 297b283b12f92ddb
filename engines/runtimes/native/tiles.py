"""Cuts matrices into tiles of 32 outputs, in the order in which the kernels read them; what is missing is zero."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtimes.native.kernels.layout import LANES, TILE


def padded(features: int) -> int:
    return -(-features // TILE) * TILE


def pad_rows(array: NDArray[Any]) -> NDArray[Any]:
    """Zeros after the last row, up to a full tile."""
    missing = padded(len(array)) - len(array)
    return np.pad(array, ((0, missing), *((0, 0) for _ in array.shape[1:]))) if missing else array


def byte_tiles(q: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[out, in] -> [tiles, in / 4, halves, LANES, 4]"""
    tiles = pad_rows(q).reshape(-1, 2, LANES, q.shape[1] // 4, 4)
    return np.ascontiguousarray(tiles.transpose(0, 3, 1, 2, 4))


def four_bit_tiles(q: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[out, in] -> [tiles, in / 4 * 64]"""
    tiles = byte_tiles(q)
    packed = tiles[:, :, 0] | (tiles[:, :, 1] << 4)
    return np.asarray(packed, np.uint8).reshape(len(tiles), -1)


def group_tiles(values: NDArray[Any]) -> NDArray[Any]:
    """[out, groups] -> [tiles, groups * TILE]"""
    tiles = pad_rows(values).reshape(-1, TILE, values.shape[1])
    return np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(len(tiles), -1)


def six_bit_tiles(q: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[out, in] -> [tiles, in / 8 * 192]: engines/runtimes/native/kernels/matmul_blocks.py says in which order."""
    tiles = byte_tiles(q)  # [tiles, in / 4, halves, LANES, 4]
    low = (tiles[:, :, 0] & 15) | (tiles[:, :, 1] & 15) << 4
    high = (tiles >> 4).reshape(len(tiles), -1, 2, 2, LANES * 4)  # [tiles, in / 8, steps, halves, ...]
    shifts = np.array(((0, 2), (4, 6)), np.uint8)[:, :, None]
    highs = np.bitwise_or.reduce(high << shifts, axis=(2, 3))
    lows = low.reshape(len(tiles), -1, 2 * LANES * 4)
    return np.concatenate((lows, highs), axis=2).reshape(len(tiles), -1)
