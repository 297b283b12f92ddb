"""Encoders on ONNX Runtime: token ids to sentence vectors, and to what a reader makes of a question and a passage.

Both may be used from several threads.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rag.models.exact_products import products_overflow
from rag.models.processor import turns
from rag.models.run_memory import remember
from rag.types import PairScores

Pooling = Literal["mean", "cls"]
_EXACT_PRODUCTS = ("session.x64quantprecision", "1")  # slower by half with VNNI, where nothing overflows
_PAIRS = 4  # a run: on two cores faster than all at once, the activations stay in the caches


class OnnxSentenceEncoder:
    """A ``SentenceEncoder`` (see rag.protocols). Every row is a run of its own, on one thread; ``threads`` run side by
    side. ``pooling``: of token vectors; None where the graph pools by itself. ``pad_id`` stands for no token."""

    def __init__(
        self, session: onnxruntime.InferenceSession, pad_id: int, pooling: Pooling | None, threads: int
    ) -> None:
        self._session = session
        self._pad_id = pad_id
        self._pooling = pooling
        self._runs = ThreadPoolExecutor(threads, thread_name_prefix="docent-embed")  # threads come with the first work
        self._input_types = {i.name: np.int32 if "int32" in i.type else np.int64 for i in session.get_inputs()}
        self._output, _ = output_of(session)

    def vectors(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """As ``SentenceEncoder.vectors``."""
        if len(rows) == 1:
            return self._run(rows[0])
        longest_first = sorted(range(len(rows)), key=lambda index: -len(rows[index]))  # the threads end together
        embedded = list(self._runs.map(self._run, [rows[index] for index in longest_first]))
        vectors = np.empty((len(rows), embedded[0].shape[1]), dtype=np.float32)
        vectors[longest_first] = np.concatenate(embedded)
        return vectors

    def _run(self, row: Sequence[int]) -> NDArray[np.float32]:
        """Embeds the tokens of one text -> [1, dimension]."""
        ids = np.array([row or [self._pad_id]], dtype=np.int64)
        mask = np.full(ids.shape, len(row) > 0, dtype=np.int64)
        offered = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {name: offered[name].astype(kind, copy=False) for name, kind in self._input_types.items()}
        with turns().taken():
            output = np.asarray(self._session.run([self._output], feed)[0], dtype=np.float32)
        return _unit(_pool(output, mask, self._pooling))


class OnnxPairEncoder:
    """A ``PairEncoder`` (see rag.protocols)."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._judges = any(output.name == "support" for output in session.get_outputs())

    @property
    def judges(self) -> bool:
        """As ``PairEncoder.judges``."""
        return self._judges

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        """As ``PairEncoder.pair_scores``."""
        found: list[PairScores | None] = [None] * len(rows)
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))  # alike in length: little padding
        for at in range(0, len(order), _PAIRS):
            chosen = order[at : at + _PAIRS]
            for index, scores in zip(chosen, self._run([rows[index] for index in chosen], second_from), strict=True):
                found[index] = scores
        return [scores for scores in found if scores is not None]

    def _run(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        length = max(map(len, rows))
        ids, mask, types = (np.zeros((len(rows), length), np.int64) for _ in range(3))
        for i, row in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)], types[i, second_from : len(row)] = row, 1, 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        wanted = ["relevance", "band", *["support"] * self._judges]
        with turns().taken():
            relevance, band, *judged = self._session.run(wanted, feeds)
        return [
            PairScores(float(relevance[i]), float(judged[0][i]) if judged else None, band[i, : len(row)])
            for i, row in enumerate(rows)
        ]


def open_session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    """Opens a graph whose weights may use all of 8 bits, so that it computes the same on every processor but for the
    rounding of float sums; on ``threads`` threads a run (0: as many as ONNX Runtime likes)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if products_overflow():
        options.add_session_config_entry(*_EXACT_PRODUCTS)
    return remember(onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"]))


def output_of(session: onnxruntime.InferenceSession) -> tuple[str, bool]:
    """The name of the output to read, and whether it holds token vectors rather than sentence vectors."""
    ranks = {output.name: len(output.shape) for output in session.get_outputs()}
    name: str = next((n for n in ("sentence_embedding", "last_hidden_state") if n in ranks), next(iter(ranks)))
    return name, ranks[name] == 3


def _pool(output: NDArray[np.float32], mask: NDArray[np.int64], pooling: Pooling | None) -> NDArray[np.float32]:
    """Token vectors [n, length, dimension] -> [n, dimension]; sentence vectors pass unchanged."""
    if pooling is None:
        return output
    if pooling == "cls":
        return output[:, 0]
    weights = mask[:, :, None].astype(np.float32)
    return np.asarray((output * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1), dtype=np.float32)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
