"""python -m training.data.ask --nano out/nano-base --tokenizer out/nano/tokenizer.json --data DATA --out
out/data/asked.npz

Trains docent-nano to write questions, (passage, answer) -> question, on SQuAD's training articles, then has it write
questions about answers picked from passages of the corpus and stores the question-passage pairs with hard negatives of
the same document for the reader and the embedder. ``--picker`` is a reader trained with --no-question: it knows what
people ask about; without one, names, numbers and short noun phrases are picked. ``--check`` keeps the questions to
which a reader gives nearly the same answer. Nothing of the held-out articles is used.
"""

import argparse
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training.data.corpus import read_jsonl, read_squad, split_articles, wiki_sections
from training.data.picking import agreed, keep, reader_spans
from training.data.store import Ragged, Store, answer_places, build_store, load_tokenizer
from training.nano.data import context_of, held_out_titles
from training.nano.model import Nano, load_nano
from training.nano.muon import Muon

ANSWER = re.compile(
    r"\b[A-Z][\w'\u2019-]+(?:\s+(?:(?:of|the|de|von|and)\s+)?[A-Z][\w'\u2019-]+){0,4}|"
    r"(?:[$\u00a3\u20ac])?\b\d[\d,.]*\d?"
    r"(?:\s+(?:million|billion|percent|years|km|miles|people|%|[A-Z][a-z]+(?:\s+\d{4})?))?|"
    r"(?<=\bthe )[a-z]+(?: [a-z]+)? of [a-z]+|(?<=\ba )[a-z]+ [a-z]{4,}|"
    r"(?<=\bto )[a-z]+ (?:the|a) [a-z]+(?: [a-z]{5,})?|"
    r"(?<=because )[^.,;]{10,60}(?=[.,;])|(?<=by )[a-z]+ing [^.,;]{5,40}(?=[.,;])"
)
PROMPT = "{context}\n{text}\n\nAnswer: {answer}\nQuestion:"


def pick_answers(text: str, rng: random.Random, most: int) -> list[tuple[int, str]]:
    found = []
    for m in ANSWER.finditer(text):
        answer = m.group().rstrip(".,")
        if len(answer) > 1 and answer.lower() not in {
            "the",
            "it",
            "he",
            "she",
            "this",
            "in",
            "they",
            "these",
            "a",
            "an",
        }:
            found.append((m.start(), answer))
    rng.shuffle(found)
    return found[:most]


def picked_answers(
    reader: Path, encoder: Tokenizer, passages: list[tuple[str, str]], most: int
) -> list[list[tuple[int, str]]]:
    """Draws up to ``most`` answers that do not overlap for each passage, from the picker's distribution."""
    texts = encoder.encode_batch([t for _, t in passages], add_special_tokens=False)
    contexts = encoder.encode_batch([c for c, _ in passages], add_special_tokens=False)
    nothing = np.full((len(passages), 1), -1, np.int32)
    store = Store(
        Ragged.of([()] * len(passages)), Ragged.of([e.ids for e in contexts]), Ragged.of([e.ids for e in texts]),
        np.arange(len(passages), dtype=np.int32), nothing[:, :, None].repeat(2, 2), nothing,
    )  # fmt: skip
    spans, scores = reader_spans(reader, store, 2 * most, sample=True)
    out = []
    for (_, text), e, row, score in zip(passages, texts, spans, scores, strict=True):
        taken: list[tuple[int, int]] = []
        for (a, b), s in zip(row, score, strict=True):
            if s > -12 and 0 <= a <= b < len(e.ids) and all(b < c or a > d for c, d in taken) and len(taken) < most:
                taken.append((int(a), int(b)))
        out.append([(e.offsets[a][0], text[e.offsets[a][0] : e.offsets[b][1]]) for a, b in taken])
    return out


def wait_for(path: Path | None) -> None:
    while path and not path.exists():
        time.sleep(1)


def lessons(data: Path, tokenizer: Tokenizer, longest: int) -> list[tuple[list[int], int]]:
    """Returns SQuAD's training questions as (token ids, index of the question's first token)."""
    rows = []
    for article in split_articles(read_squad(data / "qa/squad-train-v1.1.json.xz"))["train"]:
        for p in article.paragraphs:
            for q in p.questions:
                prompt = PROMPT.format(context=article.title, text=p.text, answer=q.answers[0][1])
                rows.append((prompt, f" {q.text}\n"))
    prompts = tokenizer.encode_batch(["<|bos|>" + r[0] for r in rows])
    asked = tokenizer.encode_batch([r[1] for r in rows])
    pairs = [(p.ids + a.ids, len(p.ids)) for p, a in zip(prompts, asked, strict=True)]
    return [r for r in pairs if len(r[0]) <= longest]


