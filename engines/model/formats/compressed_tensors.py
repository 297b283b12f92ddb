"""compressed-tensors, pack-quantized: ``weight_packed`` int32 [out, in / 8], ``weight_scale`` [out, in / group], and
where asymmetric ``weight_zero_point`` int32 [out / 8, in / group].

Signed values are stored plus 8, zero points as well, packed in order, lowest nibble first.
"""

import numpy as np

from engines.errors import UnsupportedModel
from engines.model.formats.packing import unpack_int4
from engines.model.formats.quantization import Quantization
from engines.model.tensor_files import TensorFiles
from engines.model.weights import Float, QuantizedLinear


def load(
    files: TensorFiles, name: str, quantization: Quantization, shape: tuple[int, int], bias: Float | None
) -> QuantizedLinear:
    out, inputs = shape
    group = inputs if quantization.group == -1 else quantization.group
    if f"{name}.weight_g_idx" in files:
        indices = files.take(f"{name}.weight_g_idx", (inputs,))
        if not np.array_equal(indices, np.arange(inputs) // group):
            raise UnsupportedModel(f"{name} uses act-order in compressed-tensors.", "Use a model without act-order.")
    q = unpack_int4(files.take(f"{name}.weight_packed", (out, inputs // 8)))
    scale = files.take(f"{name}.weight_scale", (out, inputs // group)).astype(np.float32)
    if quantization.symmetric:
        zero = np.full(scale.shape, 8, np.uint8)
    else:
        packed = files.take(f"{name}.weight_zero_point", (out // 8, inputs // group))
        zero = np.ascontiguousarray(unpack_int4(np.ascontiguousarray(packed.T)).T)
    return QuantizedLinear(q, scale, zero, group, bias)
