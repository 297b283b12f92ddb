"""Rounds weights to INT4 by GPTQ (Frantar et al., 2022): what rounding one input's weights adds to the outputs is taken
back by the weights of the inputs that are not rounded yet.
"""

import math

import numpy as np

from engines.model.weights import Float, QuantizedLinear
from engines.quantize.awq import round_to_nearest

DAMPING = 0.01  # of the mean second moment, as published
_BLOCK = 64  # inputs whose corrections to all later ones are applied together


def hessian(inputs: Float, scale: Float | None = None) -> Float:
    """Second moments [in, in] of ``inputs`` [tokens, in], divided by ``scale`` [in]; the sum over tokens."""
    moments = inputs.T @ inputs
    return np.asarray(moments if scale is None else moments / (scale[:, None] * scale), dtype=np.float32)


def round_gptq(
    weight: Float, moments: Float, group: int, symmetric: bool, keep: Float | None = None
) -> QuantizedLinear:
    """Like ``round_to_nearest``, but so that ``inputs @ W.T`` changes least, not every weight by itself.

    The ranges of a group are those of its weights when their turn comes; ``keep`` narrows them."""
    out, size = weight.shape
    upper = _inverse_factor(moments)
    left = weight.astype(np.float32).copy()
    q = np.empty((out, size), np.uint8)
    scale = np.empty((out, size // group), np.float32)
    zero = np.empty((out, size // group), np.uint8)
    block = math.gcd(_BLOCK, group)
    for start in range(0, size, block):
        stop = start + block
        number = start // group
        if start % group == 0:
            here = left[:, start : start + group]
            ranged = round_to_nearest(here, group, symmetric, None if keep is None else keep[:, number : number + 1])
            scale[:, number], zero[:, number] = ranged.scale[:, 0], ranged.zero[:, 0]
        steps, zeros = scale[:, number], zero[:, number].astype(np.float32)
        errors = np.empty((out, stop - start), np.float32)
        for i in range(start, stop):
            values = np.clip(np.round(left[:, i] / steps) + zeros, 0, 15)
            q[:, i] = values
            error = (left[:, i] - (values - zeros) * steps) / upper[i, i]
            left[:, i + 1 : stop] -= error[:, None] * upper[i, i + 1 : stop]
            errors[:, i - start] = error
        left[:, stop:] -= errors @ upper[start:stop, stop:]
    return QuantizedLinear(q, scale, zero, group)


def _inverse_factor(moments: Float) -> Float:
    """The upper triangle U with U.T @ U = inverse of the damped moments."""
    damped = moments.astype(np.float64)
    unused = np.diag(damped) <= 0
    damped[unused, unused] = 1.0
    damped[np.diag_indices_from(damped)] += DAMPING * np.diag(damped).mean()
    return np.asarray(np.linalg.cholesky(np.linalg.inv(damped)).T, dtype=np.float32)
