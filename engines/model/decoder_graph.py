"""The decoder graph: what a decoder computes between its attentions, described once for every lowering.

A model of L layers is L + 1 subgraphs, each from flat tokens to flat tokens:

    first            norm, qkv of layer 0
    middle (L - 1)   o_proj, residual, norm, MLP, residual, norm, qkv of the next layer
    last             o_proj, residual, norm, MLP, residual, norm, lm_head, on the rows whose logits are asked for

In place of an MLP may stand a mixture of experts.
Between two subgraphs stands attention: rotation, pages, softmax. A ``Builder`` gives the few operations a meaning: ONNX
nodes, TensorRT layers.
"""

from typing import Literal, Protocol, TypeVar

from engines.model.checkpoint import Norm, Projection
from engines.model.config import ModelConfig

V = TypeVar("V")  # a value of the builder: the name of a tensor, a handle
NormAt = tuple[int, Norm] | Literal["final"]


class Builder(Protocol[V]):
    """Operations on values [..., features]. Weights are looked up by layer and role."""

    def linear(self, x: V, layer: int, *projections: Projection) -> tuple[V, ...]:
        """Projections that read the same input, biases included; one value for each."""
        ...

    def head(self, x: V) -> V:
        """lm_head: [..., hidden] -> [..., vocabulary]."""
        ...

    def norm(self, x: V, norm: NormAt) -> V: ...

    def add_norm(self, residual: V, change: V, norm: NormAt) -> tuple[V, V]:
        """The sum of both, and that sum normalised."""
        ...

    def total(self, residual: V, change: V) -> V:
        """The sum of both, which takes the place of the residual stream."""
        ...

    def head_norm(self, x: V, norm: NormAt, heads: int) -> V:
        """Normalises each of ``heads`` equal parts of the features: [..., features] -> the same."""
        ...

    def gated(self, gate: V, up: V) -> V:
        """activation(gate) * up."""
        ...

    def experts(self, x: V, layer: int) -> V:
        """What the experts of a layer that a router chooses for each row give, weighted and added up."""
        ...

    def softcap(self, x: V, cap: float) -> V:
        """cap * tanh(x / cap)."""
        ...

    def select(self, x: V) -> V:
        """The rows whose logits are asked for: [..., features] -> [N, features]."""
        ...


def first(builder: Builder[V], config: ModelConfig, x: V, layer: int = 0) -> tuple[V, tuple[V, V, V]]:
    """Embedded and scaled tokens, or the residual stream before a later ``layer`` -> residual stream and that layer's
    q, k, v (q [..., heads * head_dim], k and v [..., kv_heads * head_dim], not yet rotated)."""
    return x, _project(builder, config, layer, builder.norm(x, (layer, "input")) if config.pre_norms else x)


def middle(builder: Builder[V], config: ModelConfig, layer: int, residual: V, mixed: V) -> tuple[V, tuple[V, V, V]]:
    """From the attention of ``layer`` (``mixed`` [..., heads * head_dim]) to q, k, v of the next one."""
    residual, change = _feed_forward(builder, config, layer, residual, mixed)
    residual, normed = _added(builder, config, residual, change, (layer + 1, "input"))
    return residual, _project(builder, config, layer + 1, normed)


def last(builder: Builder[V], config: ModelConfig, residual: V, mixed: V) -> V:
    """From the last layer's attention to logits. Rows nobody asks for are dropped first: no later step needs them."""
    residual, mixed = builder.select(residual), builder.select(mixed)
    residual, change = _feed_forward(builder, config, config.num_layers - 1, residual, mixed)
    _, normed = builder.add_norm(residual, change, "final")
    logits = builder.head(normed)
    return logits if config.logit_softcap is None else builder.softcap(logits, config.logit_softcap)


def _project(builder: Builder[V], config: ModelConfig, layer: int, normed: V) -> tuple[V, V, V]:
    q, k, v = builder.linear(normed, layer, "q", "k", "v")
    if config.qk_norm:
        q = builder.head_norm(q, (layer, "query"), 1 if config.qk_norm_whole else config.num_heads)
        k = builder.head_norm(k, (layer, "key"), 1 if config.qk_norm_whole else config.num_kv_heads)
    return q, k, v


def _feed_forward(builder: Builder[V], config: ModelConfig, layer: int, residual: V, mixed: V) -> tuple[V, V]:
    """The residual stream after attention, and what the MLP is to add to it."""
    (change,) = builder.linear(mixed, layer, "o")
    if config.post_norms:
        change = builder.norm(change, (layer, "attention_output"))
    residual, normed = _added(builder, config, residual, change, (layer, "mlp_input"))
    if config.experts_of(layer) is not None:
        change = builder.experts(normed, layer)
    else:
        gate, up = builder.linear(normed, layer, "gate", "up")
        (change,) = builder.linear(builder.gated(gate, up), layer, "down")
    if config.post_norms:
        change = builder.norm(change, (layer, "mlp_output"))
    return residual, change


def _added(builder: Builder[V], config: ModelConfig, residual: V, change: V, norm: NormAt) -> tuple[V, V]:
    """The sum, and what attention or MLP read of it."""
    if config.pre_norms:
        return builder.add_norm(residual, change, norm)
    total = builder.total(residual, change)
    return total, total
