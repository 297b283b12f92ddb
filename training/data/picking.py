"""Runs a trained reader over a store: finds spans that people would ask about and questions that it agrees with.

Where a model writes the questions, this chooses what they are about and which of them are kept.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.store import QUESTION, Batch, Item, Ragged, Shape, Store, pack, pair_tokens
from training.reader.encoder import load_reader
from training.reader.train import LOW, Distributions, padded, tensors

Longs = NDArray[np.int64]


def _batches(store: Store, shape: Shape) -> Iterator[tuple[int, Longs, Batch]]:
    """Yields (first question, first passage token of each, batch): the questions in order with their gold passages."""
    rows: list[Item] = []
    at = used = 0
    most = shape.sequences - shape.tokens // shape.longest - 2
    for i, p in enumerate(store.gold):
        q = store.questions[i]
        ids, first = pair_tokens(q, store.contexts[p], store.passages[p], shape)
        if used + len(ids) > shape.tokens or len(rows) >= most:
            yield at, np.array([r[1] for r in rows]), pack(rows, shape)
            rows, at, used = [], i, 0
        rows.append((ids, first, min(len(q), shape.question) + 2, None, 0.0, QUESTION))
        used += len(ids)
    if rows:
        yield at, np.array([r[1] for r in rows]), pack(rows, shape)


@torch.no_grad()
def reader_spans(reader: Path, store: Store, count: int, sample: bool) -> tuple[Longs, NDArray[np.float32]]:
    """Returns the first and last passage token of the likeliest spans [questions, count, 2] and their log probability
    [questions, count]. With ``sample`` they are drawn from the reader's distribution. The spans of a row start
    apart."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    model = load_reader(reader).to(device).eval()
    shape = Shape(65536 if cuda else 4096, 2048 if cuda else 128)

    def run(b: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        out = model(b["ids"], b["types"], b["positions"], b["cu"], shape.longest)[0]
        d = Distributions(out, b, shape.longest)
        allowed = d.pairs & b["inside"][:, None]
        noise = -torch.log(-torch.log(torch.rand_like(d.joint).clamp(1e-6, 1 - 1e-6))) if sample else 0.0
        best, width = (d.joint + noise).masked_fill(~allowed, LOW).max(1)
        first = padded(best, b["cu"], shape.longest, LOW).topk(count, 1).indices
        at = (b["cu"][:-1, None].long() + first).clamp(max=len(width) - 1)
        return first, first + width[at], d.joint[at, width[at]]

    fast = torch.compile(run, dynamic=False) if cuda else run
    spans = np.zeros((len(store), count, 2), np.int64)
    scores = np.zeros((len(store), count), np.float32)
    for at, start, batch in _batches(store, shape):
        n = len(start)
        b = {k: v.to(device) for k, v in tensors(batch).items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            first, last, score = (x[:n].cpu().numpy() for x in fast(b))
        spans[at : at + n, :, 0] = first - start[:, None]
        spans[at : at + n, :, 1] = last - start[:, None]
        scores[at : at + n] = score
    return spans, scores


def agreed(reader: Path, store: Store, overlap: float = 0.6) -> NDArray[np.bool_]:
    """Returns a mask [questions]: the reader's best span overlaps a stored one by at least this much (F1 of tokens)."""
    spans, _ = reader_spans(reader, store, 1, False)
    first, last = spans[:, 0, :1], spans[:, 0, 1:]
    a, b = store.spans[..., 0], store.spans[..., 1]
    shared = np.maximum(0, np.minimum(last, b) - np.maximum(first, a) + 1)
    f1 = 2 * shared / ((last - first + 1) + (b - a + 1))
    return np.asarray(np.where(a >= 0, f1, 0).max(1) >= overlap, np.bool_)


def keep(store: Store, chosen: NDArray[np.bool_]) -> Store:
    rows = np.flatnonzero(chosen)
    questions = Ragged.of([store.questions[int(i)].tolist() for i in rows])
    return Store(questions, store.contexts, store.passages, store.gold[rows], store.spans[rows], store.negatives[rows])
