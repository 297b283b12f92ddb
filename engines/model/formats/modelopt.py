"""NVIDIA ModelOpt, INT4 AWQ: ``weight`` uint8 [out / 2, in] with two output rows a byte (the even one in the low
nibble, two's complement), ``weight_scale`` [out, in / group], and where not folded elsewhere ``pre_quant_scale`` [in].
"""

import numpy as np

from engines.model.formats.quantization import Quantization
from engines.model.tensor_files import TensorFiles
from engines.model.weights import Float, QuantizedLinear


def load(
    files: TensorFiles, name: str, quantization: Quantization, shape: tuple[int, int], bias: Float | None
) -> QuantizedLinear:
    out, inputs = shape
    packed = files.take(f"{name}.weight", (out // 2, inputs)).astype(np.uint8)
    q = np.empty((out, inputs), np.uint8)
    q[0::2] = (packed & 0xF) ^ 8  # two's complement -8..7 -> 0..15 around a zero of 8
    q[1::2] = (packed >> 4) ^ 8
    scale = files.take(f"{name}.weight_scale", (out, inputs // quantization.group)).astype(np.float32)
    before = None
    if f"{name}.pre_quant_scale" in files:
        before = files.take(f"{name}.pre_quant_scale", (inputs,)).astype(np.float32)
    zero = np.full(scale.shape, 8, np.uint8)
    return QuantizedLinear(q, scale, zero, quantization.group, bias, input_scale=before)
