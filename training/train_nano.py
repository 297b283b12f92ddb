"""python -m training.train_nano --data out/nano-data --out out/nano-base --minutes 27

Pretrains docent-nano on the token files of nano_data.py: rows of 2,048 tokens drawn from the sources in a fixed mix
(Wikipedia most, books under a quarter), Muon for matrices, AdamW for the rest, warm-up, constant, then a linear decay
whose end is set by the clock, so that any card finishes its schedule in ``--minutes``. The exercises' share grows in
the decay. Checkpoints are written as a Hugging Face Llama folder. Smaller card: lower ``--rows``.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.muon import Muon
from training.nano_model import Nano, NanoConfig, load_nano, save_nano

# source: (share of rows while the rate is constant, share in the decay)
MIX = {
    "wikipedia": (0.62, 0.50),
    "books": (0.12, 0.06),
    "technical-docs": (0.10, 0.10),
    "medquad": (0.025, 0.025),
    "meetings": (0.015, 0.015),
    "law": (0.02, 0.02),
    "exercises": (0.08, 0.20),
    "squad": (0.02, 0.08),
}


class Rows:
    """Draws rows of ``length + 1`` tokens: each source is read in random order of its rows, epoch after epoch."""

    def __init__(self, folder: Path, length: int, seed: int) -> None:
        self.length = length
        self.rng = np.random.default_rng(seed)
        self.sources = {n: np.fromfile(folder / f"{n}.bin", np.uint16) for n in MIX if (folder / f"{n}.bin").exists()}
        self.sources = {n: t for n, t in self.sources.items() if len(t) > length + 1}
        self.streams = {n: self._stream(t) for n, t in self.sources.items()}
        self.drawn = dict.fromkeys(self.sources, 0)

    def _stream(self, tokens: NDArray[np.uint16]) -> Iterator[NDArray[np.uint16]]:
        while True:
            shift = int(self.rng.integers(0, min(self.length, len(tokens) - self.length - 1) + 1))
            for i in self.rng.permutation((len(tokens) - shift - 1) // self.length):
                at = shift + int(i) * self.length
                yield tokens[at : at + self.length + 1]

    def draw(self, rows: int, decay: float) -> torch.Tensor:
        """[rows, length + 1]; ``decay`` runs from 0 to 1 over the decay phase."""
        names = list(self.sources)
        share = np.array([MIX[n][0] + (MIX[n][1] - MIX[n][0]) * min(1.0, 2 * decay) for n in names])
        picks = self.rng.choice(len(names), rows, p=share / share.sum())
        for p in picks:
            self.drawn[names[p]] += 1
        return torch.from_numpy(np.stack([next(self.streams[names[p]]) for p in picks]).astype(np.int64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=None, help="continue from this folder's weights")
    parser.add_argument("--minutes", type=float, default=27.0)
    parser.add_argument("--decay", type=float, default=0.35, help="share of the time in which the rate falls")
    parser.add_argument("--rows", type=int, default=128, help="rows a step")
    parser.add_argument("--micro", type=int, default=64, help="rows a pass")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=float, default=4.0, help="minutes")
    parser.add_argument("--toy", action="store_true", help="a tiny network, for tests")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    toy = NanoConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=128
    )
    model = (load_nano(args.start) if args.start else Nano(toy if args.toy else NanoConfig())).to(device)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    muon = Muon(matrices, args.lr, weight_decay=0.05)
    adam = torch.optim.AdamW(others, args.lr, betas=(0.9, 0.95), weight_decay=0.0, fused=device.type == "cuda")
    loss_of = torch.compile(model.loss) if device.type == "cuda" else model.loss
    rows = Rows(args.data, args.length, args.seed)
    print({n: f"{len(t) / 1e6:.1f}M" for n, t in rows.sources.items()}, flush=True)
    began, step, tokens, saved = time.time(), 0, 0, time.time()
    while True:
        spent = (time.time() - began) / 60 / args.minutes
        if spent >= 1:
            break
        decay = max(0.0, (spent - 1 + args.decay) / args.decay)
        rate = args.lr * min(1.0, (step + 1) / args.warmup) * (1 - decay) + 1e-6
        for optimizer in (muon, adam):
            for group in optimizer.param_groups:
                group["lr"] = rate
        batch = rows.draw(args.rows, decay)
        if device.type == "cuda":
            batch = batch.pin_memory().to(device, non_blocking=True)
        total = torch.zeros((), device=device)
        for part in batch.split(args.micro):
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = loss_of(part[:, :-1], part[:, 1:])
            (loss * len(part) / args.rows).backward()
            total += loss.detach() * len(part) / args.rows
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        muon.step()
        adam.step()
        muon.zero_grad(set_to_none=True)
        adam.zero_grad(set_to_none=True)
        step += 1
        tokens += batch[:, 1:].numel()
        if step == 10:
            measured = (time.time(), tokens)
        if step % 50 == 0 or step in (1, 10, 20):
            speed = (tokens - measured[1]) / (time.time() - measured[0]) if step > 10 else 0.0
            print(
                f"step {step} loss {total.item():.4f} lr {rate:.2e} tokens {tokens / 1e6:.0f}M "
                f"{speed / 1e3:.0f}k tok/s {(time.time() - began) / 60:.1f} min",
                flush=True,
            )
        if time.time() - saved > args.save_every * 60:
            save_nano(model, args.out)
            saved = time.time()
    save_nano(model, args.out)
    epochs = {n: round(rows.drawn[n] * args.length / len(t), 2) for n, t in rows.sources.items()}
    print(f"done: {step} steps, {tokens / 1e6:.0f} M tokens, epochs {epochs}", flush=True)


if __name__ == "__main__":
    main()
