"""A card's share of a model in tensor parallel: some of the heads and of the MLP's features, of every layer.

q, k, v, gate and up are cut along their outputs, o and down along their inputs, so that the cards' results of these two
add up to the layer's. Norms, embedding and output layer are whole on every card.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint, Norm, Projection
from engines.model.config import ModelConfig
from engines.model.weights import DenseLinear, Float, Linear, QuantizedLinear, StoredRows, without_blocks

_ALIGN = 8  # features of the MLP that are computed together
_REMEDY = "Set model.gpus to 1."


class Weights(Protocol):
    """What of ``Checkpoint`` is packed."""

    @property
    def folder(self) -> Path: ...

    @property
    def config(self) -> ModelConfig: ...

    def linear(self, layer: int, projection: Projection) -> Linear: ...

    def router(self, layer: int) -> Linear: ...

    def expert(self, layer: int, number: int, projection: Projection) -> Linear: ...

    def norm(self, layer: int, norm: Norm) -> Float | None: ...

    def final_norm(self) -> Float: ...

    def lm_head(self) -> Linear: ...

    def embedding(self) -> StoredRows: ...


@dataclass(frozen=True, slots=True)
class Shard:
    """Card number ``rank`` of ``cards``."""

    rank: int
    cards: int

    def of(self, config: ModelConfig) -> ModelConfig:
        """The share's sizes. Raises RuntimeUnavailable for a model that cannot be shared out so."""
        cards = self.cards
        if config.num_kv_heads % cards or config.num_heads % cards or config.intermediate_size % (cards * _ALIGN):
            raise RuntimeUnavailable(
                f"A model with {config.num_kv_heads} KV heads and {config.intermediate_size} features in its MLP "
                f"cannot be shared out over {cards} cards.",
                "Set model.gpus to a number that divides the heads.",
            )
        if config.experts is not None:
            raise RuntimeUnavailable("A mixture of experts runs on one card only.", _REMEDY)
        if config.output_bias or config.mlp_bias:
            raise RuntimeUnavailable("A model with biases behind attention or MLP runs on one card only.", _REMEDY)
        return replace(
            config,
            num_heads=config.num_heads // cards,
            num_kv_heads=config.num_kv_heads // cards,
            intermediate_size=config.intermediate_size // cards,
        )

    def cut(self, linear: Linear, projection: Projection) -> Linear:
        """The share of a projection's weights."""
        linear = without_blocks(linear)
        if projection in ("o", "down"):
            return self._inputs_of(linear)
        rows = self._part(linear.shape[0])
        bias = None if linear.bias is None else linear.bias[rows]
        if isinstance(linear, DenseLinear):
            return DenseLinear(linear.weight[rows], bias)
        return replace(linear, q=linear.q[rows], scale=linear.scale[rows], zero=linear.zero[rows], bias=bias)

    def _inputs_of(self, linear: DenseLinear | QuantizedLinear) -> Linear:
        columns = self._part(linear.shape[1])
        if isinstance(linear, DenseLinear):
            return DenseLinear(linear.dense()[:, columns])
        if linear.input_order is not None or (columns.stop - columns.start) % linear.group:
            raise RuntimeUnavailable(
                f"Weights in groups of {linear.group}"
                f"{' of reordered inputs' if linear.input_order is not None else ''} cannot be cut for "
                f"{self.cards} cards.",
                _REMEDY,
            )
        groups = slice(columns.start // linear.group, columns.stop // linear.group)
        scale = None if linear.input_scale is None else linear.input_scale[columns]
        return QuantizedLinear(
            linear.q[:, columns], linear.scale[:, groups], linear.zero[:, groups], linear.group, None, scale
        )

    def _part(self, size: int) -> slice:
        each = size // self.cards
        return slice(self.rank * each, (self.rank + 1) * each)


class ShardedCheckpoint:
    """A checkpoint of which one share is seen."""

    def __init__(self, checkpoint: Checkpoint, shard: Shard) -> None:
        self._checkpoint, self._shard = checkpoint, shard
        self.folder, self.config = checkpoint.folder, shard.of(checkpoint.config)

    def linear(self, layer: int, projection: Projection) -> Linear:
        return self._shard.cut(self._checkpoint.linear(layer, projection), projection)

    def router(self, layer: int) -> Linear:
        return self._checkpoint.router(layer)

    def expert(self, layer: int, number: int, projection: Projection) -> Linear:
        return self._checkpoint.expert(layer, number, projection)

    def norm(self, layer: int, norm: Norm) -> Float | None:
        return self._checkpoint.norm(layer, norm)

    def final_norm(self) -> Float:
        return self._checkpoint.final_norm()

    def lm_head(self) -> Linear:
        return self._checkpoint.lm_head()

    def embedding(self) -> StoredRows:
        return self._checkpoint.embedding()
