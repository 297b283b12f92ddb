"""python -m training.nano.tune --lessons out/tune.npz --continue-from out/nano-base --out out/docent-nano --minutes 7

Tunes docent-nano on the lessons of training.nano.tune_data. Lessons are packed into rows, each attends to itself only,
and the loss covers the replies; ``--prompt-weight`` adds a share of the prompts, so that the model keeps its language.
With ``--int4`` the model learns while its matrices are rounded as the quantizer rounds them. Muon for matrices, AdamW
for the rest, warm-up, then a linear fall that ends when ``--minutes`` or ``--epochs`` are over. A share of the lessons
is kept back; the loss on it is printed per kind of task.
"""

import argparse
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.nano.model import Nano, load_nano, save_nano
from training.nano.muon import Muon
from training.nano.tune_data import KINDS, Lessons

_HELD_BACK = 600  # lessons
_ALL_LEARNT = 0.15  # of the run, in which no lesson is distrusted


@dataclass(frozen=True, slots=True)
class Pack:
    """Lessons packed into one row of tokens; ``learnt`` [n] holds the positions whose next token belongs to a reply."""

    ids: torch.Tensor
    positions: torch.Tensor
    cu: torch.Tensor
    learnt: torch.Tensor
    beside: torch.Tensor  # as many positions of prompts, by chance, and what follows them
    beside_targets: torch.Tensor
    targets: torch.Tensor
    kinds: torch.Tensor  # of each learnt position
    owners: torch.Tensor  # which lesson of the pack each learnt position belongs to
    lessons: int


def packs(lessons: Lessons, order: list[int], tokens: int, sequences: int) -> Iterator[Pack]:
    """Yields packs of ``tokens`` tokens; only the number of learnt positions differs between them."""
    at, rng = 0, np.random.default_rng(0)
    while at < len(order):
        ids, positions = np.zeros(tokens, np.int64), np.zeros(tokens, np.int64)
        cu, learnt, targets, kinds = [0], [], [], []
        beside, beside_targets = [], []
        used = 0
        while at < len(order) and len(cu) < sequences:
            row, start = lessons[order[at]]
            if used + len(row) - 1 > tokens:
                break
            n = len(row) - 1
            ids[used : used + n], positions[used : used + n] = row[:-1], np.arange(n)
            learnt.append(np.arange(used + start - 1, used + n))
            targets.append(row[start:].astype(np.int64))
            some = rng.integers(0, start - 1, min(start - 1, n - start + 1))
            beside.append(used + some)
            beside_targets.append(row[1 + some].astype(np.int64))
            kinds.append(np.full(n - start + 1, lessons.kinds[order[at]]))
            used += n
            cu.append(used)
            at += 1
        if used == 0:  # longer than a pack
            at += 1
            continue
        longest = 2048  # what is left over is filled up with sequences of its own, no longer than a lesson
        while used < tokens and len(cu) < sequences:
            n = min(longest, tokens - used)
            positions[used : used + n] = np.arange(n)
            used += n
            cu.append(used)
        cu += [tokens] * (sequences + 1 - len(cu))
        yield Pack(
            torch.from_numpy(ids),
            torch.from_numpy(positions),
            torch.tensor(cu, dtype=torch.int32),
            torch.from_numpy(np.concatenate(learnt)),
            torch.from_numpy(np.concatenate(beside)),
            torch.from_numpy(np.concatenate(beside_targets)),
            torch.from_numpy(np.concatenate(targets)),
            torch.from_numpy(np.concatenate(kinds)),
            torch.from_numpy(np.repeat(np.arange(len(targets)), [len(t) for t in targets])),
            len(targets),
        )


