"""docent-nano's network: a Llama decoder (RMSNorm, RoPE, SwiGLU, grouped-query attention, tied embeddings).

It is saved and loaded in the Hugging Face Llama layout.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name


@dataclass(frozen=True)
class NanoConfig:
    vocab_size: int = 16_384
    hidden_size: int = 512
    num_hidden_layers: int = 16
    num_attention_heads: int = 8
    num_key_value_heads: int = 2
    intermediate_size: int = 1536
    max_position_embeddings: int = 2048
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def group(self) -> int:
        """How many inputs share a scale where matrices are rounded to INT4."""
        return math.gcd(128, self.hidden_size, self.intermediate_size)


def rope_table(c: NanoConfig, length: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Returns cos and sin [length, head_dim], their halves repeated as Llama's rotate_half expects."""
    inverse = c.rope_theta ** (-torch.arange(0, c.head_dim, 2, device=device).float() / c.head_dim)
    angle = torch.outer(torch.arange(length, device=device).float(), inverse)
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Applies RoPE to ``x`` [batch, heads, length, head_dim] or [tokens, heads, head_dim]."""
    a, b = x.chunk(2, -1)
    return (x * cos + torch.cat([-b, a], -1) * sin).to(x.dtype)


def attend_causal(q: Tensor, k: Tensor, v: Tensor, cu: Tensor, longest: int) -> Tensor:
    """Causal attention over packed sequences, [tokens, heads, head_dim] each.

    ``cu`` [sequences + 1] holds where sequences begin; the end is repeated for sequences without tokens."""
    if q.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        return varlen_attn(q, k, v, cu, cu, longest, longest, window_size=(-1, 0))  # type: ignore[return-value]
    index = torch.bucketize(torch.arange(len(q)), cu[1:].long(), right=True)
    mask = (index[:, None] == index[None]).tril()
    q, k, v = (x.transpose(0, 1)[None] for x in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return out[0].transpose(0, 1)


Attention = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]


class Norm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), (x.shape[-1],), self.weight.float(), self.eps).to(x.dtype)


def rounded_int4(weight: Tensor, group: int = 128) -> Tensor:
    """Rounds a weight [out, in] to nearest as the quantizer does: INT4 with zero points and fp16 scales; returns its
    values."""
    g = weight.float().view(len(weight), -1, group)
    low, high = g.amin(-1, keepdim=True).clamp(max=0), g.amax(-1, keepdim=True).clamp(min=0)
    scale = ((high - low) / 15).clamp(min=1e-7).half().float()
    zero = (-low / scale).round().clamp(0, 15)
    q = ((g / scale).round() + zero).clamp(0, 15)
    return ((q - zero) * scale).view_as(weight)


class Linear(nn.Linear):
    """A linear layer that, with ``int4``, computes with the weight rounded in groups of so many inputs and passes the
    gradient straight through."""

    int4 = 0

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight
        if self.int4:
            w = w + (rounded_int4(w.detach(), self.int4) - w.detach())
        return F.linear(x, w)


class Block(nn.Module):
    def __init__(self, c: NanoConfig) -> None:
        super().__init__()
        h, d = c.hidden_size, c.head_dim
        self.config = c
        self.input_layernorm = Norm(h, c.rms_norm_eps)
        self.q_proj = Linear(h, c.num_attention_heads * d, bias=False)
        self.k_proj = Linear(h, c.num_key_value_heads * d, bias=False)
        self.v_proj = Linear(h, c.num_key_value_heads * d, bias=False)
        self.o_proj = Linear(c.num_attention_heads * d, h, bias=False)
        self.post_attention_layernorm = Norm(h, c.rms_norm_eps)
        self.gate_proj = Linear(h, c.intermediate_size, bias=False)
        self.up_proj = Linear(h, c.intermediate_size, bias=False)
        self.down_proj = Linear(c.intermediate_size, h, bias=False)

    def packed(
        self, x: Tensor, cos: Tensor, sin: Tensor, cu: Tensor, longest: int, attend: Attention = attend_causal
    ) -> Tensor:
        """Runs the block on packed sequences [tokens, hidden]; a token attends to its own sequence up to itself, unless
        ``attend`` is another attention than the causal one."""
        c = self.config
        y = self.input_layernorm(x)
        q = rotate(self.q_proj(y).view(len(x), -1, c.head_dim), cos[:, None], sin[:, None])
        k = rotate(self.k_proj(y).view(len(x), -1, c.head_dim), cos[:, None], sin[:, None])
        v = self.v_proj(y).view(len(x), -1, c.head_dim)
        shared = c.num_attention_heads // c.num_key_value_heads
        a = attend(q, k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1), cu, longest)
        x = x + self.o_proj(a.reshape(len(x), -1))
        return self.feed_forward(x)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        cache: tuple[Tensor, Tensor] | None = None,
        at: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        b, t, _ = x.shape
        c = self.config
        y = self.input_layernorm(x)
        q = rotate(self.q_proj(y).view(b, t, -1, c.head_dim).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(y).view(b, t, -1, c.head_dim).transpose(1, 2), cos, sin)
        v = self.v_proj(y).view(b, t, -1, c.head_dim).transpose(1, 2)
        if cache is None:
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        else:
            assert at is not None
            cache[0].index_copy_(2, at, k)
            cache[1].index_copy_(2, at, v)
            a = F.scaled_dot_product_attention(q, cache[0], cache[1], attn_mask=mask, enable_gqa=True)
        x = x + self.o_proj(a.transpose(1, 2).reshape(b, t, -1))
        return self.feed_forward(x)

    def feed_forward(self, x: Tensor) -> Tensor:
        """Returns the second half of the block, SwiGLU with its residual."""
        y = self.post_attention_layernorm(x)
        added: Tensor = self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))
        return x + added


class Rounded(nn.Module):
    """A network whose linear layers can be rounded to INT4, in groups that its configuration tells."""

    config: NanoConfig

    def rounds(self, int4: bool) -> None:
        """Sets whether the layers' matrices are rounded to INT4 wherever they are used."""
        for m in self.modules():
            if isinstance(m, Linear):
                m.int4 = self.config.group if int4 else 0

    @torch.no_grad()
    def settle(self) -> None:
        """Replaces the learnt weights by the rounded ones."""
        for m in self.modules():
            if isinstance(m, Linear):
                m.weight.copy_(rounded_int4(m.weight, self.config.group))


