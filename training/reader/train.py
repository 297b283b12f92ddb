"""python -m training.reader.train --start MINILM_FOLDER --train out/data/squad-train.npz --out out/reader/a.safetensors

Trains the joint reader and reranker. ``--train`` takes stores with a repeat factor (``a.npz:2``). A group is a
question with its answering passage and ``--group`` - 1 negatives. The losses: joint span (start, end) over the
passage and CLS as "no answer"; start and end apart; relevance by itself and against the group. ``--layers`` stacks
the folder's layers into a deeper network, ``--exit`` gives it heads after that layer too, which learn the same at half
the weight. ``--mask`` hides words and learns to guess them (pre-training; the guessing head is not saved).
``--teachers`` are readers whose averaged distributions are followed too. The average of the weights over the last part
of training is saved. A smaller card: lower ``--tokens``; without a card it runs too, slowly.
"""

import argparse
import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from training.data.store import (
    CLAIM,
    CLS,
    MASK,
    QUESTION,
    SEP,
    WORDS,
    Batch,
    Ragged,
    Shape,
    Store,
    batches,
    mask_words,
)
from training.nano.model import Rounded
from training.reader.encoder import SPAN_WIDTH, Output, Reader, WordHead, load_reader, save_reader

LOW = -30000.0
EARLY = 0.5  # weight of the exit layer's losses


def padded(values: Tensor, cu: Tensor, longest: int, fill: float) -> Tensor:
    """Pads packed values: flat [tokens] -> [sequences, longest]."""
    index = cu[:-1, None].long() + torch.arange(longest, device=cu.device)
    out = values[index.clamp(max=len(values) - 1)]
    return torch.where(index < cu[1:, None], out, fill)


def span_masks(inside: Tensor, sequence: Tensor, cu: Tensor) -> tuple[Tensor, Tensor]:
    """Returns single [tokens], which may start or end an answer, CLS included, and band [tokens, SPAN_WIDTH]."""
    first = torch.zeros_like(inside)
    first[cu[:-1].long().clamp(max=len(inside) - 1)] = True
    ahead = F.pad(inside, (0, SPAN_WIDTH)).unfold(0, SPAN_WIDTH, 1)[: len(inside)]
    same = F.pad(sequence, (0, SPAN_WIDTH), value=-1).unfold(0, SPAN_WIDTH, 1)[: len(inside)] == sequence[:, None]
    band = inside[:, None] & ahead & same
    band[:, 0] |= first
    return inside | first, band


class Distributions:
    """Log probabilities of joint spans, starts, ends and the relevance logits of one batch."""

    def __init__(self, out: Output, b: dict[str, Tensor], longest: int) -> None:
        ends, band, self.relevance, self.support = out
        single, pairs = span_masks(b["inside"], b["sequence"], b["cu"])
        cu, sequence = b["cu"], b["sequence"]
        band = band.masked_fill(~pairs, LOW)
        total = torch.logsumexp(padded(torch.logsumexp(band, 1), cu, longest, LOW), 1)
        self.joint = band - total[sequence][:, None]
        ends = ends.masked_fill(~single[:, None], LOW)
        self.ends = torch.stack(
            [e - torch.logsumexp(padded(e, cu, longest, LOW), 1)[sequence] for e in ends.unbind(1)], 1
        )
        self.pairs, self.single = pairs, single


def labelled(joint: Tensor, b: dict[str, Tensor]) -> Tensor:
    """Returns the log probability of all labelled spans together [sequences]; LOW where none fits."""
    starts, stops = b["spans"].unbind(-1)  # [sequences, MAX_SPANS]
    width = stops - starts
    fits = (starts >= 0) & (width < SPAN_WIDTH)
    s, w = starts.clamp(min=0), width.clamp(0, SPAN_WIDTH - 1)
    return torch.logsumexp(joint[s, w].masked_fill(~fits, LOW), 1)


