"""The types of GGUF tensors: how a row's bytes become small integers with scales, and those become numbers.

A block of a row holds ``elements`` weights in ``size`` bytes. All types that are read have one form,

    W = (factor * level) * (q - zero) - minimum_factor * minimum_level

with unsigned ``q`` and, for each group of inputs, small integers as levels; one factor holds for all groups of a block.
The layouts are those of ggml (github.com/ggml-org/ggml, src/ggml-common.h and ggml-quants.c). Nothing is rounded here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_IQ4_VALUES = np.array((-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113), np.int16)
_BYTE_ZERO = 128  # of signed bytes as unsigned ones


@dataclass(frozen=True, slots=True)
class Scales:
    """``factors`` float32 [rows, blocks] times ``levels`` int8 [rows, groups] (None: all are 1)."""

    factors: Float
    levels: NDArray[np.int8] | None = None

    def whole(self) -> Float:
        """[rows, groups]"""
        if self.levels is None:
            return self.factors
        repeat = self.levels.shape[1] // self.factors.shape[1]
        return np.repeat(self.factors, repeat, axis=1) * self.levels


@dataclass(frozen=True, slots=True)
class Blocks:
    """Rows of weights: ``q`` uint8 [rows, inputs], ``group`` inputs share a scale and a minimum."""

    q: Bytes
    group: int
    scale: Scales
    zero: int = 0
    minimum: Scales | None = None

    def dense(self) -> Float:
        """float32 [rows, inputs]"""
        rows, inputs = self.q.shape
        grouped = self.q.reshape(rows, -1, self.group).astype(np.float32) - np.float32(self.zero)
        weight = grouped * self.scale.whole()[:, :, None]
        if self.minimum is not None:
            weight -= self.minimum.whole()[:, :, None]
        return weight.reshape(rows, inputs)


@dataclass(frozen=True, slots=True)
class BlockType:
    """``bits`` that hold a ``q``; 0 for plain numbers, which ``numpy`` names (bfloat16 as uint16). ``group`` inputs
    share a scale."""

    name: str
    elements: int
    size: int
    bits: int = 0
    group: int = 0
    numpy: str = ""
    decode: Callable[[Bytes], Blocks] | None = None


def _fields(data: Bytes, *sizes: int) -> list[Bytes]:
    """A row's blocks, cut into fields of so many bytes: each uint8 [rows, blocks, size]."""
    blocks = data.reshape(len(data), -1, sum(sizes))
    return np.split(blocks, np.cumsum(sizes)[:-1], axis=2)


def _half(field: Bytes) -> Float:
    """uint8 [rows, blocks, 2] -> float32 [rows, blocks]"""
    return np.ascontiguousarray(field).view(np.float16)[:, :, 0].astype(np.float32)


def _flat(q: NDArray[Any], kind: type[Any] = np.uint8) -> NDArray[Any]:
    """[rows, ...] -> [rows, inputs or groups]"""
    return np.ascontiguousarray(q.reshape(len(q), -1).astype(kind, copy=False))


def _side_by_side(parts: Sequence[Bytes]) -> Bytes:
    """uint8 [..., n] each -> [..., parts, n]. 16 bytes are moved as one number: stretches are short, and NumPy takes as
    long to begin one as to move it."""
    count, shape = len(parts), parts[0].shape
    if shape[-1] % 16:
        return np.stack(parts, axis=-2)
    whole = np.empty((*shape[:-1], count, shape[-1]), np.uint8)
    words = shape[-1] // 16
    target = whole.view(np.complex128).reshape(-1, count, words)
    for place, part in enumerate(parts):
        source = part.view(np.complex128).reshape(-1, words)
        for word in range(words):
            target[:, place, word] = source[:, word]
    return whole


def _moved(packed: Bytes, down: int, mask: int, up: int = 0) -> Bytes:
    """(packed >> down & mask) << up of each byte, eight at a time; ``packed`` lies in one piece."""
    words, mask = packed.view(np.uint64), mask * 0x0101010101010101
    words = words >> np.uint64(down) & np.uint64(mask) if down else words & np.uint64(mask)
    if up:
        words <<= np.uint64(up)
    return words.view(np.uint8)


