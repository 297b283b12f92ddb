"""A two-way decoder over padded batches, for its graph (training.reader.export)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.data.store import Shape
from training.nano.model import rope_table
from training.reader.decoder import TwoWayDecoder


class PaddedDecoder(nn.Module):
    cos: Tensor
    sin: Tensor

    def __init__(self, decoder: TwoWayDecoder) -> None:
        super().__init__()
        self.decoder = decoder
        cos, sin = rope_table(decoder.config, Shape().longest)
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """[batch, length] -> states [batch, length, hidden], normalised."""
        d, c = self.decoder, self.decoder.config
        b, n = ids.shape
        size, shared = c.head_dim, c.num_attention_heads // c.num_key_value_heads
        x: Tensor = d.words(ids) + d.types(types)
        bias = (1.0 - mask[:, None, None].to(x.dtype)) * -1e4
        for layer in d.blocks:
            y = self._normalised(x, layer.input_layernorm.weight)
            q, k, v = (
                part(y).reshape(b, n, -1, size).transpose(1, 2) for part in (layer.q_proj, layer.k_proj, layer.v_proj)
            )
            # the queries that share keys lie one behind the other, so keys are not repeated
            q = self._turned(q).reshape(b, c.num_key_value_heads, shared * n, size)
            weights = q @ self._turned(k).transpose(2, 3) * size**-0.5
            weights = (weights.reshape(b, c.num_attention_heads, n, n) + bias).softmax(-1)
            a = weights.reshape(b, c.num_key_value_heads, shared * n, n) @ v
            x = x + layer.o_proj(a.reshape(b, c.num_attention_heads, n, size).transpose(1, 2).reshape(b, n, -1))
            y = self._normalised(x, layer.post_attention_layernorm.weight)
            x = x + layer.down_proj(F.silu(layer.gate_proj(y)) * layer.up_proj(y))
        return self._normalised(x, d.norm.weight)

    def _normalised(self, x: Tensor, weight: Tensor) -> Tensor:
        """RMSNorm by operations that ONNX has."""
        return weight * (x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.decoder.config.rms_norm_eps))

    def _turned(self, x: Tensor) -> Tensor:
        """RoPE of [batch, heads, length, head size]."""
        n, half = x.shape[2], x.shape[3] // 2
        turned = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * self.cos[:n] + turned * self.sin[:n]
