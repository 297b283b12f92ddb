"""E4M3 without infinities: a sign, four bits of exponent, three of mantissa; the numbers up to 448 (OCP, 8-bit floating
point)."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

LARGEST = 448.0
_LEAST_EXPONENT, _MANTISSA = -6, 3
_NAN = 0x7F


def _values() -> Float:
    size = np.arange(128)
    exponent, mantissa = size >> _MANTISSA, size & 7
    subnormal = np.ldexp(mantissa.astype(np.float32), _LEAST_EXPONENT - _MANTISSA)
    normal = np.ldexp((8 + mantissa).astype(np.float32), exponent - 1 + _LEAST_EXPONENT - _MANTISSA)
    values = np.where(exponent == 0, subnormal, normal).astype(np.float32)
    values[_NAN] = np.nan
    return np.concatenate([values, -values])


_VALUES = _values()


def decode(codes: NDArray[np.uint8]) -> Float:
    return _VALUES[codes]


def encode(values: Float) -> NDArray[np.uint8]:
    """The nearest number's code; what is larger than all becomes the largest."""
    size = np.searchsorted(_VALUES[:_NAN], np.abs(nearest(values))).astype(np.uint8)
    return np.asarray(size | np.where(np.signbit(values), np.uint8(128), np.uint8(0)), np.uint8)


def nearest(values: Float) -> Float:
    """The nearest number of the format."""
    exponent = np.maximum(np.frexp(values)[1] - 1, _LEAST_EXPONENT)
    step = np.ldexp(np.float32(1), exponent - _MANTISSA)
    return np.asarray(np.clip(np.rint(values / step) * step, -LARGEST, LARGEST), np.float32)