def teach(model: Nano, rows: list[tuple[list[int], int]], epochs: float, lr: float, size: int) -> None:
    device = next(model.parameters()).device
    cuda = device.type == "cuda"
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [Muon(matrices, lr), torch.optim.AdamW(others, lr, weight_decay=0.0)]
    rng = random.Random(0)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) // 32 + rng.random() * 3)
    blocks = [order[i : i + size] for i in range(0, len(order), size)]
    picks = [b for _ in range(int(epochs + 0.99)) for b in rng.sample(blocks, len(blocks))][
        : max(1, int(epochs * len(blocks)))
    ]
    for step, block in enumerate(picks):
        longest = -(-max(len(rows[i][0]) for i in block) // 64) * 64
        ids = torch.full((len(block), longest + 1), 2)
        targets = torch.full((len(block), longest + 1), -100)
        for j, i in enumerate(block):
            tokens, start = rows[i]
            ids[j, : len(tokens)] = torch.tensor(tokens)
            targets[j, start : len(tokens)] = ids[j, start : len(tokens)]
        for o in optimizers:
            for g in o.param_groups:
                g["lr"] = lr * min(1.0, (step + 1) / 20) * (1 - step / len(picks))
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            loss = model.loss(ids[:, :-1].to(device), targets[:, 1:].to(device))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optimizers:
            o.step()
            o.zero_grad(set_to_none=True)
        if step % 100 == 0:
            print(f"teach {step}/{len(picks)} loss {loss.item():.3f}", flush=True)


def documents(data: Path, share: float) -> Iterator[tuple[list[tuple[str, str]], random.Random]]:
    """Yields documents as lists of (context, text) passages: a share of the encyclopaedia and some technical text and
    law."""
    held_out = held_out_titles(read_squad(data / "qa/squad-train-v1.1.json.xz"))
    rng = random.Random(1)
    for path in sorted((data / "corpus").glob("wikipedia-*.jsonl.xz")):
        for title, text in read_jsonl(path):
            if title.lower() not in held_out and rng.random() < share:
                sections = wiki_sections(title, text)
                yield [(context_of(title, s.heading), s.text) for s in sections[:40]], rng
    for name, part in (("technical-docs", 0.6), ("law", 0.4)):
        for title, text in read_jsonl(data / "corpus" / f"{name}.jsonl.xz"):
            if rng.random() < part * share:
                heading = text.split("\n", 1)[0].strip("# `")[:60] or title
                sections = wiki_sections("", text, min_words=40)
                yield [(heading, s.text) for s in sections[:12]], rng


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nano", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--encoder-tokenizer", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.25, help="of the documents")
    parser.add_argument("--each", type=int, default=2, help="questions a passage")
    parser.add_argument("--most", type=int, default=260_000)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument(
        "--wait", type=Path, default=None, help="prepare, then wait for this file before reading --nano"
    )
    parser.add_argument("--picker", type=Path, default=None, help="waited for, like --check")
    parser.add_argument("--check", type=Path, default=None)
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=1024)
    args = parser.parse_args()
    began = time.time()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = load_tokenizer(args.tokenizer)
    encoder = load_tokenizer(args.encoder_tokenizer)
    passages: list[tuple[str, str]] = []
    same: list[range] = []  # of each passage: the passages of its document
    picks: list[list[tuple[int, str]]] = []
    for document, rng in documents(args.data, args.share):
        same += [range(len(passages), len(passages) + len(document))] * len(document)
        passages += document
        picks += [pick_answers(text, rng, args.each) for _, text in document]
    taught = lessons(args.data, tokenizer, 512)
    word = re.compile(r"\w{4,}")
    bags = [frozenset(word.findall(f"{c} {t}".lower())) for c, t in passages]
    print(f"{len(passages)} passages, {time.time() - began:.0f} s", flush=True)
    wait_for(args.wait)
    model = load_nano(args.nano).to(device)
    teach(model, taught, args.epochs, 5e-4, 64)
    model.eval()
    if args.picker:
        wait_for(args.picker)
        picks = picked_answers(args.picker, encoder, passages, args.each)
    jobs = [(i, start, answer) for i, found in enumerate(picks) for start, answer in found]
    random.Random(2).shuffle(jobs)
    jobs = jobs[: args.most]
    print(f"{len(jobs)} answers, {time.time() - began:.0f} s", flush=True)
    prompts = ["<|bos|>" + PROMPT.format(context=passages[p][0], text=passages[p][1], answer=a) for p, _, a in jobs]
    ids = [e.ids for e in tokenizer.encode_batch(prompts)]
    order = sorted((i for i in range(len(ids)) if len(ids[i]) < 480), key=lambda i: len(ids[i]))
    newline, *marks = (tokenizer.encode(t).ids[0] for t in ("\n", "?", "?\n"))
    questions: dict[int, str] = {}
    for at in range(0, len(order), args.batch):
        block = order[at : at + args.batch]
        made = model.generate([ids[i] for i in block], 28, newline, temperature=args.temperature, also=frozenset(marks))
        for i, tokens in zip(block, made, strict=True):
            text = tokenizer.decode(tokens).split("\n")[0].strip()
            if text.endswith("?") and len(text.split()) >= 4 and jobs[i][2].lower() not in text.lower():
                questions[i] = text
        if at // args.batch % 40 == 0:
            print(f"{at + len(block)}/{len(order)} {time.time() - began:.0f} s: {text}", flush=True)
    rows: list[tuple[str, int, list[tuple[int, int]], list[int]]] = []
    for i, question in questions.items():
        gold, start, answer = jobs[i]
        asked = set(word.findall(question.lower()))
        others = [p for p in same[gold] if p != gold and answer not in passages[p][1]]
        others.sort(key=lambda p: -len(asked & bags[p]))
        spans = [(s, s + len(answer)) for s in answer_places(passages[gold][1], start, answer)]
        rows.append((question, gold, spans, others[:8]))
    random.Random(3).shuffle(rows)
    store = build_store(encoder, passages, rows)
    print(f"{len(rows)} questions asked, {time.time() - began:.0f} s", flush=True)
    if args.check:
        wait_for(args.check)
        good = agreed(args.check, store)
        store, rows = keep(store, good), [r for r, g in zip(rows, good, strict=True) if g]
    store.save(args.out)
    for question, gold, spans, _ in rows[:40]:
        print(question, "|", passages[gold][1][spans[0][0] : spans[0][1]])
    print(f"{len(rows)} questions stored, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
