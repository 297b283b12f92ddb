"""python -m training.evaluate.reader FILE --reader reader.onnx --embedder model.onnx --tokenizer tokenizer.json

Prints the table of the reader, the reranker and the whole pipeline on any SQuAD-format file (``--split val`` or
``test`` takes the held-out articles of SQuAD's train file). Where a question has several reference answers the best
match counts; questions without an answer are left out. ``--calibration FILE`` uses its thresholds; ``--calibrate FILE``
fits them on this data and writes the product's calibration.json, so never do both on the same split. ``.safetensors``
readers and BERT folders run by torch. ``--questions N`` takes an evenly spread sample, ``--gold-only`` stops after
reading the answering passages.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from training.data.compact import CompactTokenizer, Encoded
from training.data.corpus import read_squad, split_articles
from training.data.prepare_squad import Flat, flatten, lacks, plain
from training.data.search import fuse, keyword_search
from training.data.store import CLS, SEP, Shape, load_tokenizer, pair_tokens
from training.evaluate import backends, metrics

DEPTH = 20  # passages that are reranked and read
NEAR = 5  # of them the answer is chosen among
ODDS_WEIGHT = 0.2  # of the log odds of an answer beside the relevance, where the answer is chosen
FEATURES = ["relevance", "log odds of an answer against none", "log probability of the span among spans"]
Calibration = dict[str, Any]  # as written to calibration.json
Absent = tuple[str, int, str]  # a question, the passage it was made from, what was changed (training.data.changed)
SHAPE = Shape()
_EDGE = re.compile(r"^[\s,.;:]+|[\s,;:]+$")


class Pairs:
    """Tokenises a split once and turns (question, passage) numbers into the reader's input. Questions of ``more`` are
    numbered behind those of the split."""

    def __init__(
        self, flat: Flat, tokenizer: Tokenizer | CompactTokenizer, shape: Shape = SHAPE, more: Sequence[str] = ()
    ) -> None:
        def encode(texts: Iterable[str]) -> Sequence[Encoding | Encoded]:
            return tokenizer.encode_batch(list(texts), add_special_tokens=False)

        self.flat, self.shape = flat, shape
        self.questions = [np.array(e.ids, np.int64) for e in encode([*(q[0] for q in flat.questions), *more])]
        self.contexts = [np.array(e.ids, np.int64) for e in encode(p[0] for p in flat.passages)]
        passages = encode(p[1] for p in flat.passages)
        self.passages = [np.array(e.ids, np.int64) for e in passages]
        self.offsets = [e.offsets for e in passages]

    def pair(self, question: int, passage: int, context: bool = True) -> backends.Pair:
        q = self.questions[question]
        c = self.contexts[passage] if context else self.contexts[passage][:0]
        ids, first = pair_tokens(q, c, self.passages[passage], self.shape)
        return ids, first, min(len(q), self.shape.question) + 2

    def text(self, passage: int, span: NDArray[np.int64]) -> str:
        offsets = self.offsets[passage]
        first, last = (min(int(i), len(offsets) - 1) for i in span)
        return _EDGE.sub("", self.flat.passages[passage][1][offsets[first][0] : offsets[last][1]])


def logistic(x: NDArray[np.float64], y: NDArray[np.float64], steps: int = 50) -> dict[str, Any]:
    """Fits a logistic regression by Newton's method with a small ridge term; returns weights and bias."""
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w))
        h = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(len(w))
        w += np.linalg.solve(h, x.T @ (y - p) - 1e-3 * w)
    return {"weights": w[:-1].tolist(), "bias": float(w[-1])}


def probability(fitted: dict[str, Any], features: NDArray[np.float64]) -> NDArray[np.float64]:
    z = np.exp(-(features @ np.array(fitted["weights"]) + fitted["bias"]))
    return np.asarray(1 / (1 + z), np.float64)


def best_threshold(p: NDArray[np.float64], y: NDArray[np.bool_], most_wrong: float | None = None) -> float:
    """Returns the most accurate threshold, or the highest that refuses at most ``most_wrong`` of the answerable."""
    if most_wrong is not None:
        return float(np.quantile(p[y], most_wrong))
    order = np.argsort(p)
    right = np.cumsum(~y[order]) + y.sum() - np.cumsum(y[order])
    return float(p[order][int(right.argmax())])