def supervised(d: Distributions, b: dict[str, Tensor], group: int, null_weight: float) -> dict[str, Tensor]:
    """Returns the losses against the labels; ``belief``, where the batch has it, weights the labelled spans."""
    starts, stops = b["spans"].unbind(-1)
    known = starts >= 0
    weight = b["has_span"] * torch.where(b["label"] > 0, 1.0, null_weight)
    if "belief" in b:
        weight = weight * b["belief"]
    fits = known & (stops - starts < SPAN_WIDTH)
    s = starts.clamp(min=0)
    joint = labelled(d.joint, b)
    apart = torch.logsumexp((d.ends[s, 0] + d.ends[stops.clamp(min=0), 1]).masked_fill(~known, LOW), 1)
    use = weight * fits.any(1)
    label, counted = b["label"].clamp(min=0), (b["label"] >= 0) & (b["kind"] != CLAIM)
    claims = (b["label"] >= 0) & (b["kind"] == CLAIM)
    losses = {
        "joint": -(joint * use).sum() / use.sum().clamp(min=1),
        "apart": -(apart * weight).sum() / weight.sum().clamp(min=1) / 2,
        "relevance": (F.binary_cross_entropy_with_logits(d.relevance, label, reduction="none") * counted).sum()
        / counted.sum().clamp(min=1),
        "support": (F.binary_cross_entropy_with_logits(d.support, label, reduction="none") * claims).sum()
        / claims.sum().clamp(min=1),
    }
    if group > 1:
        rows = d.relevance.view(-1, group)
        real = counted.view(-1, group).all(1) & (label.view(-1, group)[:, 0] > 0)
        losses["rank"] = -(F.log_softmax(rows, 1)[:, 0] * real).sum() / real.sum().clamp(min=1)
    return losses


def distilled(d: Distributions, teacher: dict[str, Tensor], b: dict[str, Tensor], group: int) -> dict[str, Tensor]:
    """Returns the cross entropies against the teachers' averaged probabilities, for questions as they were asked."""
    real = (b["label"] >= 0) & (b["kind"] == QUESTION)
    on = real[b["sequence"]]
    n = real.sum().clamp(min=1)
    joint = -(teacher["joint"] * d.joint).masked_fill(~d.pairs | ~on[:, None], 0).sum() / n
    apart = -(teacher["ends"] * d.ends).masked_fill(~d.single[:, None] | ~on[:, None], 0).sum() / n / 2
    soft = F.binary_cross_entropy_with_logits(d.relevance, teacher["relevance"], reduction="none")
    losses = {"t_joint": joint, "t_apart": apart, "t_relevance": (soft * real).sum() / n}
    if group > 1:
        rows = F.log_softmax(d.relevance.view(-1, group), 1)
        groups = real.view(-1, group).all(1)
        cross = -(teacher["rank"] * rows).sum(1)
        losses["t_rank"] = (cross * groups).sum() / groups.sum().clamp(min=1)
    return losses


@torch.no_grad()
def teach_one(teacher: Reader, b: dict[str, Tensor], longest: int, group: int) -> dict[str, Tensor]:
    d = Distributions(teacher(b["ids"], b["types"], b["positions"], b["cu"], longest)[0], b, longest)
    part = {"joint": d.joint.exp(), "ends": d.ends.exp(), "relevance": d.relevance.sigmoid()}
    if group > 1:
        part["rank"] = d.relevance.view(-1, group).softmax(1)
    return part


def tensors(batch: Batch) -> dict[str, Tensor]:
    return {k: torch.from_numpy(getattr(batch, k)) for k in Batch.__dataclass_fields__}


class Stream(torch.utils.data.IterableDataset[dict[str, Tensor]]):
    def __init__(self, store: Store, args: argparse.Namespace, shape: Shape) -> None:
        self.store, self.args, self.shape = store, args, shape

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        info = torch.utils.data.get_worker_info()
        share = (info.id, info.num_workers) if info else (0, 1)
        a = self.args
        rng = np.random.default_rng([a.seed, share[0]])
        for batch in batches(self.store, a.group, self.shape, a.seed, a.epochs, a.drop_context, share, a.limit):
            words = mask_words(batch, a.mask, rng, a.hidden_mark, tuple(a.words)) if a.mask else {}
            yield tensors(batch) | {k: torch.from_numpy(v) for k, v in words.items()}


