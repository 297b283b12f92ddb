"""python -m training.embedder.train --start MINILM_FOLDER --train out/data/squad-train.npz --out out/embedder

Fine-tunes the embedder on question-passage pairs: in-batch softmax over all passages of the batch and one hard negative
each, symmetric, with the start's own similarities kept as a soft guide (``--keep``). The result is a mean of the old
and the new weights (``--blend`` new), which keeps what it knew about other kinds of text. Writes model.safetensors.
"""

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.data.store import CLS, SEP, Ragged
from training.reader.encoder import Encoder, load_encoder, save_encoder
from training.reader.train import read_stores


def sentence_rows(parts: list[list[NDArray[np.uint16]]], longest: int) -> tuple[Tensor, Tensor, Tensor]:
    rows = [np.concatenate([[CLS], np.concatenate(p)[: longest - 2], [SEP]]).astype(np.int64) for p in parts]
    lengths = torch.tensor([len(r) for r in rows])
    positions = np.concatenate([np.arange(len(r)) for r in rows])
    return torch.from_numpy(np.concatenate(rows)), torch.from_numpy(positions), lengths


def embed(model: Encoder, rows: tuple[Tensor, Tensor, Tensor], longest: int, device: torch.device) -> Tensor:
    ids, positions, lengths = (t.to(device) for t in rows)
    cu = F.pad(lengths.cumsum(0), (1, 0)).int()
    x = model(ids, torch.zeros_like(ids), positions, cu, longest).float()
    index = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths)
    total = torch.zeros(len(lengths), x.shape[1], device=device).index_add_(0, index, x)
    return F.normalize(total / lengths[:, None], dim=1)


def text_of(contexts: Ragged, passages: Ragged, i: int, with_context: bool) -> list[NDArray[np.uint16]]:
    return [contexts[i], passages[i]] if with_context else [passages[i]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--scale", type=float, default=20.0, help="of the cosine in the softmax")
    parser.add_argument("--keep", type=float, default=0.5, help="weight of the start's similarities")
    parser.add_argument("--blend", type=float, nargs="+", default=[0.5, 1.0])
    parser.add_argument("--longest", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    store = read_stores(args.train)
    usable = np.flatnonzero((store.gold >= 0) & (store.negatives[:, 0] >= 0))
    model = load_encoder(args.start).to(device).train()
    guide = load_encoder(args.start).to(device).eval()
    old = {k: v.clone() for k, v in guide.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), args.lr, weight_decay=0.01, fused=cuda)
    steps = max(1, int(args.epochs * len(usable) / args.batch))
    order = np.concatenate([rng.permutation(usable) for _ in range(int(args.epochs) + 1)])
    began = time.time()
    for step in range(steps):
        rows = order[step * args.batch : (step + 1) * args.batch]
        golds = store.gold[rows]
        wrong = [int(rng.choice(store.negatives[i][store.negatives[i] >= 0])) for i in rows]
        context = rng.random() < 0.8
        asked = sentence_rows([[store.questions[i]] for i in rows], 64)
        texts = [text_of(store.contexts, store.passages, p, context) for p in [*golds, *wrong]]
        passages = sentence_rows(texts, args.longest)
        for g in optimizer.param_groups:
            g["lr"] = args.lr * min(1.0, (step + 1) / (0.1 * steps + 1)) * (1 - step / steps)
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            q, p = embed(model, asked, 64, device), embed(model, passages, args.longest, device)
            with torch.no_grad():
                old_q, old_p = embed(guide, asked, 64, device), embed(guide, passages, args.longest, device)
        logits = args.scale * q @ p.T
        # the same passage may answer several questions of the batch: not a negative there
        both = torch.from_numpy(np.concatenate([golds, np.array(wrong)])).to(device)
        same = both[None] == both[: len(rows), None]
        same[torch.arange(len(rows)), torch.arange(len(rows))] = False
        logits = logits.masked_fill(same, -1e4)
        target = torch.arange(len(rows), device=device)
        loss = F.cross_entropy(logits, target) + 0.3 * F.cross_entropy(logits[:, : len(rows)].T, target)
        soft = (args.scale * old_q @ old_p.T).masked_fill(same, -1e4).softmax(1)
        loss = loss + args.keep * -(soft * logits.log_softmax(1)).sum(1).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0:
            print(f"step {step}/{steps} loss {loss.item():.3f} {time.time() - began:.0f} s", flush=True)
    new = {k: v.detach().float() for k, v in model.state_dict().items()}
    for share in args.blend:
        folder = args.out.with_name(f"{args.out.name}-{int(100 * share)}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(args.start / "config.json", folder / "config.json")
        mixed = {k: share * new[k].cpu() + (1 - share) * old[k].cpu() for k in new}
        save_encoder(mixed, model.config, folder / "model.safetensors")
    print(f"done in {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
