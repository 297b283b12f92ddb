"""Runs readers and embedders for the evaluation, by torch (training's files) or by ONNX Runtime (the product's files).

A reader scores (question, passage) pairs; an embedder maps texts to unit vectors [texts, dimension].
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.data.compact import CompactTokenizer

SPAN_WIDTH = 30
Floats = NDArray[np.float32]
Pair = tuple[NDArray[np.int64], int, int]  # ids, first passage token, first token of type 1


@dataclass(frozen=True)
class Scored:
    """One row a pair. ``span`` is (first, last) token in the passage; ``null`` and ``best`` are log probabilities."""

    relevance: Floats
    null: Floats
    best: Floats
    span: NDArray[np.int64]

    def features(self) -> Floats:
        """[pairs, 3]: relevance, log odds of an answer against none, log probability of the span among spans."""
        some = np.log1p(-np.exp(np.minimum(self.null, -1e-6)))
        return np.stack([self.relevance, np.clip(some - self.null, -15, 15), self.best - some], 1).astype(np.float32)


class ReaderBackend(Protocol):
    def score(self, pairs: Sequence[Pair]) -> Scored: ...


CANDIDATES = 20  # spans among which the answer is settled


def settle(first: NDArray[np.int64], last: NDArray[np.int64], chance: Floats) -> NDArray[np.int64]:
    """Chooses a span in each row: most expected token overlap (F1) plus own probability. [rows, spans] each ->
    [rows]."""
    shared = np.minimum(last[:, :, None], last[:, None]) - np.maximum(first[:, :, None], first[:, None]) + 1
    size = last - first + 1
    f1 = 2 * np.maximum(shared, 0) / (size[:, :, None] + size[:, None])
    return np.asarray((np.einsum("rij,rj->ri", f1, chance) + chance).argmax(1))


class TorchReader:
    """A .safetensors reader, on the GPU where there is one."""

    def __init__(self, path: Path) -> None:
        import torch

        from training.data.store import Shape
        from training.reader.encoder import load_reader
        from training.reader.train import Distributions

        self.torch = torch
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = load_reader(path).to(self.device).eval()
        tokens = 65536 if self.device.type == "cuda" else 2048
        self.shape = Shape(tokens, tokens // 32, 384)

        def run(b: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
            out = self.model(b["ids"], b["types"], b["positions"], b["cu"], self.shape.longest)[0]
            d = Distributions(out, b, self.shape.longest)
            start = b["cu"][:-1].long().clamp(max=len(b["ids"]) - 1)
            null = d.joint[start, 0]
            spans = d.joint.masked_fill(~(d.pairs & b["inside"][:, None]), -60000.0)
            index = b["cu"][:-1, None].long() + torch.arange(self.shape.longest, device=spans.device)
            inside = index < b["cu"][1:, None]
            rows = torch.where(inside[..., None], spans[index.clamp(max=len(spans) - 1)], -60000.0)
            best, at = rows.flatten(1).topk(CANDIDATES, 1)
            return d.relevance, null, best, at // SPAN_WIDTH, at % SPAN_WIDTH, d.support

        self.run = torch.compile(run, dynamic=False) if self.device.type == "cuda" else run

    def score(self, pairs: Sequence[Pair]) -> Scored:
        relevance, null, best = (np.zeros(len(pairs), np.float32) for _ in range(3))
        span = np.zeros((len(pairs), 2), np.int64)
        for at, end, out in self._runs(pairs):
            relevance[at:end], null[at:end] = out[:2]
            first = out[3].astype(np.int64) - np.array([p[1] for p in pairs[at:end]])[:, None]
            last = first + out[4].astype(np.int64)
            chosen = settle(first, last, np.exp(out[2] - out[2].max(1, keepdims=True)))
            row = np.arange(end - at)
            best[at:end] = out[2][row, chosen]
            span[at:end] = np.stack([first[row, chosen], last[row, chosen]], 1)
        return Scored(relevance, null, best, span)

    def support(self, pairs: Sequence[Pair]) -> Floats:
        """How far each passage supports the statement in the question's place, as log odds [pairs]."""
        return np.concatenate([out[5] for _, _, out in self._runs(pairs)])

    def _runs(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, int, list[Floats]]]:
        """Yields (first pair, end, what the model says of those pairs)."""
        from training.data.store import pack
        from training.reader.train import tensors

        torch = self.torch
        at = 0
        while at < len(pairs):
            end, used = at, 0
            while end < len(pairs) and used + len(pairs[end][0]) <= self.shape.tokens:
                if end - at >= self.shape.sequences - self.shape.tokens // self.shape.longest - 2:
                    break
                used += len(pairs[end][0])
                end += 1
            items = [(ids, first, kind, None, 0.0, 0) for ids, first, kind in pairs[at:end]]
            b = {k: v.to(self.device, non_blocking=True) for k, v in tensors(pack(items, self.shape)).items()}
            cuda = self.device.type == "cuda"
            with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=cuda):
                yield at, end, [x[: end - at].float().cpu().numpy() for x in self.run(b)]
            at = end


