"""AutoAWQ, GEMM layout: ``qweight`` int32 [in, out / 8], ``qzeros`` int32 [in / group, out / 8], ``scales``
[in / group, out].

Within a word the columns stand in the order 0 2 4 6 1 3 5 7 (AutoAWQ, awq/utils/packing_utils.py).
"""

import numpy as np
from numpy.typing import NDArray

from engines.model.formats.packing import pack_int4, transposed, unpack_int4
from engines.model.formats.quantization import Quantization
from engines.model.tensor_files import TensorFiles
from engines.model.weights import Float, QuantizedLinear

ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def load(
    files: TensorFiles, name: str, quantization: Quantization, shape: tuple[int, int], bias: Float | None
) -> QuantizedLinear:
    out, inputs = shape
    group = inputs if quantization.group == -1 else quantization.group
    q = transposed(unpack_int4(files.take(f"{name}.qweight", (inputs, out // 8)), ORDER))
    scale = files.take(f"{name}.scales", (inputs // group, out)).astype(np.float32).T
    if quantization.symmetric and f"{name}.qzeros" not in files:
        zero = np.full(scale.shape, 8, np.uint8)
    else:
        zero = unpack_int4(files.take(f"{name}.qzeros", (inputs // group, out // 8)), ORDER).T
    return QuantizedLinear(q, np.ascontiguousarray(scale), np.ascontiguousarray(zero), group, bias)


def store(name: str, linear: QuantizedLinear) -> dict[str, NDArray[np.generic]]:
    """The tensors of one layer in this layout, as AutoAWQ-compatible readers expect them."""
    return {
        f"{name}.qweight": pack_int4(np.ascontiguousarray(linear.q.T), ORDER),
        f"{name}.qzeros": pack_int4(np.ascontiguousarray(linear.zero.T), ORDER),
        f"{name}.scales": np.ascontiguousarray(linear.scale.T).astype(np.float16),
    }