def _nibbles(packed: Bytes) -> Bytes:
    """uint8 [..., n] -> [..., 2 n]: all low halves, then all high ones."""
    packed = np.ascontiguousarray(packed)
    halves = _side_by_side([_moved(packed, down, 15) for down in (0, 4)])
    return halves.reshape(*packed.shape[:-1], -1)


def _pairs(packed: Bytes, up: int = 0) -> Bytes:
    """uint8 [rows, blocks, n] -> [rows, blocks, n / 32, 4, 32]: each stretch of 32 bytes holds four stretches of 2-bit
    numbers, lowest first, which are moved ``up``."""
    stretches = np.ascontiguousarray(packed).reshape(*packed.shape[:2], -1, 32)
    return _side_by_side([_moved(stretches, down, 3, up) for down in (0, 2, 4, 6)])


def _bits(packed: Bytes, up: int) -> Bytes:
    """uint8 [rows, blocks, n] -> [rows, blocks, 8, n]: the lowest bits of all bytes first, moved ``up``."""
    packed = np.ascontiguousarray(packed)
    return _side_by_side([_moved(packed, down, 1, up) for down in range(8)])


def _q4_0(data: Bytes) -> Blocks:
    d, qs = _fields(data, 2, 16)
    return Blocks(_flat(_nibbles(qs)), 32, Scales(_half(d)), zero=8)


def _q4_1(data: Bytes) -> Blocks:
    d, m, qs = _fields(data, 2, 2, 16)
    return Blocks(_flat(_nibbles(qs)), 32, Scales(_half(d)), minimum=Scales(-_half(m)))


def _fifth_bits(qh: Bytes) -> Bytes:
    """uint8 [rows, blocks, 4] -> 16 or 0 for each of 32 weights."""
    return _moved(np.unpackbits(qh, axis=2, bitorder="little"), 0, 1, 4)


def _q5_0(data: Bytes) -> Blocks:
    d, qh, qs = _fields(data, 2, 4, 16)
    return Blocks(_flat(_nibbles(qs) | _fifth_bits(qh)), 32, Scales(_half(d)), zero=16)


def _q5_1(data: Bytes) -> Blocks:
    d, m, qh, qs = _fields(data, 2, 2, 4, 16)
    return Blocks(_flat(_nibbles(qs) | _fifth_bits(qh)), 32, Scales(_half(d)), minimum=Scales(-_half(m)))


def _q8_0(data: Bytes) -> Blocks:
    d, qs = _fields(data, 2, 32)
    return Blocks(_flat(qs ^ 0x80), 32, Scales(_half(d)), zero=_BYTE_ZERO)


def _iq4_nl(data: Bytes) -> Blocks:
    d, qs = _fields(data, 2, 16)
    return Blocks(_flat(_IQ4_BYTES[_nibbles(qs)]), 32, Scales(_half(d)), zero=_BYTE_ZERO)


def _iq4_xs(data: Bytes) -> Blocks:
    d, high, low, qs = _fields(data, 2, 2, 4, 128)
    highs = np.ascontiguousarray(high).view("<u2") >> np.arange(0, 16, 2, dtype=np.uint16) & 3
    lows = np.stack((low & 15, low >> 4), axis=-1).reshape(*low.shape[:2], 8)
    levels = (lows | highs.astype(np.uint8) << 4).astype(np.int8) - np.int8(32)
    q = _IQ4_BYTES[_nibbles(qs.reshape(*qs.shape[:2], 8, 16))]
    return Blocks(_flat(q), 32, Scales(_half(d), _flat(levels, np.int8)), zero=_BYTE_ZERO)


def _q2_k(data: Bytes) -> Blocks:
    scales, qs, d, dmin = _fields(data, 16, 64, 2, 2)
    scale, minimum = _flat(scales & 15, np.int8), _flat(scales >> 4, np.int8)
    return Blocks(_flat(_pairs(qs)), 16, Scales(_half(d), scale), minimum=Scales(_half(dmin), minimum))


