"""Computes a mixture of experts in plain float32 numpy: the reference for what other runtimes make of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.model.checkpoint import INNER, Checkpoint
from engines.model.config import ModelConfig
from engines.model.weights import Float


@dataclass(frozen=True, slots=True)
class Mixture:
    """``router`` [experts, hidden]; of each expert the weights of gate and up [inner, hidden] and of down [hidden,
    inner]."""

    config: ModelConfig
    router: Float
    experts: tuple[tuple[Float, Float, Float], ...]

    @classmethod
    def load(cls, checkpoint: Checkpoint, layer: int) -> "Mixture | None":
        """None for a layer with one MLP."""
        experts = checkpoint.config.experts_of(layer)
        if experts is None:
            return None
        numbers = range(experts.count)
        weights = [tuple(checkpoint.expert(layer, number, name).dense() for name in INNER) for number in numbers]
        return cls(checkpoint.config, checkpoint.router(layer).dense(), tuple((g, u, d) for g, u, d in weights))

    def __call__(self, x: Float) -> Float:
        """[T, hidden] -> [T, hidden]"""
        chosen, weights = self.choice(x @ self.router.T)
        y = np.zeros_like(x)
        for number, (gate, up, down) in enumerate(self.experts):
            rows, place = np.nonzero(chosen == number)
            inner = activated(x[rows] @ gate.T, self.config) * (x[rows] @ up.T)
            y[rows] += weights[rows, place][:, None] * (inner @ down.T)
        return y

    def choice(self, logits: Float) -> tuple[NDArray[np.int64], Float]:
        """[T, experts] -> which experts each token passes, and their weights, [T, chosen]. Of equal ones the first is
        taken."""
        experts = self.config.experts
        assert experts is not None, "this model has no experts"
        exponentials = np.exp(logits - logits.max(-1, keepdims=True))
        chosen = np.argsort(-logits, axis=-1, kind="stable")[:, : experts.chosen]
        weights = np.take_along_axis(exponentials, chosen, axis=-1)
        total = (weights if experts.normalised else exponentials).sum(-1, keepdims=True)
        return chosen, weights / total


def activated(gate: Float, config: ModelConfig) -> Float:
    """What an MLP makes of its gate."""
    if config.activation == "silu":
        return np.asarray(gate / (1 + np.exp(-gate)), np.float32)
    bent = np.tanh(np.float32(np.sqrt(2 / np.pi)) * (gate + 0.044715 * gate**3))
    return np.asarray(0.5 * gate * (1 + bent), np.float32)
