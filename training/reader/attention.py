"""Attention over packed sequences, in both directions."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name


def attend(q: Tensor, k: Tensor, v: Tensor, cu: Tensor, longest: int) -> Tensor:
    """Attention over packed sequences, [tokens, heads, head_dim] each; a token attends to its own sequence only."""
    if q.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        return varlen_attn(q, k, v, cu, cu, longest, longest)  # type: ignore[return-value]
    index = torch.bucketize(torch.arange(len(q)), cu[1:].long(), right=True)
    mask = index[:, None] == index[None]
    q, k, v = (x.transpose(0, 1)[None] for x in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return out[0].transpose(0, 1)
