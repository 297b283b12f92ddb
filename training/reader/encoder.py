"""The MiniLM encoder over flat tokens, with the heads of the reader and of the embedder.

A batch is one flat row of tokens; ``cu`` holds the cumulative sequence lengths, so there is no padding inside
sequences. On CUDA attention is a variable-length flash kernel, elsewhere a masked reference (tests, tiny runs).
Weights are loaded and saved under the Hugging Face BERT names.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.reader.attention import attend
from training.reader.decoder import DecoderConfig, TwoWayDecoder, config_of, from_nano, is_decoder

SPAN_WIDTH = 30  # longest answer in word pieces


@dataclass(frozen=True)
class EncoderConfig:
    vocab_size: int = 30522
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 12
    intermediate_size: int = 1536
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    exit_layer: int = 0  # a reader also answers after this many layers; 0: only after the last


class Layer(nn.Module):
    def __init__(self, c: EncoderConfig) -> None:
        super().__init__()
        h = c.hidden_size
        self.heads = c.num_attention_heads
        self.qkv = nn.Linear(h, 3 * h)
        self.out = nn.Linear(h, h)
        self.norm1 = nn.LayerNorm(h, eps=1e-12)
        self.up = nn.Linear(h, c.intermediate_size)
        self.down = nn.Linear(c.intermediate_size, h)
        self.norm2 = nn.LayerNorm(h, eps=1e-12)

    def forward(self, x: Tensor, cu: Tensor, longest: int, dropout: float) -> Tensor:
        q, k, v = self.qkv(x).view(len(x), 3, self.heads, -1).unbind(1)
        a = attend(q.contiguous(), k.contiguous(), v.contiguous(), cu, longest).reshape(len(x), -1)
        x = self.norm1(x + F.dropout(self.out(a), dropout, self.training))
        out: Tensor = self.norm2(x + F.dropout(self.down(F.gelu(self.up(x))), dropout, self.training))
        return out


class Encoder(nn.Module):
    def __init__(self, c: EncoderConfig, dropout: float = 0.1) -> None:
        super().__init__()
        self.config = c
        self.dropout = dropout
        self.words = nn.Embedding(c.vocab_size, c.hidden_size)
        self.positions = nn.Embedding(c.max_position_embeddings, c.hidden_size)
        self.types = nn.Embedding(c.type_vocab_size, c.hidden_size)
        self.norm = nn.LayerNorm(c.hidden_size, eps=1e-12)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.num_hidden_layers))

    @property
    def blocks(self) -> list[Layer]:
        """The members of ``layers`` with their type; ``ModuleList`` itself says only that they are modules."""
        return cast(list[Layer], list(self.layers))

    def embed(self, ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        x = self.norm(self.words(ids) + self.types(types) + self.positions(positions))
        return F.dropout(x, self.dropout, self.training)

    def run(self, x: Tensor, cu: Tensor, longest: int, layers: slice) -> Tensor:
        for layer in self.blocks[layers]:
            x = layer(x, cu, longest, self.dropout)
        return x

    def finish(self, x: Tensor) -> Tensor:
        """What the heads read: the last layer has its norm already."""
        return x

    def forward(self, ids: Tensor, types: Tensor, positions: Tensor, cu: Tensor, longest: int) -> Tensor:
        """Flat [tokens] -> [tokens, hidden]."""
        return self.run(self.embed(ids, types, positions), cu, longest, slice(None))


# ends [tokens, 2], band [tokens, SPAN_WIDTH], relevance [sequences], support [sequences]
Output = tuple[Tensor, Tensor, Tensor, Tensor]


class Heads(nn.Module):
    """Relevance of a passage to a question, and the answer's span: s_i + e_j + a bilinear term, CLS = no answer; and
    how far the passage supports what stands in the question's place, where that is a statement."""

    def __init__(self, hidden: int, pair: int) -> None:
        super().__init__()
        self.ends = nn.Linear(hidden, 2)
        self.left = nn.Linear(hidden, pair)
        self.right = nn.Linear(hidden, pair)
        self.pool = nn.Linear(hidden, hidden)
        self.relevance = nn.Linear(hidden, 1)
        self.pool_claim = nn.Linear(hidden, hidden)
        self.support = nn.Linear(hidden, 1)
        for m in (self.ends, self.left, self.right, self.pool, self.relevance, self.pool_claim, self.support):
            nn.init.normal_(m.weight, std=0.02)
            nn.init.zeros_(m.bias)

    def forward(self, x: Tensor, cu: Tensor) -> Output:
        """``band[t, d]`` scores the answer from token t to token t + d."""
        ends = self.ends(x).float()
        left, right = self.left(x), F.pad(self.right(x), (0, 0, 0, SPAN_WIDTH))
        windows = right.unfold(0, SPAN_WIDTH, 1)[: len(x)]  # [tokens, pair, width]
        pair = torch.einsum("tp,tpw->tw", left, windows).float() * left.shape[1] ** -0.5
        shifted = F.pad(ends[:, 1], (0, SPAN_WIDTH)).unfold(0, SPAN_WIDTH, 1)[: len(x)]
        band = ends[:, :1] + shifted + pair
        first = x[cu[:-1].long().clamp(max=len(x) - 1)]
        relevance = self.relevance(torch.tanh(self.pool(first))).float()[:, 0]
        return ends, band, relevance, self.support(torch.tanh(self.pool_claim(first))).float()[:, 0]


