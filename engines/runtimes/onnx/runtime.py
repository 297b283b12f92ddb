"""Runs the model on ONNX Runtime, on any CPU: one graph for all layers, K and V in a pool of pages updated in place.

A step is one run or a few: sequences with alike numbers of new tokens and alike contexts are padded to a rectangle
and run together, which reads the weights once for all of them. What is computed for a sequence does not depend on
its companions but for the order of sums inside the library's kernels (see ``tests/engines/runtimes/test_runtimes.py``
for how much that is).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotImplemented_

from engines.base import Int64, StepBatch
from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.weights import Float
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cpu_limits import CpuRuntime, new_pool
from engines.runtimes.onnx.build import MODEL_FILE, WEIGHTS_FILE, onnx_build
from engines.runtimes.onnx.mapped_files import release_pages

# A token's arithmetic costs about this share of reading all weights once (4096 x 4096 INT4, two Zen 4 cores: 0.21 ms
# for one row, 0.78 ms for 16).
_ROW_COST = 1 / 6
# The kernels are no faster with more (196 GFLOP/s a core from 32 rows to 1,024), while a shorter chunk of a prompt
# leaves out more of the scores that causality makes zero, and keeps activations in the cache.
_LARGEST_FRAME = 128  # tokens in one run


class OnnxRuntime(CpuRuntime):
    """``threads`` None uses every core. Builds are kept in ``cache``; without one, the model is built for this object
    alone."""

    name = "onnx"

    def __init__(
        self,
        checkpoint: Checkpoint,
        num_pages: int,
        max_context: int | None = None,
        *,
        threads: int | None = None,
        cache: Path | None = None,
    ) -> None:
        super().__init__(checkpoint, num_pages, max_context)
        config = self.config
        with onnx_build(checkpoint, cache) as build:
            self.notes = build.notes
            self.weight_bytes = (build.folder / WEIGHTS_FILE).stat().st_size
            self._session = _session(build.folder / MODEL_FILE, threads)
            release_pages(build.folder / WEIGHTS_FILE)
        # One slot more than the pages have: what padded tokens write goes there.
        self._unused_slot = num_pages * PAGE_TOKENS
        self._pool = new_pool((2 * config.num_layers, self._unused_slot + 1, config.kv_size), np.float32)
        self._binding = self._session.io_binding()
        self._bound: list[object] = []
        self._bind_fixed()
        inputs = {info.name for info in self._session.get_inputs()}
        self._masks = {name: "window" in name for name in ("mask", "window_mask") if name in inputs}

    @property
    def cache_bytes(self) -> int:
        """The pool of K and V; the system hands out its memory as pages are first written."""
        return self._pool.nbytes

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        logits = np.empty((len(batch.logits_for), self.vocab_size), np.float32)
        leading, final = _spans(batch)
        for span in leading:
            self._run(batch, [span], logits)
        kv_bytes = 4 * 2 * self.config.num_layers * self.config.kv_size
        counts, contexts = np.array([span.count for span in final]), np.array([span.context for span in final])
        for group in grouped(counts, contexts, kv_bytes / self.weight_bytes):
            self._run(batch, [final[index] for index in group], logits)
        return logits

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        for source, target in copies:
            first, to = source * PAGE_TOKENS, target * PAGE_TOKENS
            self._pool[:, to : to + PAGE_TOKENS] = self._pool[:, first : first + PAGE_TOKENS]

    def _run(self, batch: StepBatch, spans: list["_Span"], logits: NDArray[np.float32]) -> None:
        """Runs some spans side by side and fills in their rows of ``logits``."""
        frame = _frame(batch, spans, self._unused_slot)
        bind = self._binding.bind_cpu_input
        bind("x", self._embedding[frame.tokens] * np.float32(self.config.embedding_scale))
        bind("positions", frame.positions)
        bind("write", frame.write[:, :, None])
        bind("read", frame.read)
        for name, sliding in self._masks.items():
            bind(name, _mask(frame, self.config.sliding_window if sliding else None))
        # A chunk of a prompt asks for no logits, but the graph computes at least one row.
        rows = frame.rows if len(frame.rows) else np.zeros((1, 2), np.int64)
        bind("rows", rows)
        direct = frame.logits_rows.tolist() == list(range(len(logits))) and len(logits) > 0
        computed = logits if direct else np.empty((len(rows), self.vocab_size), np.float32)
        self._binding.bind_ortvalue_output("logits", ort.OrtValue.ortvalue_from_numpy(computed))
        self._session.run_with_iobinding(self._binding)
        if not direct and len(frame.rows):
            logits[frame.logits_rows] = computed

    def _bind_fixed(self) -> None:
        """The pool, whose outputs are the memory of its inputs, and the tables of the rotation."""
        for layer in range(self.config.num_layers):
            for half, name in enumerate(("keys", "values")):
                value = ort.OrtValue.ortvalue_from_numpy(self._pool[2 * layer + half])
                self._binding.bind_ortvalue_input(f"{name}_{layer}", value)
                self._binding.bind_ortvalue_output(f"new_{name}_{layer}", value)
                self._bound.append(value)
        for prefix, rope in (("", self.config.rope), ("second_", self.config.second_rope)):
            tables = rope.tables(self.max_context, self.max_context) if rope is not None else ()
            for name, table in zip(("cos", "sin"), tables, strict=False):
                value = ort.OrtValue.ortvalue_from_numpy(table)
                self._binding.bind_ortvalue_input(prefix + name, value)
                self._bound += [value, table]


def grouped(counts: Int64, contexts: Int64, context_cost: float) -> list[Int64]:
    """Which sequences run together. A run costs 1 (the weights are read), a padded token ``_ROW_COST`` and a padded
    position of a context ``context_cost``; a group is closed when its padding would cost more than a run of its own."""
    if len(counts) == 1:
        return [np.zeros(1, np.int64)]
    groups: list[list[int]] = []
    for index in sorted(range(len(counts)), key=lambda i: (-counts[i], -contexts[i])):
        if groups:
            candidate = [*groups[-1], index]
            padded_tokens = len(candidate) * counts[candidate].max() - counts[candidate].sum()
            padded_context = len(candidate) * contexts[candidate].max() - contexts[candidate].sum()
            fits = len(candidate) * counts[candidate].max() <= _LARGEST_FRAME
            if fits and padded_tokens * _ROW_COST + padded_context * context_cost <= 1:
                groups[-1] = candidate
                continue
        groups.append([index])
    return [np.array(group) for group in groups]


@dataclass(frozen=True, slots=True)
class _Span:
    """Flat tokens ``start:stop`` of one sequence; its context is that long after them."""

    sequence: int
    start: int
    stop: int
    context: int

    @property
    def count(self) -> int:
        return self.stop - self.start


def _spans(batch: StepBatch) -> tuple[list[_Span], list[_Span]]:
    """Each sequence's tokens in spans of at most ``_LARGEST_FRAME``: those that must run before the sequence's last
    one, in order, and the last ones."""
    leading: list[_Span] = []
    final: list[_Span] = []
    for sequence, context in enumerate(batch.context_lengths.tolist()):
        start, stop = (int(at) for at in batch.sequence_starts[sequence : sequence + 2])
        first = context - (stop - start)
        while stop - start > _LARGEST_FRAME:
            first += _LARGEST_FRAME
            leading.append(_Span(sequence, start, start + _LARGEST_FRAME, first))
            start += _LARGEST_FRAME
        final.append(_Span(sequence, start, stop, context))
    return leading, final


@dataclass(frozen=True, slots=True)
class _Frame:
    """B spans padded to n tokens and S positions of context. Padding sees position 0 alone."""

    tokens: Int64  # [B, n]
    positions: Int64  # [B, n]
    write: Int64  # [B, n]
    read: Int64  # [B, S]
    rows: Int64  # [N, 2]
    logits_rows: Int64  # [N], where they belong in the step's logits


def _frame(batch: StepBatch, spans: list[_Span], unused_slot: int) -> _Frame:
    shape = (len(spans), max(span.count for span in spans))
    tokens, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    write = np.full(shape, unused_slot, np.int64)
    wanted: list[tuple[int, int, int]] = []
    row_of = {flat: row for row, flat in enumerate(batch.logits_for.tolist())}
    for i, span in enumerate(spans):
        tokens[i, : span.count] = batch.tokens[span.start : span.stop]
        positions[i, : span.count] = batch.positions[span.start : span.stop]
        write[i, : span.count] = batch.slots[span.start : span.stop]
        wanted += [(row_of[flat], i, flat - span.start) for flat in range(span.start, span.stop) if flat in row_of]
    pages = -(-max(span.context for span in spans) // PAGE_TOKENS)
    table = batch.page_table[[span.sequence for span in spans], :pages]
    read = (table[:, :, None] * PAGE_TOKENS + np.arange(PAGE_TOKENS)).reshape(len(spans), -1)
    read[read < 0] = unused_slot
    places = np.array(wanted, np.int64).reshape(-1, 3)
    return _Frame(tokens, positions, write, read, np.ascontiguousarray(places[:, 1:]), places[:, 0])


def _mask(frame: _Frame, window: int | None) -> Float:
    """[B, 1, n, S]: 0 for visible positions, -inf for the others."""
    position = frame.positions[:, None, :, None]
    context = np.arange(frame.read.shape[1])
    visible = context <= position
    if window is not None:
        visible &= context > position - window
    return np.where(visible, np.float32(0), np.float32(-np.inf))


def _session(model: Path, threads: int | None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # Patterns are kept for every shape ever seen, and contexts grow with every token.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except (NotImplemented_, InvalidGraph, Fail) as error:
        raise RuntimeUnavailable(
            f"ONNX Runtime {ort.__version__} does not run this model: {error}.", "Install a newer onnxruntime."
        ) from error
