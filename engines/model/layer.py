"""Computes one decoder layer in plain float32 numpy, for the reference runtime and the quantizer's calibration.

The caller passes ``attend(q, k, v)``, which includes the rotation, since positions and pages are the caller's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engines.model.checkpoint import INNER, NORMS, PROJECTIONS, Checkpoint, Norm, Projection
from engines.model.config import ModelConfig
from engines.model.mixture import Mixture, activated
from engines.model.weights import Float

# q [T, heads, head_dim], k and v [T, kv_heads, head_dim] -> mixed values [T, heads * head_dim]
Attend = Callable[[Float, Float, Float], Float]


@dataclass(slots=True)
class DecoderLayer:
    """Effective weights [out, in] of a layer, its biases and norms. In place of gate, up and down may stand a
    ``mixture`` of experts. ``inputs`` keeps the last input of each projection when ``recording`` is set."""

    config: ModelConfig
    weights: dict[Projection, Float]
    biases: dict[Projection, Float | None]
    norms: dict[Norm, Float | None]
    mixture: Mixture | None = None
    recording: bool = False
    inputs: dict[Projection, Float] = field(default_factory=dict)

    @classmethod
    def load(cls, checkpoint: Checkpoint, layer: int) -> "DecoderLayer":
        mixture = Mixture.load(checkpoint, layer)
        names = [name for name in PROJECTIONS if mixture is None or name not in INNER]
        linears = {name: checkpoint.linear(layer, name) for name in names}
        return cls(
            checkpoint.config,
            {name: linear.dense() for name, linear in linears.items()},
            {name: linear.bias for name, linear in linears.items()},
            {name: checkpoint.norm(layer, name) for name in NORMS},
            mixture,
        )

    def __call__(self, x: Float, attend: Attend) -> Float:
        """[T, hidden] -> [T, hidden]."""
        x = x + self._optional_norm(self._attention(self._optional_norm(x, "input"), attend), "attention_output")
        return x + self._optional_norm(self._mlp(self._optional_norm(x, "mlp_input")), "mlp_output")

    def _attention(self, x: Float, attend: Attend) -> Float:
        config = self.config
        q, k = self._normed_heads("q", "query", x), self._normed_heads("k", "key", x)
        v = self._project("v", x).reshape(len(x), config.num_kv_heads, config.head_dim)
        return self._project("o", attend(q, k, v))

    def _normed_heads(self, name: Projection, norm: Norm, x: Float) -> Float:
        """[T, heads, head_dim]"""
        projected = self._project(name, x)
        heads = projected.reshape(len(x), -1, self.config.head_dim)
        if self.config.qk_norm_whole:
            return self._optional_norm(projected, norm).reshape(heads.shape)
        return self._optional_norm(heads, norm)

    def _mlp(self, x: Float) -> Float:
        if self.mixture is not None:
            return self.mixture(x)
        gate = self._project("gate", x)
        return self._project("down", activated(gate, self.config) * self._project("up", x))

    def _project(self, name: Projection, x: Float) -> Float:
        if self.recording:
            self.inputs[name] = x
        y = x @ self.weights[name].T
        bias = self.biases[name]
        return y if bias is None else y + bias

    def _optional_norm(self, x: Float, name: Norm) -> Float:
        weight = self.norms[name]
        return x if weight is None else rms_norm(x, weight, self.config.norm_eps)


def rms_norm(x: Float, weight: Float, eps: float) -> Float:
    """Root mean square normalisation over the last axis (Zhang and Sennrich, 2019)."""
    scale = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(eps))
    return np.asarray(x * scale * weight, dtype=np.float32)
