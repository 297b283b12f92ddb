"""python -m training.evaluate.checks --reader out/reader.safetensors --claims out/data/claims-val.npz
python -m training.evaluate.checks --reader out/multi.safetensors --languages training/evaluate/data/languages.json \
    --tokenizer tokenizer.json --compact out/e5-compact

How well a reader tells supported statements from changed ones (balanced accuracy at the best threshold), and how well
it reads questions in other languages: about English passages, and about passages of their own language. The questions
were translated by hand; nothing was trained on them. Torch, on a GPU where there is one.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from training.data.compact import CompactTokenizer
from training.data.prepare_squad import Flat
from training.data.store import Shape, Store, load_tokenizer, pair_tokens
from training.evaluate import backends, metrics
from training.evaluate.reader import Pairs


def claims_table(reader: backends.TorchReader, store: Store, shape: Shape, most: int) -> dict[str, float]:
    pairs, true = [], []
    for i in np.linspace(0, len(store) - 1, min(most, len(store))).astype(int):
        supported = store.gold[i] >= 0
        passage = store.gold[i] if supported else store.negatives[i, 0]
        ids, first = pair_tokens(store.questions[i], store.contexts[passage], store.passages[passage], shape)
        pairs.append((ids, first, min(len(store.questions[i]), shape.question) + 2))
        true.append(supported)
    support, y = reader.support(pairs), np.array(true)
    best = max(np.quantile(support, np.linspace(0.02, 0.98, 97)), key=lambda t: balanced(support >= t, y))
    return {
        "statements": len(y),
        "balanced accuracy at 0": balanced(support >= 0, y),
        "balanced accuracy at the best threshold": balanced(support >= best, y),
        "threshold": float(best),
        "supported kept at 0": float((support >= 0)[y].mean()),
        "changed caught at 0": float((support < 0)[~y].mean()),
    }


def records_table(reader: backends.TorchReader, store: Store, shape: Shape, most: int) -> dict[str, float]:
    """Of questions of a store (training.data.records): values read exactly, and what is told apart by the log odds."""
    pairs, spans = [], []
    for i in np.linspace(0, len(store) - 1, min(most, len(store))).astype(int):
        answered = store.gold[i] >= 0
        passage = store.gold[i] if answered else store.negatives[i, 0]
        ids, first = pair_tokens(store.questions[i], store.contexts[passage], store.passages[passage], shape)
        pairs.append((ids, first, min(len(store.questions[i]), shape.question) + 2))
        spans.append(store.spans[i, 0] if answered else np.array([-1, -1]))
    out, wanted = reader.score(pairs), np.array(spans)
    odds, answered = out.features()[:, 1], wanted[:, 0] >= 0
    return {
        "questions": len(pairs),
        "value read exactly": float((out.span == wanted).all(1)[answered].mean()),
        "answer seen": float((odds > 0)[answered].mean()),
        "absence seen": float((odds < 0)[~answered].mean()),
    }


def balanced(said: np.ndarray, true: np.ndarray) -> float:
    return float((said[true].mean() + (~said[~true]).mean()) / 2)


def languages_table(
    reader: backends.ReaderBackend, file: Path, tokenizer: CompactTokenizer | None, path: Path, shape: Shape
) -> dict[str, dict[str, float]]:
    """For each language: the share of answers that hold the right words, about English texts and about its own."""
    raw = json.loads(file.read_text(encoding="utf-8"))
    passages: list[tuple[str, str]] = []
    questions: list[tuple[str, int, tuple[tuple[int, str], ...]]] = []
    names: list[str] = []
    for fact in raw["facts"]:
        for language, text in fact["questions"].items():
            questions.append((text, len(passages), tuple((0, a) for a in fact["answers"])))
            names.append(f"{language}: English text")
        passages.append((fact["title"], fact["passage"]))
    for text in raw["texts"]:
        for question, answer in text["questions"]:
            questions.append((question, len(passages), ((0, answer),)))
            names.append(f"{text['language']}: own text")
        passages.append(("", text["passage"]))
    flat = Flat(passages, questions, np.arange(len(passages), dtype=np.int32))
    pairs = Pairs(flat, tokenizer or load_tokenizer(path), shape)
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    out = reader.score([pairs.pair(i, q[1]) for i, q in enumerate(questions)])
    wrong = reader.score([pairs.pair(i, (q[1] + 3) % len(raw["facts"])) for i, q in enumerate(questions)])
    odds, wrong_odds = out.features()[:, 1], wrong.features()[:, 1]
    for i, (question, name) in enumerate(zip(questions, names, strict=True)):
        said, answers = pairs.text(question[1], out.span[i]), [a for _, a in question[2]]
        held = any(metrics.normalise(a) in metrics.normalise(said) for a in answers)
        rows[name]["right words"].append(held)
        rows[name]["right or part"].append(
            held or any(metrics.normalise(said) in metrics.normalise(a) for a in answers if said)
        )
        rows[name]["F1"].append(metrics.f1(said, answers))
        rows[name]["odds"].append(float(odds[i]))
        rows[name]["odds elsewhere"].append(float(wrong_odds[i]))
    return {name: {k: float(np.mean(v)) for k, v in row.items()} for name, row in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", type=Path, nargs="+", required=True)
    parser.add_argument("--claims", type=Path, nargs="*", default=[])
    parser.add_argument("--records", type=Path, help="questions of training.data.records")
    parser.add_argument("--most", type=int, default=6000, help="statements")
    parser.add_argument("--languages", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--compact", type=Path)
    args = parser.parse_args()
    shape = Shape(cls=0, sep=1) if args.compact else Shape()
    for path in args.reader:
        reader = backends.TorchReader(path)
        for claims in args.claims:
            table = claims_table(reader, Store.load(claims), shape, args.most)
            print(path.name, claims.name, {k: round(v, 4) for k, v in table.items()}, flush=True)
        if args.records:
            table = records_table(reader, Store.load(args.records), shape, args.most)
            print(path.name, args.records.name, {k: round(v, 4) for k, v in table.items()}, flush=True)
        if args.languages:
            tokenizer = CompactTokenizer(args.tokenizer, args.compact) if args.compact else None
            found = languages_table(reader, args.languages, tokenizer, args.tokenizer, shape)
            for name, row in found.items():
                print(f"{name:18s}", {k: round(v, 2) for k, v in row.items()})
            for kind in ("English text", "own text"):
                rows = [row for name, row in found.items() if name.endswith(kind) and not name.startswith("en:")]
                print(
                    f"all, {kind:12s}", {k: round(float(np.mean([r[k] for r in rows])), 3) for k in rows[0]}, flush=True
                )


if __name__ == "__main__":
    main()
