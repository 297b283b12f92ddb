"""GPTQ: ``qweight`` int32 [in / 8, out] packed along the input, ``qzeros`` int32 [in / group, out / 8], ``scales``
[in / group, out], ``g_idx`` [in] naming each input's group.

With act-order the groups are scattered over the inputs. Sorting the inputs by group makes them contiguous again, at the
price of permuting the activations (``input_order``).
"""

import numpy as np
from numpy.typing import NDArray

from engines.errors import UnsupportedModel
from engines.model.formats.packing import pack_int4, unpack_int4
from engines.model.formats.quantization import Quantization
from engines.model.tensor_files import TensorFiles
from engines.model.weights import Float, QuantizedLinear


def load(
    files: TensorFiles, name: str, quantization: Quantization, shape: tuple[int, int], bias: Float | None
) -> QuantizedLinear:
    out, inputs = shape
    group = inputs if quantization.group == -1 else quantization.group
    q = unpack_int4(np.ascontiguousarray(files.take(f"{name}.qweight", (inputs // 8, out)).T))
    scale = files.take(f"{name}.scales", (inputs // group, out)).astype(np.float32).T
    zero = unpack_int4(files.take(f"{name}.qzeros", (inputs // group, out // 8))).T + int(quantization.zero_plus_one)
    if zero.max(initial=0) > 15:
        raise UnsupportedModel(f"{name} has a zero point of 16.", "It does not fit into 4 bits; use another model.")
    order = None
    if f"{name}.g_idx" in files:
        groups = files.take(f"{name}.g_idx", (inputs,)).astype(np.int64)
        if not np.array_equal(groups, np.arange(inputs) // group):
            order = np.argsort(groups, kind="stable")
            if not np.array_equal(groups[order], np.arange(inputs) // group):
                raise UnsupportedModel(f"The groups of {name} differ in size.", "Use a model without act-order.")
            q = q[:, order]
    return QuantizedLinear(
        np.ascontiguousarray(q),
        np.ascontiguousarray(scale),
        np.ascontiguousarray(zero.astype(np.uint8)),
        group,
        bias,
        input_order=order,
    )


def store(name: str, linear: QuantizedLinear) -> dict[str, NDArray[np.generic]]:
    """The tensors of one layer in the second version of this layout, whose zero points are stored as they are."""
    return {
        f"{name}.qweight": np.ascontiguousarray(pack_int4(linear.q).T),
        f"{name}.qzeros": pack_int4(np.ascontiguousarray(linear.zero.T)),
        f"{name}.scales": np.ascontiguousarray(linear.scale.T).astype(np.float16),
        f"{name}.g_idx": (np.arange(linear.shape[1]) // linear.group).astype(np.int32),
    }