def read_stores(specs: Sequence[str], ask: bool = True) -> Store:
    """Reads and joins stores. Without ``ask`` the questions are left empty, so that a reader learns what is asked
    about."""
    parts = []
    for spec in specs:
        path, _, times = spec.partition(":")
        parts += [Store.load(Path(path))] * int(times or 1)
    store = Store.join(parts) if len(parts) > 1 else parts[0]
    return store if ask else replace(store, questions=Ragged.of([()] * len(store)))


def parameter_groups(model: Reader, lr: float, layer_decay: float, weight_decay: float) -> list[dict[str, object]]:
    depth = model.encoder.config.num_hidden_layers
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if name.startswith("encoder.layers."):
            scale = layer_decay ** (depth - 1 - int(name.split(".")[2]))
        else:
            scale = layer_decay**depth if name.startswith("encoder.") else 1.0
        groups.setdefault((scale, weight_decay if p.ndim > 1 else 0.0), []).append(p)
    return [{"params": ps, "lr": lr * s, "weight_decay": w, "peak": lr * s} for (s, w), ps in groups.items()]


class Losses:
    """The named losses of one batch, in a form that torch compiles."""

    def __init__(self, args: argparse.Namespace, model: Reader, words: WordHead | None, shape: Shape) -> None:
        self.args, self.model, self.words, self.shape = args, model, words, shape

    def __call__(self, b: dict[str, Tensor], teacher: dict[str, Tensor]) -> dict[str, Tensor]:
        a = self.args
        x, middle = self.model.states(b["ids"], b["types"], b["positions"], b["cu"], self.shape.longest)
        losses: dict[str, Tensor] = {}
        if self.words is not None:
            guessed = self.words(x[b["where"]], self.model.encoder.words.weight)
            losses["words"] = F.cross_entropy(guessed.float(), b["words"], ignore_index=-100)
        if teacher and a.belief:
            told = labelled(teacher["joint"].clamp(min=1e-9).log(), b).exp().clamp(max=1.0)
            b = b | {"belief": torch.where((b["label"] > 0) & (b["kind"] == QUESTION), told, 1.0)}
        for early, out in enumerate(self.model.answer(x, middle, b["cu"])):
            d = Distributions(out, b, self.shape.longest)
            some = {k: a.hard * v for k, v in supervised(d, b, a.group, a.null_weight).items()} if a.hard else {}
            if teacher:
                some |= {k: a.soft * v for k, v in distilled(d, teacher, b, a.group).items()}
            losses |= {("early_" if early else "") + k: (EARLY if early else 1.0) * v for k, v in some.items()}
        return losses


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layers", type=lambda t: [int(x) for x in t.split(",")], default=[], help="0,1,2,1,2")
    parser.add_argument("--exit", type=int, default=0)
    parser.add_argument("--mask", type=float, default=0.0, help="share of the words to hide")
    parser.add_argument("--hidden-mark", type=int, default=MASK, help="token in the place of a hidden word")
    parser.add_argument("--words", type=int, nargs=2, default=WORDS, help="tokens that are words, first and end")
    parser.add_argument("--int4", action="store_true", help="round a decoder's matrices to INT4 all the while")
    parser.add_argument("--no-question", action="store_true", help="learn what is asked about")
    parser.add_argument("--teachers", type=Path, nargs="*", default=[])
    parser.add_argument("--hard", type=float, default=1.0, help="weight of the labels beside the teachers")
    parser.add_argument("--belief", action="store_true", help="answers count as much as the teachers believe them")
    parser.add_argument("--soft", type=float, default=1.0, help="weight of the teachers")
    parser.add_argument("--group", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=None, help="end the schedule by the clock")
    parser.add_argument("--limit", type=int, default=None, help="questions an epoch")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--layer-decay", type=float, default=0.9)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--warmup", type=float, default=0.06)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--null-weight", type=float, default=0.5)
    parser.add_argument("--drop-context", type=float, default=0.25)
    parser.add_argument("--average", type=float, default=0.999, help="decay of the averaged weights")
    parser.add_argument("--tokens", type=int, default=24576, help="tokens a batch")
    parser.add_argument("--sequences", type=int, default=384)
    parser.add_argument("--longest", type=int, default=384)
    parser.add_argument(
        "--marks", type=lambda t: tuple(int(x) for x in t.split(",")), default=(CLS, SEP), help="tokens"
    )
    parser.add_argument("--freeze", action="store_true", help="leave the embeddings of words and positions as they are")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    cls, sep = args.marks
    shape = Shape(args.tokens, args.sequences // args.group * args.group, args.longest, cls=cls, sep=sep)
    store = read_stores(args.train, not args.no_question)
    model = load_reader(args.start, args.dropout, args.layers, args.exit).to(device).train()
    for name, p in model.encoder.named_parameters():
        if name in ("words.weight", "positions.weight"):
            p.requires_grad_(not args.freeze)
    if args.int4:
        assert isinstance(model.encoder, Rounded), "--int4 is for a reader made of a decoder"
        model.encoder.rounds(True)
    teachers = [load_reader(t).to(device).eval() for t in args.teachers]
    words = WordHead(model.encoder.config).to(device) if args.mask else None
    parameters = parameter_groups(model, args.lr, args.layer_decay, args.weight_decay)
    if words is not None:
        parameters.append({"params": list(words.parameters()), "lr": args.lr, "weight_decay": 0.0, "peak": args.lr})
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), fused=cuda)
    total = min(len(store), args.limit or len(store)) * args.epochs
    losses_of = Losses(args, model, words, shape)
    run = torch.compile(losses_of.__call__, dynamic=False) if cuda else losses_of
    show = torch.compile(teach_one, dynamic=False) if cuda else teach_one
    averaged = {k: v.detach().clone() for k, v in model.state_dict().items()}
    loader = torch.utils.data.DataLoader(
        Stream(store, args, shape), batch_size=None, num_workers=args.workers, pin_memory=cuda,
        prefetch_factor=8 if args.workers else None,
    )  # fmt: skip
    print(f"{len(store)} questions, {len(store.passages)} passages, {asdict(shape)}", flush=True)
    began, seen, step = time.time(), 0, 0
    for batch in loader:
        groups = int((batch["label"] >= 0).sum()) // args.group
        done = seen / total
        if step == 1:
            began = time.time()  # the first step compiles
        if args.minutes and step:
            done = max(done, (time.time() - began) / 60 / args.minutes)
            if done >= 1:
                break
        rate = min(1.0, done / args.warmup if args.warmup else 1.0) * max(0.0, 1 - done)
        for g in optimizer.param_groups:
            g["lr"] = g["peak"] * max(rate, 1e-4)
        b = {k: v.to(device, non_blocking=True) for k, v in batch.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            told = [show(t, b, shape.longest, args.group) for t in teachers]
            teacher = {k: torch.stack([t[k] for t in told]).mean(0) for k in told[0]} if told else {}
            losses = run(b, teacher)
        loss = torch.stack(list(losses.values())).sum()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen += groups
        step += 1
        decay = min(args.average, (step + 1) / (step + 10))
        current = [v.detach() for v in model.state_dict().values()]
        torch._foreach_lerp_(list(averaged.values()), current, 1 - decay)
        if step % 200 == 0 or step in (1, 20):
            parts = " ".join(f"{k} {v.item():.3f}" for k, v in losses.items())
            if not math.isfinite(loss.item()):
                raise SystemExit(f"the loss is {loss.item()} at step {step}")
            print(f"step {step} {done:.1%} {parts} {time.time() - began:.0f} s", flush=True)
    save_reader(copy.deepcopy(averaged), model.encoder.config, args.out)
    print(
        f"saved {args.out} after {step} steps, {seen / len(store):.2f} epochs, {time.time() - began:.0f} s", flush=True
    )


if __name__ == "__main__":
    main()
