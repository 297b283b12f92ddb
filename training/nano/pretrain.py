"""python -m training.nano.pretrain --data out/nano-data --out out/nano-base --minutes 27
torchrun --nproc-per-node 4 -m training.nano.pretrain ... [--continue-from FOLDER]

Pretrains docent-nano on the token files of training.nano.data: rows of 2,048 tokens drawn from the sources in a fixed
mix (Wikipedia most, books under a quarter), Muon for matrices, AdamW for the rest, warm-up, constant, then a linear
decay whose end is set by the clock, so that any card finishes its schedule in ``--minutes``. The exercises' share grows
in the decay. Checkpoints are written as a Hugging Face Llama folder. Smaller card: lower ``--rows`` and ``--micro``.
Under torchrun every card draws rows of its own, ``--rows`` in all, and the gradients are averaged.
"""

import argparse
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from training.nano.model import Nano, NanoConfig, load_nano, save_nano
from training.nano.muon import Muon

# source: (share of rows while the rate is constant, share in the decay)
MIX = {
    "wikipedia": (0.63, 0.45),
    "books": (0.10, 0.05),
    "technical-docs": (0.09, 0.09),
    "medquad": (0.025, 0.025),
    "meetings": (0.015, 0.015),
    "law": (0.02, 0.02),
    "exercises": (0.06, 0.10),
    "prompts": (0.04, 0.17),
    "squad": (0.02, 0.08),
}
_CLOCK_EVERY = 10  # steps between two looks at the clock


class Group:
    """The processes that train together; alone, every method does nothing."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(self.device)
        if self.size > 1:
            dist.init_process_group("nccl" if cuda else "gloo")

    def share(self, tensors: Iterable[torch.Tensor]) -> None:
        """Copies the first process's values to all."""
        if self.size > 1:
            for t in tensors:
                dist.broadcast(t, 0)

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        if self.size > 1:
            flat = torch.cat([t.flatten() for t in tensors])
            dist.all_reduce(flat)
            flat /= self.size
            for t, part in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
                t.copy_(part.view_as(t))


class Clock:
    """Returns the share of the time that is spent, the same in every process: it is read from the first one's clock
    every few steps and extrapolated between."""

    def __init__(self, minutes: float, group: Group) -> None:
        self.minutes, self.group = minutes, group
        self.began = self.read_at = time.time()
        self.read_step, self.spent, self.a_step = 0, 0.0, 0.0

    def __call__(self, step: int) -> float:
        """Call it before every step, counted from 0."""
        if step <= _CLOCK_EVERY or step % _CLOCK_EVERY == 0:
            now = time.time()
            spent = (now - self.began) / 60 / self.minutes
            a_step = (now - self.read_at) / 60 / self.minutes / max(1, step - self.read_step)
            shared = torch.tensor([spent, a_step], dtype=torch.float64, device=self.group.device)
            self.group.share([shared])
            self.spent, self.a_step = shared.tolist()
            self.read_at, self.read_step = now, step
        return self.spent + (step - self.read_step) * self.a_step


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
        """Returns rows [rows, length + 1]; ``decay`` runs from 0 to 1 over the decay phase."""
        names = list(self.sources)
        share = np.array([MIX[n][0] + (MIX[n][1] - MIX[n][0]) * min(1.0, 2 * decay) for n in names])
        picks = self.rng.choice(len(names), rows, p=share / share.sum())
        for p in picks:
            self.drawn[names[p]] += 1
        return torch.from_numpy(np.stack([next(self.streams[names[p]]) for p in picks]).astype(np.int64))


TOY = NanoConfig(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=128
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--continue-from", type=Path, default=None, help="a folder whose weights are the beginning")
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
    group = Group()
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    device = group.device
    cuda = device.type == "cuda"
    model = (load_nano(args.continue_from) if args.continue_from else Nano(TOY if args.toy else NanoConfig())).to(
        device
    )
    group.share(p.data for p in model.parameters())
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    muon = Muon(matrices, args.lr, weight_decay=0.05)
    adam = torch.optim.AdamW(others, args.lr, betas=(0.9, 0.95), weight_decay=0.0, fused=cuda)
    loss_of = torch.compile(model.loss) if cuda else model.loss
    rows = Rows(args.data, args.length, args.seed + 1000 * group.rank)
    mine = max(1, args.rows // group.size)
    say = print if group.rank == 0 else (lambda *_, **__: None)
    say({n: f"{len(t) / 1e6:.1f}M" for n, t in rows.sources.items()}, flush=True)
    clock = Clock(args.minutes, group)
    step, tokens, saved = 0, 0, time.time()
    while (spent := clock(step)) < 1:
        decay = max(0.0, (spent - 1 + args.decay) / args.decay)
        rate = args.lr * min(1.0, (step + 1) / args.warmup) * (1 - decay) + 1e-6
        for optimizer in (muon, adam):
            for settings in optimizer.param_groups:
                settings["lr"] = rate
        batch = rows.draw(mine, decay)
        if cuda:
            batch = batch.pin_memory().to(device, non_blocking=True)
        total = torch.zeros((), device=device)
        for part in torch.split(batch, args.micro):
            with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
                loss = loss_of(part[:, :-1], part[:, 1:])
            (loss * len(part) / mine).backward()
            total += loss.detach() * len(part) / mine
        group.average([p.grad for p in model.parameters() if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in (muon, adam):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        tokens += mine * group.size * args.length
        if step == 10:
            measured = (time.time(), tokens)
        if step % 50 == 0 or step in (1, 10, 20):
            speed = (tokens - measured[1]) / (time.time() - measured[0]) if step > 10 else 0.0
            say(
                f"step {step} loss {total.item():.4f} lr {rate:.2e} tokens {tokens / 1e6:.0f}M "
                f"{speed / 1e3:.0f}k tok/s {(time.time() - clock.began) / 60:.1f} min",
                flush=True,
            )
        if group.rank == 0 and time.time() - saved > args.save_every * 60:
            save_nano(model, args.out)
            saved = time.time()
    if group.rank == 0:
        save_nano(model, args.out)
    epochs = {n: round(rows.drawn[n] * group.size * args.length / len(t), 2) for n, t in rows.sources.items()}
    say(f"done: {step} steps, {tokens / 1e6:.0f} M tokens, epochs {epochs}", flush=True)
    if group.size > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