class Reader(nn.Module):
    """The encoder with heads after its last layer and, where ``exit_layer`` says so, a second set after that layer."""

    def __init__(self, c: EncoderConfig | DecoderConfig, dropout: float = 0.1, pair: int = 64) -> None:
        super().__init__()
        self.encoder: Encoder | TwoWayDecoder = (
            TwoWayDecoder(c, dropout) if isinstance(c, DecoderConfig) else Encoder(c, dropout)
        )
        self.heads = Heads(c.hidden_size, pair)
        self.early = Heads(c.hidden_size, pair) if c.exit_layer else None

    def states(
        self, ids: Tensor, types: Tensor, positions: Tensor, cu: Tensor, longest: int
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the states [tokens, hidden] after the last layer, and after the exit layer if there is one."""
        e, at = self.encoder, self.encoder.config.exit_layer
        middle = e.run(e.embed(ids, types, positions), cu, longest, slice(at))
        last = e.finish(e.run(middle, cu, longest, slice(at, None)))
        return last, e.finish(middle) if at else None

    def answer(self, x: Tensor, middle: Tensor | None, cu: Tensor) -> list[Output]:
        """Returns the last layer's output, then the exit layer's."""
        early = [self.early(middle, cu)] if self.early is not None and middle is not None else []
        return [self.heads(x, cu), *early]

    def forward(self, ids: Tensor, types: Tensor, positions: Tensor, cu: Tensor, longest: int) -> list[Output]:
        return self.answer(*self.states(ids, types, positions, cu, longest), cu)


class WordHead(nn.Module):
    """BERT's masked-language head over chosen tokens; the word embeddings are given, so it holds few weights."""

    def __init__(self, c: EncoderConfig | DecoderConfig) -> None:
        super().__init__()
        self.transform = nn.Linear(c.hidden_size, c.hidden_size)
        self.norm = nn.LayerNorm(c.hidden_size, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(c.vocab_size))

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        return F.linear(self.norm(F.gelu(self.transform(x))), words, self.bias.to(words.dtype))


def _names(c: EncoderConfig) -> dict[str, str]:
    """Maps our names to BERT's, for everything but the fused qkv."""
    names = {
        "words.weight": "embeddings.word_embeddings.weight",
        "positions.weight": "embeddings.position_embeddings.weight",
        "types.weight": "embeddings.token_type_embeddings.weight",
        "norm.weight": "embeddings.LayerNorm.weight",
        "norm.bias": "embeddings.LayerNorm.bias",
    }
    parts = {
        "out": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for i in range(c.num_hidden_layers):
        for ours, theirs in parts.items():
            for kind in ("weight", "bias"):
                names[f"layers.{i}.{ours}.{kind}"] = f"encoder.layer.{i}.{theirs}.{kind}"
    return names


def encoder_from_bert(tensors: dict[str, Tensor], c: EncoderConfig) -> dict[str, Tensor]:
    state = {ours: tensors[theirs] for ours, theirs in _names(c).items()}
    for i in range(c.num_hidden_layers):
        for kind in ("weight", "bias"):
            parts = [tensors[f"encoder.layer.{i}.attention.self.{p}.{kind}"] for p in ("query", "key", "value")]
            state[f"layers.{i}.qkv.{kind}"] = torch.cat(parts)
    return state


def encoder_to_bert(state: dict[str, Tensor], c: EncoderConfig) -> dict[str, Tensor]:
    tensors = {theirs: state[ours] for ours, theirs in _names(c).items()}
    for i in range(c.num_hidden_layers):
        for kind in ("weight", "bias"):
            for part, value in zip(("query", "key", "value"), state[f"layers.{i}.qkv.{kind}"].chunk(3), strict=True):
                tensors[f"encoder.layer.{i}.attention.self.{part}.{kind}"] = value.clone()
    return tensors


def load_encoder(folder: Path, dropout: float = 0.1, layers: Sequence[int] = (), exit_layer: int = 0) -> Encoder:
    """Loads a Hugging Face BERT folder (config.json, model.safetensors). ``layers`` repeats or drops layers."""
    raw = json.loads((folder / "config.json").read_text())
    config = EncoderConfig(**{k: raw[k] for k in EncoderConfig.__dataclass_fields__ if k in raw})
    tensors = {k.removeprefix("bert."): v for k, v in load_file(folder / "model.safetensors").items()}
    state = {k: v.float() for k, v in encoder_from_bert(tensors, config).items()}
    order = list(layers) or list(range(config.num_hidden_layers))
    config = replace(config, num_hidden_layers=len(order), exit_layer=exit_layer)
    encoder = Encoder(config, dropout)
    encoder.load_state_dict(
        {k: v for k, v in state.items() if not k.startswith("layers.")}
        | {
            f"layers.{i}.{k.split('.', 2)[2]}": v
            for i, source in enumerate(order)
            for k, v in state.items()
            if k.startswith(f"layers.{source}.")
        }
    )
    return encoder


def save_encoder(state: dict[str, Tensor], config: EncoderConfig, path: Path) -> None:
    """Writes the weights in half precision under BERT's names: any library that reads MiniLM reads them."""
    tensors = {k: v.half().contiguous() for k, v in encoder_to_bert(state, config).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def load_reader(start: Path, dropout: float = 0.1, layers: Sequence[int] = (), exit_layer: int = 0) -> Reader:
    """Loads a reader; ``start`` is a file of ``save_reader`` or a BERT folder, which gets new heads.

    ``layers`` and ``exit_layer`` apply to a folder only."""
    if start.is_dir():
        load = from_nano if is_decoder(start) else load_encoder
        encoder = load(start, dropout, layers, exit_layer)
        reader = Reader(encoder.config, dropout)
        reader.encoder = encoder
        return reader
    from safetensors import safe_open

    with safe_open(start, "pt") as file:
        raw = json.loads(file.metadata()["config"])
        config = config_of(raw) or EncoderConfig(**raw)
    reader = Reader(config, dropout)
    state = {k: v.float() for k, v in load_file(start).items()}
    if "heads.support.weight" not in state:  # written before readers judged statements
        state |= {k: v for k, v in reader.state_dict().items() if "support" in k or "pool_claim" in k}
    reader.load_state_dict(state)
    return reader


def save_reader(state: dict[str, Tensor], config: EncoderConfig | DecoderConfig, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.half().contiguous() for k, v in state.items()}
    save_file(tensors, path, metadata={"config": json.dumps(asdict(config))})