def _q3_k(data: Bytes) -> Blocks:
    hmask, qs, scales, d = _fields(data, 32, 64, 12, 2)
    low = _nibbles(scales[:, :, :8])
    high = _pairs(np.pad(scales[:, :, 8:], ((0, 0), (0, 0), (0, 28))))[:, :, 0, :, :4].reshape(*low.shape)
    levels = (low | high << 4).astype(np.int8) - np.int8(32)
    thirds = _bits(hmask, 2).reshape(*qs.shape[:2], 2, 4, 32)
    return Blocks(_flat(_pairs(qs) | thirds), 16, Scales(_half(d), _flat(levels, np.int8)), zero=4)


def _six_bit_levels(packed: Bytes) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """uint8 [rows, blocks, 12] -> scales and minimums of eight groups a block, 0..63; four are moved as a word."""
    first, second, third = np.moveaxis(np.ascontiguousarray(packed).view(np.uint32), 2, 0)
    six, four, two = (np.uint32(mask * 0x01010101) for mask in (63, 15, 3))
    found = []
    for low, rest in ((first, third & four), (second, third >> 4 & four)):
        words = np.empty((*low.shape, 2), np.uint32)
        words[:, :, 0], words[:, :, 1] = low & six, rest | (low >> 6 & two) << 4
        found.append(words.view(np.int8).reshape(len(words), -1))
    return found[0], found[1]


def _q4_k(data: Bytes) -> Blocks:
    d, dmin, scales, qs = _fields(data, 2, 2, 12, 128)
    scale, minimum = _six_bit_levels(scales)
    q = _nibbles(qs.reshape(*qs.shape[:2], 4, 32))
    return Blocks(_flat(q), 32, Scales(_half(d), scale), minimum=Scales(_half(dmin), minimum))


def _q5_k(data: Bytes) -> Blocks:
    d, dmin, scales, qh, qs = _fields(data, 2, 2, 12, 32, 128)
    scale, minimum = _six_bit_levels(scales)
    low = _nibbles(qs.reshape(*qs.shape[:2], 4, 32)).reshape(*qs.shape[:2], 8, 32)
    return Blocks(_flat(low | _bits(qh, 4)), 32, Scales(_half(d), scale), minimum=Scales(_half(dmin), minimum))


def _q6_k(data: Bytes) -> Blocks:
    ql, qh, scales, d = _fields(data, 128, 64, 16, 2)
    low = _nibbles(ql.reshape(*ql.shape[:2], 2, 64)).reshape(*ql.shape[:2], 2, 4, 32)
    levels = np.ascontiguousarray(scales).view(np.int8)
    return Blocks(_flat(low | _pairs(qh, 4)), 16, Scales(_half(d), _flat(levels, np.int8)), zero=32)


_IQ4_BYTES = (_IQ4_VALUES + _BYTE_ZERO).astype(np.uint8)

# By the numbers that files give them.
BLOCK_TYPES: dict[int, BlockType] = {
    0: BlockType("F32", 1, 4, numpy="<f4"),
    1: BlockType("F16", 1, 2, numpy="<f2"),
    2: BlockType("Q4_0", 32, 18, 4, 32, decode=_q4_0),
    3: BlockType("Q4_1", 32, 20, 4, 32, decode=_q4_1),
    6: BlockType("Q5_0", 32, 22, 6, 32, decode=_q5_0),
    7: BlockType("Q5_1", 32, 24, 6, 32, decode=_q5_1),
    8: BlockType("Q8_0", 32, 34, 8, 32, decode=_q8_0),
    10: BlockType("Q2_K", 256, 84, 4, 16, decode=_q2_k),
    11: BlockType("Q3_K", 256, 110, 4, 16, decode=_q3_k),
    12: BlockType("Q4_K", 256, 144, 4, 32, decode=_q4_k),
    13: BlockType("Q5_K", 256, 176, 6, 32, decode=_q5_k),
    14: BlockType("Q6_K", 256, 210, 6, 16, decode=_q6_k),
    20: BlockType("IQ4_NL", 32, 18, 8, 32, decode=_iq4_nl),
    23: BlockType("IQ4_XS", 256, 136, 8, 32, decode=_iq4_xs),
    30: BlockType("BF16", 1, 2, numpy="<u2"),
}
# Types that exist and are not read, so that an error can name them.
UNREAD_TYPES: dict[int, str] = {
    9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
    24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
