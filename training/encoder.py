"""The MiniLM encoder over flat tokens, with the heads of the reader and of the embedder.

A batch is one flat row of tokens; ``cu`` holds the cumulative sequence lengths, so there is no padding inside
sequences. On CUDA attention is a variable-length flash kernel, elsewhere a masked reference (tests, tiny runs).
Weights load from and save to the Hugging Face BERT names. Knows no tokenizer and no data.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

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


def attend(q: Tensor, k: Tensor, v: Tensor, cu: Tensor, longest: int) -> Tensor:
    """[tokens, heads, head_dim] each -> the same shape; a token sees its own sequence only."""
    if q.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        return varlen_attn(q, k, v, cu, cu, longest, longest)  # type: ignore[return-value]
    index = torch.bucketize(torch.arange(len(q)), cu[1:].long(), right=True)
    mask = index[:, None] == index[None]
    out = F.scaled_dot_product_attention(*(x.transpose(0, 1)[None] for x in (q, k, v)), attn_mask=mask)
    return out[0].transpose(0, 1)


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
        return self.norm2(x + F.dropout(self.down(F.gelu(self.up(x))), dropout, self.training))


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

    def forward(self, ids: Tensor, types: Tensor, positions: Tensor, cu: Tensor, longest: int) -> Tensor:
        """Flat [tokens] -> [tokens, hidden]."""
        x = self.norm(self.words(ids) + self.types(types) + self.positions(positions))
        x = F.dropout(x, self.dropout, self.training)
        for layer in self.layers:
            x = layer(x, cu, longest, self.dropout)
        return x


class Reader(nn.Module):
    """Relevance of a passage to a question, and the answer's span: s_i + e_j + a bilinear term, CLS = no answer."""

    def __init__(self, c: EncoderConfig, dropout: float = 0.1, pair: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(c, dropout)
        self.ends = nn.Linear(c.hidden_size, 2)
        self.left = nn.Linear(c.hidden_size, pair)
        self.right = nn.Linear(c.hidden_size, pair)
        self.pool = nn.Linear(c.hidden_size, c.hidden_size)
        self.relevance = nn.Linear(c.hidden_size, 1)
        for m in (self.ends, self.left, self.right, self.pool, self.relevance):
            nn.init.normal_(m.weight, std=0.02)
            nn.init.zeros_(m.bias)

    def forward(
        self, ids: Tensor, types: Tensor, positions: Tensor, cu: Tensor, longest: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> ends [tokens, 2], band [tokens, SPAN_WIDTH] (start t, end t+d), relevance [sequences]."""
        x = self.encoder(ids, types, positions, cu, longest)
        ends = self.ends(x).float()
        left, right = self.left(x), F.pad(self.right(x), (0, 0, 0, SPAN_WIDTH))
        windows = right.unfold(0, SPAN_WIDTH, 1)[: len(x)]  # [tokens, pair, width]
        pair = torch.einsum("tp,tpw->tw", left, windows).float() * left.shape[1] ** -0.5
        shifted = F.pad(ends[:, 1], (0, SPAN_WIDTH)).unfold(0, SPAN_WIDTH, 1)[: len(x)]
        band = ends[:, :1] + shifted + pair
        first = x[cu[:-1].long().clamp(max=len(x) - 1)]
        relevance = self.relevance(torch.tanh(self.pool(first))).float()[:, 0]
        return ends, band, relevance


def _names(c: EncoderConfig) -> dict[str, str]:
    """Our name -> BERT's name, for everything but the fused qkv."""
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


def load_encoder(folder: Path, dropout: float = 0.1) -> Encoder:
    """From a Hugging Face BERT folder (config.json, model.safetensors)."""
    raw = json.loads((folder / "config.json").read_text())
    config = EncoderConfig(**{k: raw[k] for k in EncoderConfig.__dataclass_fields__})
    tensors = {k.removeprefix("bert."): v for k, v in load_file(folder / "model.safetensors").items()}
    encoder = Encoder(config, dropout)
    encoder.load_state_dict(encoder_from_bert(tensors, config))
    return encoder


def save_encoder(state: dict[str, Tensor], config: EncoderConfig, path: Path) -> None:
    """Half precision, BERT's names: any library that reads MiniLM reads it."""
    tensors = {k: v.half().contiguous() for k, v in encoder_to_bert(state, config).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def load_reader(start: Path, dropout: float = 0.1) -> Reader:
    """``start`` is a BERT folder (fresh heads) or a reader's .safetensors file written by save_reader."""
    if start.is_dir():
        encoder = load_encoder(start, dropout)
        reader = Reader(encoder.config, dropout)
        reader.encoder = encoder
        return reader
    from safetensors import safe_open

    with safe_open(start, "pt") as file:
        config = EncoderConfig(**json.loads(file.metadata()["config"]))
    reader = Reader(config, dropout)
    reader.load_state_dict({k: v.float() for k, v in load_file(start).items()})
    return reader


def save_reader(state: dict[str, Tensor], config: EncoderConfig, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.half().contiguous() for k, v in state.items()}
    save_file(tensors, path, metadata={"config": json.dumps(asdict(config))})
