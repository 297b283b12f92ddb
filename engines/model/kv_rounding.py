"""What K and V in 8 bits stand for: each token's values of a head as multiples of a scale in float16."""

import numpy as np

from engines.base import KvCache
from engines.model.weights import Float

_LARGEST = {"fp8": 448.0, "int8": 127.0}
_LEAST_EXPONENT, _MANTISSA = -6, 3  # of E4M3
_UNIT = 256.0  # the scale of FP8 is kept so much larger


def rounded(values: Float, kind: KvCache) -> Float:
    """``values`` [..., head_dim] as ``kind`` keeps them; as they are for "fp16"."""
    if kind == "fp16":
        return values
    unit = _UNIT if kind == "fp8" else 1.0
    most = np.abs(values).max(axis=-1, keepdims=True)
    scale = (most / _LARGEST[kind] * unit).astype(np.float16).astype(np.float32) / np.float32(unit)
    codes = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    codes = np.clip(np.rint(codes), -_LARGEST[kind], _LARGEST[kind]) if kind == "int8" else _e4m3(codes)
    return np.asarray(codes * scale, np.float32)


def _e4m3(values: Float) -> Float:
    exponent = np.maximum(np.frexp(values)[1] - 1, _LEAST_EXPONENT)
    step = np.ldexp(np.float32(1), exponent - _MANTISSA)
    return np.asarray(np.clip(np.rint(values / step) * step, -_LARGEST["fp8"], _LARGEST["fp8"]), np.float32)
