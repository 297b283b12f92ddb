"""Applies the rotary position embedding to queries and keys (Su et al., "RoFormer", 2021).

The layout is that of Hugging Face checkpoints: dimension i is paired with i + rotary_dim / 2.
"""

import numpy as np

from engines.model.weights import Float


def rotate(x: Float, cos: Float, sin: Float) -> Float:
    """``x`` [tokens, heads, head_dim]; ``cos`` and ``sin`` [tokens, rotary_dim / 2]. The rest passes."""
    half = cos.shape[-1]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    c, s = cos[:, None, :], sin[:, None, :]
    return np.concatenate([first * c - second * s, second * c + first * s, rest], axis=-1)