def scores(texts: Sequence[str], answers: Sequence[Sequence[str]], name: str) -> dict[str, float]:
    kinds = {"exact match": metrics.exact_match, "F1": metrics.f1}
    return {
        f"{name}: {kind}": float(np.mean([metric(t, a) for t, a in zip(texts, answers, strict=True)]))
        for kind, metric in kinds.items()
    }


def gold_passages(
    pairs: Pairs, reader: backends.ReaderBackend, asked: NDArray[np.int64]
) -> tuple[dict[str, float], backends.Scored]:
    """Reads the answering passages with and without the document's title; returns the table and the scores with the
    title."""
    questions = [pairs.flat.questions[i] for i in asked]
    answers = [[a for _, a in q[2]] for q in questions]
    read: list[backends.Scored] = []
    table: dict[str, float] = {}
    for name, context in (("gold passage", True), ("gold passage, no title", False)):
        out = reader.score([pairs.pair(i, q[1], context) for i, q in zip(asked, questions, strict=True)])
        table |= scores([pairs.text(q[1], s) for q, s in zip(questions, out.span, strict=True)], answers, name)
        read.append(out)
    return table, read[0]


def evaluate(
    flat: Flat,
    pairs: Pairs,
    reader: backends.ReaderBackend,
    embed: Callable[[Sequence[str]], backends.Floats],
    calibration: Calibration | None,
    asked: NDArray[np.int64],
    workers: int,
    absent: Sequence[Absent] = (),
) -> tuple[dict[str, float], Calibration]:
    """Returns the table's rows and the calibration, which is fitted here when none is given. ``absent`` are the
    questions that ``pairs`` holds behind the split's own."""
    fit = calibration is None
    cal: Calibration = calibration or {"features": FEATURES, "answer_odds_weight": ODDS_WEIGHT}
    questions = [flat.questions[i] for i in asked]
    gold = np.array([q[1] for q in questions])
    answers = [[a for _, a in q[2]] for q in questions]
    table, with_gold = gold_passages(pairs, reader, asked)

    keyword = keyword_search(flat.passages, [q[0] for q in questions], 50, workers)
    plain_texts = [plain(t) for _, t in flat.passages]
    rows, wrong = [], []
    for i, row in enumerate(keyword):
        same = [p for p in row if p >= 0 and p != gold[i] and flat.article[p] == flat.article[gold[i]]]
        hard = [int(p) for p in same if lacks(plain_texts[p], questions[i][2])]
        if hard:
            rows.append(i)
            wrong.append(hard[0])
    without = reader.score([pairs.pair(asked[i], p) for i, p in zip(rows, wrong, strict=True)])
    x = np.concatenate([with_gold.features()[rows], without.features()]).astype(np.float64)
    y = np.repeat([True, False], len(rows))
    if fit:
        cal["passage"] = logistic(x, y.astype(float))
    p = probability(cal["passage"], x)
    if fit:
        cal["passage"]["threshold"] = best_threshold(p, y)
    table["no-answer decision: accuracy"] = float(np.mean((p >= cal["passage"]["threshold"]) == y))

    vectors = embed([f"{c}\n{t}" if c else t for c, t in flat.passages])
    queries = embed([q[0] for q in questions])
    table |= first_stage(queries, vectors, keyword, gold)
    dense = top(queries, vectors, np.full(len(questions), -1), flat.article, 50)
    fused = fuse(dense, keyword, DEPTH)
    run = Run(pairs, reader, asked, fused)
    if fit:
        cal["rank_odds_weight"] = max((run.rank_accuracy(gold, a), a) for a in (0.0, 0.1, 0.2, 0.35, 0.5, 1.0))[1]
    order = run.order(cal["rank_odds_weight"])
    hit = np.take_along_axis(fused, order, 1) == gold[:, None]
    for k in (1, 5):
        table[f"reranked: answering passage at {k}"] = hit[:, :k].any(1).mean()
    if fit:
        tried = [(run.answer_f1(order, b, answers), b) for b in (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)]
        cal["answer_span_weight"] = max(tried)[1]
    texts, chosen = run.answers(order, cal["answer_span_weight"])
    table |= scores(texts, answers, "pipeline")

    # the question's own article taken out of the index
    own = flat.article[gold]
    dense = top(queries, vectors, own, flat.article, 50)
    left = np.where(flat.article[np.maximum(keyword, 0)] == own[:, None], -1, keyword)
    away = Run(pairs, reader, asked, fuse(dense, left, DEPTH))
    _, away_chosen = away.answers(away.order(cal["rank_odds_weight"]), cal["answer_span_weight"])
    # questions that nothing answers though their article is there
    nothing = np.zeros((0, 3), np.float32)
    if absent:
        keyword = keyword_search(flat.passages, [a[0] for a in absent], 50, workers)
        dense = top(embed([a[0] for a in absent]), vectors, np.full(len(absent), -1), flat.article, 50)
        there = Run(pairs, reader, len(flat.questions) + np.arange(len(absent)), fuse(dense, keyword, DEPTH))
        _, nothing = there.answers(there.order(cal["rank_odds_weight"]), cal["answer_span_weight"])
    x = np.concatenate([chosen, away_chosen, nothing]).astype(np.float64)
    y = np.repeat([True, False, False], [len(questions), len(questions), len(absent)])
    if fit:
        cal["answer"] = logistic(x, y.astype(float))
    p = probability(cal["answer"], x)
    if fit:
        cal["answer"]["threshold"] = best_threshold(p, y, 0.06)
    found = p >= cal["answer"]["threshold"]
    n = len(questions)
    table["article removed: refused"] = 1 - found[n : 2 * n].mean()
    table["article present: wrongly refused"] = 1 - found[:n].mean()
    if absent:
        table["article present, nothing answers: refused"] = 1 - found[2 * n :].mean()
        for kind in sorted({a[2] for a in absent}):
            of_kind = np.array([a[2] == kind for a in absent])
            table[f"... {kind} ({of_kind.sum()})"] = 1 - found[2 * n :][of_kind].mean()
    return {k: float(v) for k, v in table.items()}, cal


