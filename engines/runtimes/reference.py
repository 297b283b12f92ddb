"""The model in plain float32 numpy: slow, short, and what the other runtimes are compared with.

Weights are dequantised once. Nothing here is fused, so that each line can be read against a model's definition.
"""

import numpy as np
from numpy.typing import NDArray

from engines.attention import PagedAttention
from engines.checkpoint import PROJECTIONS, Checkpoint, Projection
from engines.rope import rotate
from engines.runtime import StepBatch
from engines.weights import Float


class ReferenceRuntime:
    """``max_context`` bounds a sequence, the model's own limit is the default."""

    name = "reference"

    def __init__(self, checkpoint: Checkpoint, num_pages: int, max_context: int | None = None) -> None:
        self.spec = checkpoint.spec
        self.num_pages = num_pages
        self.max_context = min(max_context or self.spec.max_context, self.spec.max_context)
        self._attention = PagedAttention(self.spec, num_pages, self.max_context)
        self._embedding = checkpoint.embedding()
        self._head = checkpoint.lm_head().dense()
        self._final_norm = checkpoint.final_norm()
        self._weights: list[dict[Projection, tuple[Float, Float | None]]] = []
        self._norms: list[dict[str, Float | None]] = []
        for layer in range(self.spec.num_layers):
            linears = {name: checkpoint.linear(layer, name) for name in PROJECTIONS}
            self._weights.append({name: (linear.dense(), linear.bias) for name, linear in linears.items()})
            self._norms.append(
                {
                    "input": checkpoint.norm(layer, "input"),
                    "attention_output": checkpoint.norm(layer, "attention_output"),
                    "mlp_input": checkpoint.norm(layer, "mlp_input"),
                    "mlp_output": checkpoint.norm(layer, "mlp_output"),
                    "query": checkpoint.norm(layer, "query"),
                    "key": checkpoint.norm(layer, "key"),
                }
            )

    @property
    def vocab_size(self) -> int:
        return self.spec.vocab_size

    def copy_page(self, source: int, target: int) -> None:
        self._attention.copy_page(source, target)

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        x = self._embedding[batch.tokens] * np.float32(self.spec.embedding_scale)
        for layer in range(self.spec.num_layers):
            x = x + self._normed(self._attend(layer, self._norm(x, layer, "input"), batch), layer, "attention_output")
            x = x + self._normed(self._mlp(layer, self._norm(x, layer, "mlp_input")), layer, "mlp_output")
        logits = self._rms(x[batch.logits_for], self._final_norm) @ self._head.T
        if self.spec.logit_softcap is not None:
            cap = np.float32(self.spec.logit_softcap)
            logits = np.tanh(logits / cap) * cap
        return np.asarray(logits, dtype=np.float32)

    def _attend(self, layer: int, x: Float, batch: StepBatch) -> Float:
        spec = self.spec
        q = self._project(layer, "q", x).reshape(len(x), spec.num_heads, spec.head_dim)
        k = self._project(layer, "k", x).reshape(len(x), spec.num_kv_heads, spec.head_dim)
        v = self._project(layer, "v", x).reshape(len(x), spec.num_kv_heads, spec.head_dim)
        if spec.qk_norm:
            q, k = self._norm(q, layer, "query"), self._norm(k, layer, "key")
        cos, sin = self._attention.cos[batch.positions], self._attention.sin[batch.positions]
        mixed = self._attention(layer, rotate(q, cos, sin), rotate(k, cos, sin), v, batch)
        return self._project(layer, "o", mixed)

    def _mlp(self, layer: int, x: Float) -> Float:
        gate = self._project(layer, "gate", x)
        if self.spec.activation == "silu":
            activated = gate / (1 + np.exp(-gate))
        else:
            activated = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        return self._project(layer, "down", (activated * self._project(layer, "up", x)).astype(np.float32))

    def _project(self, layer: int, name: Projection, x: Float) -> Float:
        weight, bias = self._weights[layer][name]
        y = x @ weight.T
        return y if bias is None else y + bias

    def _norm(self, x: Float, layer: int, name: str) -> Float:
        weight = self._norms[layer][name]
        assert weight is not None, f"layer {layer} has no norm {name}"
        return self._rms(x, weight)

    def _normed(self, x: Float, layer: int, name: str) -> Float:
        weight = self._norms[layer][name]
        return x if weight is None else self._rms(x, weight)

    def _rms(self, x: Float, weight: Float) -> Float:
        scale = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(self.spec.norm_eps))
        return np.asarray(x * scale * weight, dtype=np.float32)
