"""python -m training.evaluate.embedder SQUAD_FILE EMBEDDER_FOLDER TOKENIZER [--split val]

Measures first-stage retrieval with one embedder on held-out articles: dense, keyword and fused recall at 1, 5 and 20.
"""

import argparse
from pathlib import Path

import numpy as np

from training.data.corpus import read_squad, split_articles
from training.data.prepare_squad import flatten
from training.data.search import keyword_search
from training.data.store import load_tokenizer
from training.evaluate import backends
from training.evaluate.reader import first_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("embedder", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--split", choices=("val", "test"), default="val")
    args = parser.parse_args()
    flat = flatten(split_articles(read_squad(args.file))[args.split])
    asked = flat.questions[::2]
    tokenizer = load_tokenizer(args.tokenizer)
    folder = args.embedder.is_dir()
    embed = (backends.torch_embedder if folder else backends.onnx_embedder)(args.embedder, tokenizer)
    vectors = embed([f"{c}\n{t}" if c else t for c, t in flat.passages])
    keyword = keyword_search(flat.passages, [q[0] for q in asked], 50, 4)
    table = first_stage(embed([q[0] for q in asked]), vectors, keyword, np.array([q[1] for q in asked]))
    print(args.embedder.name, {k: round(100 * v, 2) for k, v in table.items()}, flush=True)


if __name__ == "__main__":
    main()