class Nano(Rounded):
    def __init__(self, c: NanoConfig) -> None:
        super().__init__()
        self.config = c
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(Block(c) for _ in range(c.num_hidden_layers))
        self.norm = Norm(c.hidden_size, c.rms_norm_eps)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                deep = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(p, std=0.02 / ((2 * c.num_hidden_layers) ** 0.5 if deep else 1.0))

    @property
    def blocks(self) -> list[Block]:
        """The members of ``layers`` with their type; ``ModuleList`` itself says only that they are modules."""
        return cast(list[Block], list(self.layers))

    def hidden(self, ids: Tensor) -> Tensor:
        """Returns the last layer's states, normalised. [batch, length] -> [batch, length, hidden]."""
        cos, sin = rope_table(self.config, ids.shape[1], ids.device)
        x: Tensor = self.embed_tokens(ids)
        for layer in self.blocks:
            x = layer(x, cos.to(x.dtype), sin.to(x.dtype))
        out: Tensor = self.norm(x)
        return out

    def packed_hidden(self, ids: Tensor, positions: Tensor, cu: Tensor, longest: int) -> Tensor:
        """Returns the last layer's states of packed sequences, normalised. [tokens] -> [tokens, hidden]."""
        cos, sin = rope_table(self.config, longest, ids.device)
        x: Tensor = self.embed_tokens(ids)
        cos, sin = cos[positions].to(x.dtype), sin[positions].to(x.dtype)
        for layer in self.blocks:
            x = layer.packed(x, cos, sin, cu, longest)
        out: Tensor = self.norm(x)
        return out

    def forward(self, ids: Tensor) -> Tensor:
        return F.linear(self.hidden(ids), self.embed_tokens.weight)

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean cross entropy where ``targets`` is not -100."""
        logits = self(ids)
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=-100)

    @torch.no_grad()
    def generate(
        self,
        prompts: list[list[int]],
        most: int,
        stop: int,
        temperature: float = 0.0,
        also: frozenset[int] = frozenset(),
    ) -> list[list[int]]:
        """Decodes a batch with a KV cache; prompts are padded on the left. Temperature 0 is greedy.

        A row ends before ``stop`` and after a token of ``also``.
        """
        device = self.embed_tokens.weight.device
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        b, longest = len(prompts), max(map(len, prompts))
        total = longest + most
        pad = torch.tensor([longest - len(p) for p in prompts], device=device)
        ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts], device=device)
        shape = (b, self.config.num_key_value_heads, total, self.config.head_dim)
        caches = [
            (torch.zeros(shape, device=device, dtype=dtype), torch.zeros(shape, device=device, dtype=dtype))
            for _ in self.layers
        ]
        cos_all, sin_all = rope_table(self.config, total, device)
        keys = torch.arange(total, device=device)
        done = torch.zeros(b, dtype=torch.bool, device=device)
        last = torch.tensor(sorted(also), device=device, dtype=torch.long)
        out: list[Tensor] = []
        at = torch.arange(longest, device=device)
        with torch.autocast(device.type, dtype, enabled=device.type == "cuda"):
            for step in range(most):
                place = (at[None] - pad[:, None]).clamp(min=0)
                cos, sin = cos_all[place][:, None].to(dtype), sin_all[place][:, None].to(dtype)
                mask = (keys[None, None] <= at[None, :, None]) & (keys[None, None] >= pad[:, None, None])
                mask = mask | (keys[None, None] == at[None, :, None])  # a padded row sees itself, so no NaN
                x = self.embed_tokens(ids).to(dtype)
                for layer, cache in zip(self.blocks, caches, strict=True):
                    x = layer(x, cos, sin, cache, at, mask[:, None])
                logits = F.linear(self.norm(x[:, -1]), self.embed_tokens.weight.to(dtype)).float()
                if temperature > 0:
                    ids = torch.multinomial((logits / temperature).softmax(-1), 1)
                else:
                    ids = logits.argmax(-1, keepdim=True)
                out.append(torch.where(done, stop, ids[:, 0]))
                done |= (ids[:, 0] == stop) | torch.isin(ids[:, 0], last)
                if step % 8 == 7 and bool(done.all()):
                    break
                at = at[-1:] + 1
        rows = torch.stack(out, 1).tolist()
        return [r[: r.index(stop)] if stop in r else r for r in rows]


def _hf_name(name: str) -> str:
    for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
        name = name.replace(f".{part}.", f".self_attn.{part}.")
    for part in ("gate_proj", "up_proj", "down_proj"):
        name = name.replace(f".{part}.", f".mlp.{part}.")
    return f"model.{name}"


def save_nano(model: Nano, folder: Path) -> None:
    """Writes config.json and model.safetensors (fp16) as Hugging Face's Llama reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    c = model.config
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **asdict(c),
        "head_dim": c.head_dim,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 6,
        "pad_token_id": 2,
        "torch_dtype": "float16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    state = {_hf_name(k): v.detach().half().cpu().contiguous() for k, v in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def load_nano(folder: Path) -> Nano:
    raw = json.loads((folder / "config.json").read_text())
    model = Nano(NanoConfig(**{k: raw[k] for k in NanoConfig.__dataclass_fields__}))
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({k: tensors[_hf_name(k)].float() for k in model.state_dict()})
    return model