def decode_padded(band: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Span scores of one padded batch -> null, best (log probabilities), span. band [pairs, length, SPAN_WIDTH]."""
    n, length = inside.shape
    reach = np.zeros((n, length, SPAN_WIDTH), np.bool_)
    for d in range(min(SPAN_WIDTH, length)):
        reach[:, : length - d, d] = inside[:, : length - d] & inside[:, d:]
    flat = np.where(reach, band, -60000.0).reshape(n, -1)
    null = band[:, 0, 0]
    top = np.maximum(flat.max(1), null)
    total = top + np.log(np.exp(flat - top[:, None]).sum(1) + np.exp(null - top))
    count = min(CANDIDATES, flat.shape[1])
    at = np.argpartition(-flat, count - 1, 1)[:, :count]
    value = np.take_along_axis(flat, at, 1)
    first, last = at // SPAN_WIDTH, at // SPAN_WIDTH + at % SPAN_WIDTH
    chosen = settle(first, last, np.exp(value - value.max(1, keepdims=True)))
    row = np.arange(n)
    return null - total, value[row, chosen] - total, np.stack([first[row, chosen], last[row, chosen]], 1)


class OnnxReader:
    """A reader.onnx on the CPU, as the product runs it."""

    def __init__(self, path: Path, threads: int = 2, batch: int = 8) -> None:
        from rag.models.onnx_encoders import open_session

        self.session = open_session(path, threads)
        self.batch = batch

    def score(self, pairs: Sequence[Pair]) -> Scored:
        order = np.argsort([len(p[0]) for p in pairs], kind="stable")
        relevance, null, best = (np.zeros(len(pairs), np.float32) for _ in range(3))
        span = np.zeros((len(pairs), 2), np.int64)
        for i in range(0, len(pairs), self.batch):
            rows = order[i : i + self.batch]
            length = max(len(pairs[r][0]) for r in rows)
            ids, mask, types = (np.zeros((len(rows), length), np.int64) for _ in range(3))
            inside = np.zeros((len(rows), length), np.bool_)
            for j, r in enumerate(rows):
                row, first, kind = pairs[r]
                ids[j, : len(row)], mask[j, : len(row)], types[j, kind : len(row)] = row, 1, 1
                inside[j, first : len(row) - 1] = True
            feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            relevance[rows], band = self.session.run(["relevance", "band"], feeds)
            null[rows], best[rows], where = decode_padded(band, inside)
            span[rows] = where - np.array([pairs[r][1] for r in rows])[:, None]
        return Scored(relevance, null, best, span)


def torch_embedder(folder: Path, tokenizer: Tokenizer | CompactTokenizer) -> Callable[[Sequence[str]], Floats]:
    """Makes an embedder of a BERT folder: the mean of the last layer over the tokens, scaled to length 1."""
    import torch

    from training.reader.encoder import load_encoder

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_encoder(folder).to(device).eval()

    def embed(texts: Sequence[str]) -> Floats:
        rows = [e.ids[:256] for e in tokenizer.encode_batch(list(texts))]
        out = np.zeros((len(rows), model.config.hidden_size), np.float32)
        at = 0
        while at < len(rows):
            end, used = at, 0
            while end < len(rows) and used + len(rows[end]) <= 131072:
                used += len(rows[end])
                end += 1
            lengths = torch.tensor([len(r) for r in rows[at:end]], device=device)
            cu = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).int()
            ids = torch.tensor([t for r in rows[at:end] for t in r], device=device)
            positions = torch.cat([torch.arange(len(r), device=device) for r in rows[at:end]])
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                x = model(ids, torch.zeros_like(ids), positions, cu, 256).float()
            index = torch.repeat_interleave(torch.arange(end - at, device=device), lengths)
            total = torch.zeros(end - at, x.shape[1], device=device).index_add_(0, index, x)
            out[at:end] = torch.nn.functional.normalize(total, dim=1).cpu().numpy()
            at = end
        return out

    return embed


def onnx_embedder(
    path: Path, tokenizer: Tokenizer | CompactTokenizer, threads: int = 2
) -> Callable[[Sequence[str]], Floats]:
    """Makes an embedder of an ONNX sentence encoder (ids, mask and perhaps types); a first output that is not pooled is
    pooled here."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = {i.name for i in session.get_inputs()}

    def embed(texts: Sequence[str]) -> Floats:
        rows = [e.ids[:256] for e in tokenizer.encode_batch(list(texts))]
        order = np.argsort([len(r) for r in rows], kind="stable")
        out: Floats | None = None
        for i in range(0, len(rows), 32):
            chosen = order[i : i + 32]
            length = max(len(rows[r]) for r in chosen)
            ids, mask = np.zeros((len(chosen), length), np.int64), np.zeros((len(chosen), length), np.int64)
            for j, r in enumerate(chosen):
                ids[j, : len(rows[r])], mask[j, : len(rows[r])] = rows[r], 1
            feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            x = session.run(None, {k: v for k, v in feeds.items() if k in names})[0]
            if x.ndim == 3:
                x = (x * mask[:, :, None]).sum(1)
            x = x / np.linalg.norm(x, axis=1, keepdims=True)
            if out is None:
                out = np.zeros((len(rows), x.shape[1]), np.float32)
            out[chosen] = x
        assert out is not None
        return out

    return embed
