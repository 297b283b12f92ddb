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
    tiles = np.ascontiguousarray(_words(q).transpose(0, 3, 1, 2))
    return tiles.view(np.uint8).reshape(*tiles.shape, 4)


def four_bit_tiles(q: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[out, in] -> [tiles, in / 4 * 64]"""
    words = _words(q)
    packed = np.ascontiguousarray((words[:, 0] | words[:, 1] << 4).transpose(0, 2, 1))
    return packed.view(np.uint8).reshape(len(packed), -1)


def group_tiles(values: NDArray[Any]) -> NDArray[Any]:
    """[out, groups] -> [tiles, groups * TILE]"""
    tiles = pad_rows(values).reshape(-1, TILE, values.shape[1])
    return np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(len(tiles), -1)


def six_bit_tiles(q: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[out, in] -> [tiles, in / 8 * 192]: engines/runtimes/native/kernels/matmul_blocks.py says in which order."""
    words = _words(q)  # [tiles, halves, LANES, in / 4]
    low = words & 0x0F0F0F0F
    low = low[:, 0] | low[:, 1] << 4
    high = words >> 4 & 0x03030303
    high = high[:, 0] | high[:, 1] << 2
    packed = np.empty((len(words), words.shape[3] // 2, 3, LANES), np.uint32)
    packed[:, :, 0], packed[:, :, 1] = (low[:, :, step::2].transpose(0, 2, 1) for step in range(2))
    packed[:, :, 2] = (high[:, :, 0::2] | high[:, :, 1::2] << 4).transpose(0, 2, 1)
    return packed.view(np.uint8).reshape(len(packed), -1)


def _words(q: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """[out, in] -> [tiles, halves, LANES, in / 4]: four inputs are moved together, as a word."""
    words = np.ascontiguousarray(pad_rows(q)).view(np.uint32)
    return words.reshape(-1, 2, LANES, words.shape[1])
