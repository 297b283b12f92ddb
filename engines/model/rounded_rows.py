"""Matrices rounded to 8 bits, with a scale for each row."""

import numpy as np
from numpy.typing import NDArray

from engines.model.weights import Float

_LARGEST = 127
_LEAST = np.float32(1e-20)  # of a scale


def eight_bit_rows(weight: Float) -> tuple[NDArray[np.int8], Float]:
    """Codes [rows, columns] and scales [rows]."""
    scale = np.maximum(np.abs(weight).max(axis=1) / _LARGEST, _LEAST).astype(np.float32)
    return np.rint(weight / scale[:, None]).astype(np.int8), scale