def top(
    queries: backends.Floats, vectors: backends.Floats, exclude: NDArray[np.int32], article: NDArray[np.int32], k: int
) -> NDArray[np.int32]:
    """Returns the nearest passages [questions, k], those of the excluded article left out."""
    out = np.empty((len(queries), min(k, len(vectors))), np.int32)
    for i in range(0, len(queries), 1024):
        s = queries[i : i + 1024] @ vectors.T
        s[article[None] == exclude[i : i + 1024, None]] = -2
        out[i : i + 1024] = np.argsort(-s, 1)[:, :k]
    return out


def first_stage(
    queries: backends.Floats, vectors: backends.Floats, keyword: NDArray[np.int32], gold: NDArray[np.int64]
) -> dict[str, float]:
    dense = top(queries, vectors, np.full(len(queries), -1), np.zeros(len(vectors), np.int32), 50)
    table = {}
    for name, found in (("dense", dense), ("keyword", keyword), ("fused", fuse(dense, keyword, 50))):
        hit = found == gold[:, None]
        for k in (1, 5, 20):
            table[f"{name}: answering passage at {k}"] = hit[:, :k].any(1).mean()
    return table


class Run:
    """The reader's scores of every question against its candidates."""

    def __init__(
        self, pairs: Pairs, reader: backends.ReaderBackend, asked: NDArray[np.int64], candidates: NDArray[np.int32]
    ) -> None:
        self.pairs, self.candidates = pairs, candidates
        where = np.argwhere(candidates >= 0)
        scored = reader.score([pairs.pair(asked[i], candidates[i, j]) for i, j in where])
        self.features = np.full((*candidates.shape, 3), -99.0, np.float32)
        self.features[where[:, 0], where[:, 1]] = scored.features()
        self.span = np.zeros((*candidates.shape, 2), np.int64)
        self.span[where[:, 0], where[:, 1]] = scored.span

    def order(self, odds_weight: float) -> NDArray[np.int64]:
        return np.argsort(-(self.features[..., 0] + odds_weight * self.features[..., 1]), 1, kind="stable")

    def rank_accuracy(self, gold: NDArray[np.int64], odds_weight: float) -> float:
        first = np.take_along_axis(self.candidates, self.order(odds_weight)[:, :1], 1)[:, 0]
        return float((first == gold).mean())

    def answers(self, order: NDArray[np.int64], span_weight: float) -> tuple[list[str], backends.Floats]:
        """Returns the answer among the first NEAR passages and the features of its passage."""
        near = order[:, :NEAR]
        f = np.take_along_axis(self.features, near[..., None], 1)
        pick = (f[..., 0] + ODDS_WEIGHT * f[..., 1] + span_weight * f[..., 2]).argmax(1)
        chosen = near[np.arange(len(near)), pick]
        texts = [
            self.pairs.text(self.candidates[i, c], self.span[i, c]) if self.candidates[i, c] >= 0 else ""
            for i, c in enumerate(chosen)
        ]
        return texts, self.features[np.arange(len(near)), chosen]

    def answer_f1(self, order: NDArray[np.int64], span_weight: float, answers: Sequence[Sequence[str]]) -> float:
        texts, _ = self.answers(order, span_weight)
        return float(np.mean([metrics.f1(t, a) for t, a in zip(texts, answers, strict=True)]))


