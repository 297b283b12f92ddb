"""Measures texts embedded per second: Docent's model on ONNX Runtime against sentence-transformers' default arithmetic.

    pip install torch==2.13.0 transformers==5.23.0       # for the comparison only; Docent needs neither
    python -m benchmarks.search.embedding FOLDER  # FOLDER: the published all-MiniLM-L6-v2 with model.safetensors

Both embed the same 200-token texts in batches of 32 in one process on two threads: PyTorch in fp32 with BertModel and
mean pooling, which is what sentence-transformers runs by default on a CPU, and Docent's embedder from text to vector.
The rounds alternate, and the best of each counts. On a busy machine read the second column: texts for each second of
processor time, which other processes disturb less.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.models.embedder import OnnxEmbedder

TOKENS = 200  # special tokens included
BATCH = 32
WORDS = ("time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state")

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def texts_of(count: int) -> list[str]:
    """Returns texts of exactly TOKENS tokens: every word is one token."""
    random = np.random.default_rng(5)
    return [" ".join(random.choice(WORDS, TOKENS - 2)) for _ in range(count)]


def torch_embed(folder: Path, threads: int) -> Embed:
    try:
        import torch
        from transformers import AutoTokenizer, BertModel
    except ImportError:
        sys.exit("This comparison needs PyTorch: pip install torch==2.13.0 transformers==5.23.0")
    torch.set_num_threads(threads)
    model = BertModel.from_pretrained(folder)
    model.train(False)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = []
        for first in range(0, len(texts), BATCH):
            batch = list(texts[first : first + BATCH])
            inputs = tokenizer(batch, truncation=True, max_length=256, padding=True, return_tensors="pt")
            assert inputs["input_ids"].shape[1] == TOKENS
            with torch.inference_mode():
                states = model(**inputs).last_hidden_state
            mask = inputs["attention_mask"][:, :, None].float()
            rows.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1)).numpy())
        return np.concatenate(rows)

    return embed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    embedder = OnnxEmbedder.load(threads=arguments.threads)
    texts = texts_of(arguments.texts)
    assert set(embedder.count_tokens(texts)) == {TOKENS - 2}
    ways: dict[str, Embed] = {
        "PyTorch fp32": torch_embed(arguments.folder, arguments.threads),
        "Docent": embedder.embed_passages,
    }
    best: dict[str, float] = {}
    best_busy: dict[str, float] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    for _ in range(arguments.rounds):
        for name, embed in ways.items():
            started, busy = time.perf_counter(), time.process_time()
            vectors[name] = embed(texts)
            best[name] = max(best.get(name, 0.0), len(texts) / (time.perf_counter() - started))
            best_busy[name] = max(best_busy.get(name, 0.0), len(texts) / (time.process_time() - busy))
    print(f"{'':14}texts/s   texts per processor second")
    for name in ways:
        print(f"{name:14}{best[name]:7.1f}{best_busy[name]:29.1f}")
    ratios = [rates["Docent"] / rates["PyTorch fp32"] for rates in (best, best_busy)]
    print(f"ratio         {ratios[0]:7.2f}{ratios[1]:29.2f}")
    print(f"mean cosine   {float((vectors['Docent'] * vectors['PyTorch fp32']).sum(axis=1).mean()):7.4f}")


if __name__ == "__main__":
    main()
