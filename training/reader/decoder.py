"""A decoder's layers as an encoder: without the causal mask, so that every token attends to its whole sequence.

What a decoder learnt from trillions of tokens is in its weights, whichever way they look; tuning teaches them to look
both ways (LLM2Vec, arXiv 2404.05961, does so by hidden words). The network is that of ``training.nano.model``.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.nano.model import Block, NanoConfig, Norm, Rounded, load_nano, rope_table
from training.reader.attention import attend


@dataclass(frozen=True)
class DecoderConfig(NanoConfig):
    exit_layer: int = 0  # a reader also answers after this many layers; 0: only after the last


class TwoWayDecoder(Rounded):
    """Takes the place of ``Encoder`` in a reader: flat tokens -> [tokens, hidden]."""

    config: DecoderConfig

    def __init__(self, c: DecoderConfig, dropout: float = 0.1) -> None:
        super().__init__()
        self.config = c
        self.dropout = dropout
        self.words = nn.Embedding(c.vocab_size, c.hidden_size)
        self.types = nn.Embedding(2, c.hidden_size)
        nn.init.zeros_(self.types.weight)
        self.layers = nn.ModuleList(Block(c) for _ in range(c.num_hidden_layers))
        self.norm = Norm(c.hidden_size, c.rms_norm_eps)

    @property
    def blocks(self) -> list[Block]:
        """The members of ``layers`` with their type; ``ModuleList`` itself says only that they are modules."""
        return cast(list[Block], list(self.layers))

    def embed(self, ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        """``positions`` are counted from ``cu`` in ``run``, where they turn queries and keys."""
        return F.dropout(self.words(ids) + self.types(types), self.dropout, self.training)

    def run(self, x: Tensor, cu: Tensor, longest: int, layers: slice) -> Tensor:
        at = torch.arange(len(x), device=x.device)
        sequence = torch.bucketize(at, cu[1:].long(), right=True).clamp(max=len(cu) - 2)
        positions = (at - cu[sequence]).clamp(0, longest - 1)
        cos, sin = (t[positions].to(x.dtype) for t in rope_table(self.config, longest, x.device))
        for layer in self.blocks[layers]:
            added = layer.packed(x, cos, sin, cu, longest, attend) - x
            x = x + F.dropout(added, self.dropout, self.training)
        return x

    def finish(self, x: Tensor) -> Tensor:
        """What the heads read."""
        return cast(Tensor, self.norm(x))


def from_nano(folder: Path, dropout: float, layers: Sequence[int], exit_layer: int) -> TwoWayDecoder:
    """Takes the layers of a folder of ``training.nano.model.save_nano``; ``layers`` repeats or drops some."""
    nano = load_nano(folder)
    order = list(layers) or list(range(nano.config.num_hidden_layers))
    config = replace(DecoderConfig(**asdict(nano.config)), num_hidden_layers=len(order), exit_layer=exit_layer)
    made = TwoWayDecoder(config, dropout)
    state = nano.state_dict()
    kept = {"words.weight": state["embed_tokens.weight"], "norm.weight": state["norm.weight"]}
    for i, source in enumerate(order):
        start = f"layers.{source}."
        kept |= {f"layers.{i}.{k.removeprefix(start)}": v for k, v in state.items() if k.startswith(start)}
    made.load_state_dict(made.state_dict() | kept)
    return made


def is_decoder(folder: Path) -> bool:
    """Whether a folder holds a decoder of the Llama layout rather than a BERT."""
    kind: str = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", "bert")
    return kind == "llama"


def config_of(raw: dict[str, object]) -> DecoderConfig | None:
    """The configuration that a reader's file holds, if it is a decoder's."""
    names = {f.name for f in fields(DecoderConfig)}
    return DecoderConfig(**raw) if "rope_theta" in raw and raw.keys() <= names else None  # type: ignore[arg-type]
