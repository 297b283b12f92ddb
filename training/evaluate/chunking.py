"""python -m training.evaluate.chunking FOLDER --tokenizer tokenizer.json --embedder A.onnx B.onnx

Measures how well embedders find the spans of the chunking-evaluation questions: recall of the reference characters
within the first five chunks of 170 words, and whether the first chunk overlaps a reference. Nothing is trained on it.
"""

import argparse
import ast
import csv
from pathlib import Path

import numpy as np

from training.data.store import load_tokenizer
from training.evaluate import backends


def chunks(text: str, words: int = 170) -> list[tuple[int, int]]:
    out, start, count, at = [], 0, 0, 0
    for line in text.splitlines(keepends=True):
        at += len(line)
        count += len(line.split())
        while count >= words and at - start > 6 * words:
            cut = text.rfind(" ", start, start + 6 * words)
            cut = cut if cut > start else start + 6 * words
            out.append((start, cut))
            start = cut
            count = len(text[start:at].split())
        if count >= words * 0.8:
            out.append((start, at))
            start, count = at, 0
    if at > start:
        out.append((start, at))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="general_evaluation_data")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    tokenizer = load_tokenizer(args.tokenizer)
    with (args.folder / "questions_df.csv").open(newline="") as file:
        questions = list(csv.DictReader(file))
    corpora = {p.stem: p.read_text() for p in sorted((args.folder / "corpora").glob("*.md"))}
    pieces = [(name, a, b) for name, text in corpora.items() for a, b in chunks(text)]
    for path in args.embedder:
        embed = backends.onnx_embedder(path, tokenizer)
        vectors = embed([corpora[n][a:b] for n, a, b in pieces])
        asked = embed([q["question"] for q in questions])
        order = np.argsort(-(asked @ vectors.T), 1)[:, :5]
        recall, first = [], []
        for q, best in zip(questions, order, strict=True):
            spans = [(r["start_index"], r["end_index"]) for r in ast.literal_eval(q["references"])]
            overlap = [
                sum(max(0, min(b, pieces[i][2]) - max(a, pieces[i][1])) for a, b in spans)
                if pieces[i][0] == q["corpus_id"]
                else 0
                for i in best
            ]
            recall.append(sum(overlap) / sum(b - a for a, b in spans))
            first.append(overlap[0] > 0)
        print(
            f"{path}: recall at 5 {100 * np.mean(recall):.2f}, first chunk overlaps {100 * np.mean(first):.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