class Tuner:
    def __init__(self, model: Nano, longest: int) -> None:
        self.model = model
        self.device = model.embed_tokens.weight.device
        self.cuda = self.device.type == "cuda"
        self.longest = longest
        self.hidden = torch.compile(model.packed_hidden) if self.cuda else model.packed_hidden

    def here(self, values: torch.Tensor) -> torch.Tensor:
        """Copies to the model's device."""
        return values.to(self.device, non_blocking=True)

    def losses(self, pack: Pack) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the loss of every learnt token and the mean loss of the prompt tokens beside them."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cuda):
            x = self.hidden(self.here(pack.ids), self.here(pack.positions), self.here(pack.cu), self.longest)
            logits = F.linear(x[self.here(pack.learnt)], self.model.embed_tokens.weight)
            other = F.linear(x[self.here(pack.beside)], self.model.embed_tokens.weight)
        beside = F.cross_entropy(other.float(), self.here(pack.beside_targets))
        return F.cross_entropy(logits.float(), self.here(pack.targets), reduction="none"), beside

    def trusted(self, losses: torch.Tensor, pack: Pack, share: float) -> torch.Tensor:
        """The mean loss of the pack's lessons, less those that the model finds most unlikely: of lessons that rules
        make, these are the ungrammatical and the wrong ones."""
        owners = self.here(pack.owners)
        sums = losses.new_zeros(pack.lessons).index_add(0, owners, losses.detach())
        means = sums / torch.bincount(owners, minlength=pack.lessons)
        kept = (means <= means.quantile(share))[owners].float()
        return (losses * kept).sum() / kept.sum()

    @torch.no_grad()
    def report(self, lessons: Lessons, order: list[int], tokens: int, sequences: int) -> str:
        sums, counts = torch.zeros(len(KINDS)), torch.zeros(len(KINDS))
        besides = []
        for pack in packs(lessons, order, tokens, sequences):
            losses, beside = self.losses(pack)
            loss = losses.cpu()
            besides.append(float(beside))
            sums.index_add_(0, pack.kinds.long(), loss)
            counts.index_add_(0, pack.kinds.long(), torch.ones_like(loss))
        rows = zip(KINDS, sums.tolist(), counts.tolist(), strict=True)
        return " ".join(f"{k} {s / c:.3f}" for k, s, c in rows if c) + f" prompts {np.mean(besides):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", type=Path, required=True)
    parser.add_argument("--continue-from", type=Path, required=True, help="the pretrained model's folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--epochs", type=float, default=2.0, help="at most")
    parser.add_argument("--tokens", type=int, default=65_536, help="a step")
    parser.add_argument("--sequences", type=int, default=320, help="lessons a step, at most")
    parser.add_argument("--longest", type=int, default=2048)
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--warmup", type=int, default=40)
    parser.add_argument("--prompt-weight", type=float, default=0.1)
    parser.add_argument("--trusted", type=float, default=1.0, help="share of a step's lessons, likeliest first, learnt")
    parser.add_argument("--int4", action="store_true", help="learn with rounded matrices and save them rounded")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_nano(args.continue_from).to(device)
    model.rounds(args.int4)
    tuner = Tuner(model, args.longest)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [Muon(matrices, args.lr), torch.optim.AdamW(others, args.lr, betas=(0.9, 0.95), weight_decay=0.0)]
    lessons = Lessons.load(args.lessons)
    rng = random.Random(args.seed)
    order = rng.sample(range(len(lessons)), len(lessons))
    kept = min(_HELD_BACK, len(order) // 10)
    test, order = order[:kept], order[kept:]
    repeated = [i for _ in range(int(args.epochs + 0.999)) for i in rng.sample(order, len(order))]
    repeated = repeated[: int(args.epochs * len(order))]
    print(f"{len(order)} lessons, {len(lessons.tokens) / 1e6:.0f} M tokens", flush=True)
    print("before: " + tuner.report(lessons, test, args.tokens, args.sequences), flush=True)
    began, seen, step = time.time(), 0, 0
    for pack in packs(lessons, repeated, args.tokens, args.sequences):
        clock = (time.time() - began) / 60 / args.minutes
        spent = max(clock, seen / len(repeated))
        if clock >= 1:
            break
        rate = args.lr * min(1.0, (step + 1) / args.warmup) * (1 - spent) + 1e-6
        for o in optimizers:
            for settings in o.param_groups:
                settings["lr"] = rate
        losses, beside = tuner.losses(pack)
        loss = losses.mean() if spent < _ALL_LEARNT else tuner.trusted(losses, pack, args.trusted)
        (loss + args.prompt_weight * beside).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optimizers:
            o.step()
            o.zero_grad(set_to_none=True)
        seen += pack.lessons
        step += 1
        if step % 100 == 0 or step == 5:
            print(
                f"step {step} loss {loss.item():.4f} lr {rate:.1e} {seen} lessons {time.time() - began:.0f} s",
                flush=True,
            )
    print("after: " + tuner.report(lessons, test, args.tokens, args.sequences), flush=True)
    if args.int4:
        model.settle()
    save_nano(model, args.out)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (args.continue_from / name).exists():
            shutil.copy(args.continue_from / name, args.out / name)
    (args.out / "docent.json").write_text('{"prompt": "docent-nano/1"}\n')
    print(f"done: {step} steps, {seen} lessons, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