def embedder(
    path: Path, made: Tokenizer | CompactTokenizer, threads: int
) -> Callable[[Sequence[str]], backends.Floats]:
    return backends.torch_embedder(path, made) if path.is_dir() else backends.onnx_embedder(path, made, threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--split", choices=("all", "val", "test"), default="all")
    parser.add_argument("--reader", type=Path, nargs="+", required=True)
    parser.add_argument("--embedder", type=Path, default=None, help="not needed with --gold-only")
    parser.add_argument("--gold-only", action="store_true")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--embedder-tokenizer", type=Path, default=None, help="where it is not the reader's")
    parser.add_argument("--compact", type=Path, default=None, help="folder of training.data.compact, for both")
    parser.add_argument("--embedder-compact", type=Path, default=None)
    parser.add_argument("--marks", type=int, nargs=2, default=(CLS, SEP), help="tokens around the parts")
    parser.add_argument("--absent", type=Path, default=None, help="absent-val.json of training.data.prepare_checks")
    parser.add_argument("--calibration", type=Path, default=None)
    parser.add_argument("--calibrate", type=Path, default=None)
    parser.add_argument("--questions", type=int, default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, default=None)
    args = parser.parse_args()
    articles = read_squad(args.file)
    flat = flatten(articles if args.split == "all" else split_articles(articles)[args.split])

    def tokenizer(path: Path, compact: Path | None) -> Tokenizer | CompactTokenizer:
        return CompactTokenizer(path, compact) if compact else load_tokenizer(path)

    count = min(args.questions or len(flat.questions), len(flat.questions))
    absent: list[Absent] = [(t, p, k) for t, p, k in json.loads(args.absent.read_text())] if args.absent else []
    absent = [absent[i] for i in np.linspace(0, len(absent) - 1, min(count, len(absent))).astype(int)]
    shape = Shape(cls=0, sep=1) if args.compact else Shape(cls=args.marks[0], sep=args.marks[1])
    pairs = Pairs(flat, tokenizer(args.tokenizer, args.compact), shape, [a[0] for a in absent])
    asked = np.linspace(0, len(flat.questions) - 1, count).astype(np.int64)
    cal = json.loads(args.calibration.read_text()) if args.calibration else None
    tables = []
    for path in args.reader:
        onnx = path.suffix == ".onnx"
        reader = backends.OnnxReader(path, args.threads) if onnx else backends.TorchReader(path)
        if args.gold_only:
            table, fitted = gold_passages(pairs, reader, asked)[0], None
        else:
            own = args.embedder_tokenizer
            made = tokenizer(own or args.tokenizer, args.embedder_compact if own else args.compact)
            embed = embedder(args.embedder, made, args.threads)
            table, fitted = evaluate(flat, pairs, reader, embed, cal, asked, args.threads, absent)
        tables.append(table)
        print(f"\n{path.name} on {count} questions, {len(flat.passages)} passages ({args.file.name} {args.split})")
        print("\n".join(f"{k:42s} {100 * v:6.2f}" for k, v in table.items()), flush=True)
        if args.calibrate and fitted:
            args.calibrate.write_text(json.dumps(fitted, indent=2) + "\n")
    if args.json:
        args.json.write_text(json.dumps(tables, indent=2) + "\n")


if __name__ == "__main__":
    main()
