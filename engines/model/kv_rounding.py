"""What K and V in 8 bits stand for: each token's values of a head as multiples of a scale in float16."""

import numpy as np

from engines.model import fp8
from engines.model.weights import Float
from engines.page_size import KvCache

_LARGEST = {"fp8": fp8.LARGEST, "int8": 127.0}
_UNIT = 256.0  # the scale of FP8 is kept so much larger


def rounded(values: Float, kind: KvCache) -> Float:
    """``values`` [..., head_dim] as ``kind`` keeps them; as they are for "fp16"."""
    if kind == "fp16":
        return values
    unit = _UNIT if kind == "fp8" else 1.0
    most = np.abs(values).max(axis=-1, keepdims=True)
    scale = (most / _LARGEST[kind] * unit).astype(np.float16).astype(np.float32) / np.float32(unit)
    codes = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    codes = np.clip(np.rint(codes), -_LARGEST[kind], _LARGEST[kind]) if kind == "int8" else fp8.nearest(codes)
    return np.asarray(codes * scale, np.float32)
