"""A card's share of a model in tensor parallel: some of the heads and of the MLP's features, of every layer; of a
mixture, some of every expert's features.

q, k, v, gate and up are cut along their outputs, o and down along their inputs, so that the cards' results of these two
add up to the layer's. Norms, routers, embedding and output layer are whole on every card; all choose the same experts.

Mixtures, and blocks of GGUF as they are, are cut between the kernels' units, in which scales and groups lie whole. That
was never run on several cards: it has to be asked for (``in_units``), and no setting does.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint, Norm, Projection
from engines.model.config import ModelConfig
from engines.model.weights import BlockLinear, DenseLinear, Float, Linear, QuantizedLinear, StoredRows, without_blocks
from engines.runtimes.cuda.arguments import MOST_CARDS
from engines.runtimes.cuda.block_columns import columns_of
from engines.runtimes.cuda.unit_words import CHUNK

_ALIGN = 8  # features of an MLP that are computed together
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
    """Card number ``rank`` of ``cards``. ``in_units``: as the module says; else features are cut in equal parts, blocks
    are expanded, and mixtures refused."""

    rank: int
    cards: int
    in_units: bool = False

    def of(self, config: ModelConfig) -> ModelConfig:
        """The share's sizes. Raises RuntimeUnavailable for a model that cannot be shared out so."""
        if config.output_bias or config.mlp_bias:
            raise RuntimeUnavailable("A model with biases behind attention or MLP runs on one card only.", _REMEDY)
        if config.experts is not None and not self.in_units:
            raise RuntimeUnavailable("A mixture of experts runs on one card only.", _REMEDY)
        if not self._divides(config, self.cards):
            inner = " or ".join(f"{size:,}" for size in sorted(_inner_sizes(config)))
            fitting = [str(cards) for cards in range(1, MOST_CARDS + 1) if self._divides(config, cards)]
            raise RuntimeUnavailable(
                f"A model with {config.num_heads} heads, {config.num_kv_heads} KV heads and {inner} features in its "
                f"MLPs cannot be shared out over {self.cards} cards.",
                f"Set model.gpus to {' or '.join(fitting)}.",
            )
        inner_size, experts = config.intermediate_size, config.experts
        if inner_size in _inner_sizes(config):
            inner_size = _length(self.features(inner_size))
        if experts is not None:
            experts = replace(experts, inner_size=_length(self.features(experts.inner_size)))
        return replace(
            config,
            num_heads=config.num_heads // self.cards,
            num_kv_heads=config.num_kv_heads // self.cards,
            intermediate_size=inner_size,
            experts=experts,
        )

    def features(self, size: int) -> slice:
        """Of an MLP's ``size`` features those that are computed here: as many whole units as the other cards have, or
        one more; of small or odd sizes as many features."""
        each = CHUNK if self.in_units and _has_units(size, self.cards) else _ALIGN
        return self._part(size // each, each)

    def cut(self, linear: Linear, projection: Projection) -> Linear:
        """The share of a projection's weights, in the form that they have. Blocks that cannot be cut there come in full
        precision."""
        if not self.in_units:
            linear = without_blocks(linear)
        size = linear.shape[1 if projection in ("o", "down") else 0]
        part = self.features(size) if projection in ("gate", "up", "down") else self._part(size)
        return (
            _inputs_of(linear, part, self.cards) if projection in ("o", "down") else linear.rows(part.start, part.stop)
        )

    def _divides(self, config: ModelConfig, cards: int) -> bool:
        """Whether so many cards can share the model."""
        inner = all(
            (self.in_units and _has_units(size, cards)) or size % (cards * _ALIGN) == 0 for size in _inner_sizes(config)
        )
        return cards == 1 or (inner and config.num_kv_heads % cards == 0 and config.num_heads % cards == 0)

    def _part(self, count: int, each: int = 1) -> slice:
        first, last = (number * count // self.cards for number in (self.rank, self.rank + 1))
        return slice(first * each, last * each)


def _inner_sizes(config: ModelConfig) -> set[int]:
    """Features of the MLPs and experts that the layers have."""
    of_layers = [config.experts_of(layer) for layer in range(config.num_layers)]
    return {config.intermediate_size if experts is None else experts.inner_size for experts in of_layers}


def _has_units(size: int, cards: int) -> bool:
    return size % CHUNK == 0 and size // CHUNK >= cards


def _length(part: slice) -> int:
    return int(part.stop - part.start)


def _inputs_of(linear: Linear, columns: slice, cards: int) -> Linear:
    if isinstance(linear, BlockLinear):
        rows = columns_of(linear.weight, columns)
        return DenseLinear(linear.dense()[:, columns]) if rows is None else BlockLinear(rows)
    if isinstance(linear, DenseLinear):
        return DenseLinear(linear.dense()[:, columns])
    if linear.input_order is not None or columns.start % linear.group or columns.stop % linear.group:
        raise RuntimeUnavailable(
            f"Weights in groups of {linear.group}"
            f"{' of reordered inputs' if linear.input_order is not None else ''} cannot be cut for {cards} cards.",
            _REMEDY,
        )
    groups = slice(columns.start // linear.group, columns.stop // linear.group)
    scale = None if linear.input_scale is None else linear.input_scale[columns]
    return QuantizedLinear(
        linear.q[:, columns], linear.scale[:, groups], linear.zero[:, groups], linear.group, None, scale
    )


class ShardedCheckpoint:
    """A checkpoint of which one share is seen. ``notes`` say what had to be decoded for it, of what was asked for so
    far."""

    def __init__(self, checkpoint: Checkpoint, shard: Shard) -> None:
        self._checkpoint, self._shard = checkpoint, shard
        self.folder, self.config = checkpoint.folder, shard.of(checkpoint.config)
        self.notes: dict[str, None] = {}

    def linear(self, layer: int, projection: Projection) -> Linear:
        return self._cut(self._checkpoint.linear(layer, projection), projection)

    def router(self, layer: int) -> Linear:
        return self._checkpoint.router(layer)

    def expert(self, layer: int, number: int, projection: Projection) -> Linear:
        return self._cut(without_reordering(self._checkpoint.expert(layer, number, projection)), projection)

    def norm(self, layer: int, norm: Norm) -> Float | None:
        return self._checkpoint.norm(layer, norm)

    def final_norm(self) -> Float:
        return self._checkpoint.final_norm()

    def lm_head(self) -> Linear:
        return self._checkpoint.lm_head()

    def embedding(self) -> StoredRows:
        return self._checkpoint.embedding()

    def _cut(self, linear: Linear, projection: Projection) -> Linear:
        share = self._shard.cut(linear, projection)
        if self._shard.in_units and isinstance(linear, BlockLinear) and not isinstance(share, BlockLinear):
            kind, cards = linear.weight.kind.name, self._shard.cards
            self.notes[f"Weights in {kind} whose blocks cannot be cut for {cards} cards are rounded to float16."] = None
        return share


def without_reordering(linear: Linear) -> Linear:
    """Without a change of its inputs, which rows would go through for each expert anew."""
    reorders = isinstance(linear, QuantizedLinear) and (
        linear.input_order is not None or linear.input_scale is not None
    )
    return DenseLinear(linear.dense(), linear.bias) if reorders else linear
