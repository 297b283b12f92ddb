"""Muon, an optimizer for 2-D weights: momentum, then a Newton-Schulz iteration orthogonalises the update.

Matrices of one shape are stacked and iterated together. Embeddings, norms and heads are left to AdamW.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonalise(g: Tensor, steps: int = 5) -> Tensor:
    """Returns roughly the nearest semi-orthogonal matrices (singular values in 0.7..1.2). [n, rows, columns]."""
    a, b, c = 3.4445, -4.7750, 2.0315  # coefficients of Keller Jordan's quintic iteration
    x = g.bfloat16() if g.is_cuda else g
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    back: Tensor = x.mT if tall else x
    return back.to(g.dtype)


class Muon(torch.optim.Optimizer):
    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for shape, params in shapes.items():
                grads = torch.stack([p.grad for p in params])  # type: ignore[misc]
                state = self.state[params[0]]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(grads)
                momentum = state["momentum"].lerp_(grads, 1 - group["momentum"])
                update = orthogonalise(grads.lerp(momentum, group["momentum"]))  # Nesterov
                # 0.2 * sqrt(longer side): the size of an AdamW update, so both share one learning rate
                scale = 0.2 * max(shape) ** 0.5 * group["lr"]
                for p, u in zip(params, update, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(u, alpha=-scale)
