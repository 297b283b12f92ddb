"""python -m training.nano.shallow --base out/base --lessons out/tune.npz --layers 24 --out out/base-24

Takes layers out of a model before it is tuned, one at a time: the one without which the texts of some lessons become
least unlikely. Tuning makes good for what they did.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.nano.model import Nano, load_nano, save_nano
from training.nano.tune_data import Lessons

_TOKENS = 16_384


@torch.no_grad()
def text_loss(model: Nano, ids: torch.Tensor, cu: torch.Tensor, longest: int) -> float:
    """The mean loss of every token of packed texts but the last of each, which is followed by another text's."""
    positions = torch.cat([torch.arange(int(n), device=ids.device) for n in cu.diff().tolist()])
    device = ids.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        x = model.packed_hidden(ids, positions, cu, longest)
        logits = F.linear(x[:-1], model.embed_tokens.weight)
    losses = F.cross_entropy(logits.float(), ids[1:], reduction="none")
    within = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
    within[cu[1:].long() - 1] = False
    return float(losses[within[:-1]].mean())


def shallower(model: Nano, layers: int, ids: torch.Tensor, cu: torch.Tensor, longest: int) -> list[int]:
    """Takes layers out of ``model`` until it has so many; returns which of the first ones are left."""
    left = list(range(len(model.layers)))
    while len(left) > layers:
        whole = list(model.layers)
        losses = []
        for out in range(len(whole)):
            model.layers = nn.ModuleList([*whole[:out], *whole[out + 1 :]])
            losses.append(text_loss(model, ids, cu, longest))
        least = int(np.argmin(losses))
        model.layers = nn.ModuleList([*whole[:least], *whole[least + 1 :]])
        print(f"without layer {left.pop(least)}: loss {losses[least]:.3f}", flush=True)
    model.config = replace(model.config, num_hidden_layers=layers)
    return left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--lessons", type=Path, required=True)
    parser.add_argument("--layers", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=_TOKENS, help="of the lessons that are looked at")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_nano(args.base).to(device)
    lessons = Lessons.load(args.lessons)
    rows: list[torch.Tensor] = []
    for number in np.random.default_rng(0).permutation(len(lessons)):
        if sum(map(len, rows)) >= args.tokens:
            break
        rows.append(torch.from_numpy(lessons[int(number)][0].astype(np.int64)))
    cu = torch.tensor([0, *np.cumsum([len(row) for row in rows])], dtype=torch.int32, device=device)
    ids, longest = torch.cat(rows).to(device), max(map(len, rows))
    print(f"loss {text_loss(model, ids, cu, longest):.3f}", flush=True)
    left = shallower(model, args.layers, ids, cu, longest)
    print(f"layers left: {left}", flush=True)
    save_nano(model, args.out)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(args.base / name, args.out / name)


if __name__ == "__main__":
    main()
