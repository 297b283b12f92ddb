"""Whether this processor's products of 8 bits overflow in ONNX Runtime.

Without VNNI, x86 processors add two such products in 16 bits, where weights of the full range overflow: a model then
computes something else than on other processors. What mends that is slow where nothing overflows, so it is tried out.
"""

import base64
from functools import cache

import numpy as np
import onnxruntime

# y = MatMulInteger(x, w): x uint8 and w int8 in two dimensions of any size
_PRODUCT = (
    "CAk6YgoYCgF4CgF3EgF5Ig1NYXRNdWxJbnRlZ2VyEgFnWhUKAXgSEAoOCAISCgoDEgFhCgMSAWJaFQoBdxIQCg4IAxIKCgMSAWIK"
    "AxIBY2IVCgF5EhAKDggGEgoKAxIBYQoDEgFjQgQKABAS"
)
_WIDTH = 64


@cache
def products_overflow() -> bool:
    """Whether a product of the largest values is wrong."""
    session = onnxruntime.InferenceSession(base64.b64decode(_PRODUCT), providers=["CPUExecutionProvider"])
    x = np.full((1, _WIDTH), 255, dtype=np.uint8)
    w = np.full((_WIDTH, _WIDTH), 127, dtype=np.int8)
    (y,) = session.run(None, {"x": x, "w": w})
    return bool((np.asarray(y) != _WIDTH * 255 * 127).any())
