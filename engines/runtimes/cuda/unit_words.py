"""Integers of weights in the order of a warp's lanes: the words of units (``packing``)."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

TILE, CHUNK = 16, 128
Number = TypeVar("Number", bound=np.generic)


def pad(values: NDArray[Number], multiple: int) -> NDArray[Number]:
    """With zeros behind the last row, up to a multiple."""
    missing = -len(values) % multiple
    return np.pad(values, ((0, missing), *((0, 0) for _ in values.shape[1:]))) if missing else values


def nibble_words(q: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Low halves of bytes [outputs, inputs], of whole tiles and chunks -> [tiles, chunks, bytes]."""
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
    return np.ascontiguousarray(steps.transpose(0, 2, 1, 4, 3)).view(np.uint8).reshape(tiles, chunks, -1)


def high_words(high: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """``width`` bits (1 or 2) of each weight [outputs, inputs], of whole tiles and chunks -> [tiles, chunks, bytes]: in
    either half of a word those of all registers of ``4 // width`` steps, the first step's lowest."""
    tiles, chunks, of_word = len(high) // TILE, high.shape[1] // CHUNK, 4 // width
    # [tile, half of rows, g, chunk, word, 32 inputs of it, t, step, pair, element]
    per_word = max(1, of_word // 2)
    split = high.reshape(tiles, 2, 8, chunks, 4 // per_word, per_word, 4, 2, 2, 2)
    # -> [tile, chunk, g, t, word, element, step (32 inputs, step), pair, half of rows]
    fields = split.transpose(0, 3, 2, 6, 4, 9, 5, 7, 8, 1).reshape(tiles, chunks, 8, 4, 4 // per_word, 2, 16 // width)
    shifts = np.arange(0, 16, width, dtype=np.uint16)
    words = np.bitwise_or.reduce(fields.astype(np.uint16) << shifts, axis=-1)
    return np.ascontiguousarray(words, "<u2").view(np.uint8).reshape(tiles, chunks, -1)


def byte_words(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bytes [outputs, inputs], of whole tiles and chunks -> [tiles, chunks, bytes]."""
    tiles, chunks = len(values) // TILE, values.shape[1] // CHUNK
    # [tile, half of rows, g, chunk, 32 inputs, t, four, element] -> a lane's words: four, half of rows
    split = values.reshape(tiles, 2, 8, chunks, 4, 4, 2, 4)
    return np.ascontiguousarray(split.transpose(0, 3, 4, 2, 5, 6, 1, 7)).reshape(tiles, chunks, -1)
