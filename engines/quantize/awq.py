"""Activation-aware weight quantisation (Lin et al., "AWQ", 2023): rounding, search for input scales, clipping."""

from collections.abc import Sequence

import numpy as np

from engines.model.weights import Float, QuantizedLinear

SCALE_STEPS = 20  # exponents 0, 1/20 ... 19/20, as published
CLIP_STEPS = 10  # a range may shrink to half in steps of 5 %, as published


def round_to_nearest(weight: Float, group: int, symmetric: bool, keep: Float | None = None) -> QuantizedLinear:
    """INT4 in groups along the input. ``keep`` [out, in / group] (0..1) narrows each group's range before rounding."""
    out, inputs = weight.shape
    grouped = weight.reshape(out, inputs // group, group)
    factor = np.float32(1) if keep is None else keep
    if symmetric:
        scale = np.abs(grouped).max(-1) * factor / 7
        zero = np.full(scale.shape, 8, np.float32)
    else:
        low, high = np.minimum(grouped.min(-1), 0) * factor, np.maximum(grouped.max(-1), 0) * factor
        scale = (high - low) / 15
        zero = np.clip(np.round(-low / np.maximum(scale, 1e-9)), 0, 15)
    # Scales are stored as float16, so the rounding below must see what a reader will.
    scale = np.maximum(scale, 1e-7).astype(np.float16).astype(np.float32)
    q = np.clip(np.round(grouped / scale[..., None]) + zero[..., None], 0, 15)
    return QuantizedLinear(q.astype(np.uint8).reshape(out, inputs), scale, zero.astype(np.uint8), group)


def search_input_scale(inputs: Float, weights: Sequence[Float], group: int, symmetric: bool) -> Float:
    """The scale s [in] for which quantising ``W * s`` and dividing the input by s changes the outputs of ``weights``
    (all fed by ``inputs`` [tokens, in]) least. ``s = mean(|x|) ** a`` with a searched on a grid; a = 0 is on it."""
    magnitude = np.maximum(np.abs(inputs).mean(0), 1e-4)
    best, best_loss = np.ones(len(magnitude), np.float32), np.inf
    for step in range(SCALE_STEPS):
        scale = magnitude ** np.float32(step / SCALE_STEPS)
        scale = np.maximum(scale, 1e-4)
        scale = (scale / np.sqrt(scale.max() * scale.min())).astype(np.float32)
        loss = sum(_output_error(inputs, weight, scale, group, symmetric) for weight in weights)
        if loss < best_loss:
            best, best_loss = scale, loss
    return best


def _output_error(inputs: Float, weight: Float, scale: Float, group: int, symmetric: bool) -> float:
    difference = round_to_nearest(weight * scale, group, symmetric).dense() / scale - weight
    return float(np.square(inputs @ difference.T).sum(dtype=np.float64))


def search_clipping(inputs: Float, weight: Float, group: int, symmetric: bool) -> Float:
    """How much of each group's range to keep, [out, in / group] in 0.5..1, so that the group's own contribution to the
    output changes least."""
    out, size = weight.shape
    groups = size // group
    by_group = inputs.reshape(len(inputs), groups, group).transpose(1, 2, 0)  # [groups, group, tokens]
    # The squared error over all tokens is d @ gram @ d: cheaper than the error of each token, and small.
    gram = by_group @ by_group.transpose(0, 2, 1)  # [groups, group, group]
    best = np.ones((out, groups), np.float32)
    best_loss = np.full((out, groups), np.inf)
    for step in range(CLIP_STEPS + 1):
        keep = np.full((out, groups), 1 - 0.5 * step / CLIP_STEPS, np.float32)
        difference = round_to_nearest(weight, group, symmetric, keep).dense() - weight
        d = difference.reshape(out, groups, group).transpose(1, 0, 2)  # [groups, out, group]
        loss = np.einsum("gok,gok->og", d @ gram, d)
        better = loss < best_loss
        best[better], best_loss[better] = keep[better], loss[better]
    return best
