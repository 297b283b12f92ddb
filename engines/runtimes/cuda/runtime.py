"""The model on an NVIDIA card of compute capability 8.0 or later, behind the engine's protocol.

A step of up to 32 tokens is one CUDA graph, whatever they are (single tokens, drafts, the end of a prompt): its kernels
read tokens, positions and page table from memory that the host fills before each launch. Longer steps are queued kernel
by kernel. Tokens are sampled at the end of a step, and the next one may be begun before they are read.
"""

import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.base import Int64, StepBatch
from engines.errors import RuntimeUnavailable
from engines.files.build_cache import Build
from engines.model.checkpoint import Checkpoint
from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS, KvCache, LmHead
from engines.runtimes.cuda.all_kernels import compile_all
from engines.runtimes.cuda.buffers import (
    AttentionShape,
    Buffers,
    Items,
    Pool,
    StepInputs,
    attention_items,
    pages_that_fit,
)
from engines.runtimes.cuda.card.driver import Device, Event, Graph, OutOfMemory
from engines.runtimes.cuda.choice import single_up_to, tune
from engines.runtimes.cuda.decoder import PASSES_UP_TO, Decoder
from engines.runtimes.cuda.kv_format import KvFormat
from engines.runtimes.cuda.packed_weights import PackedSource, build, write
from engines.runtimes.cuda.products import FEW
from engines.runtimes.cuda.reduction import Reducer
from engines.runtimes.cuda.sampling import SampledOnCard, Sampler
from engines.runtimes.cuda.step_times import StepTimes
from engines.runtimes.cuda.weights import Source, check_heads
from engines.serving.row_sampling import RowSampling

_log = logging.getLogger(__name__)
OLDEST = (8, 0)
LARGEST_RUN = 2048  # tokens that are queued at a time
Ending = Literal["logits", "sampled", "chained", "residual", "followed"]
_BUCKETS = (1, 2, 4, 8, 16, 32)
_MANY_FROM = 9  # tokens of one sequence from which the attention for many rows is the faster one


def kernels_folder(builds: Path) -> Path:
    """Where compiled kernels are kept."""
    return builds / "cuda-kernels"


class CudaRuntime:
    """Runs on the first card. Compiled kernels are kept in ``cache``.

    ``num_pages`` and ``max_context`` become smaller where the card has too little free memory for them. ``kv_cache``
    says how K and V are kept.
    """

    name = "cuda"

    def __init__(
        self,
        config: ModelConfig,
        source: Source,
        num_pages: int,
        max_context: int | None = None,
        *,
        cache: Path | None = None,
        largest_run: int = LARGEST_RUN,
        reducer: Callable[[Path | None], Reducer] | None = None,
        device: Device | None = None,
        kv_cache: KvCache = "fp16",
    ) -> None:
        self.config = config
        self.num_pages = num_pages
        self._format = KvFormat.of(config, kv_cache)
        self.max_context = min(max_context or config.max_context, config.max_context)
        self.step_times: StepTimes | None = None  # set it to have steps timed
        self.device = Device() if device is None else device
        self.device.activate()
        try:
            self._reducer = None if reducer is None else reducer(cache)
            self._open(source, cache, largest_run)
        except BaseException:
            self.device.close()
            raise

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        num_pages: int,
        max_context: int | None = None,
        cache: Path | None = None,
        layers: int | None = None,
        *,
        kv_cache: KvCache = "fp16",
        lm_head: LmHead = "stored",
    ) -> "CudaRuntime":
        """Packed weights and compiled kernels are kept in ``cache``; without one they are made for this object alone.
        With fewer ``layers`` than the model has it computes the first ones (``residual``)."""
        config = checkpoint.config
        check_heads(config)
        if layers is not None:
            config = replace(config, num_layers=min(layers, config.num_layers))
        if cache is not None:
            source = PackedSource(build(checkpoint, cache, lm_head=lm_head), layers)
            return cls(config, source, num_pages, max_context, cache=kernels_folder(cache), kv_cache=kv_cache)
        with tempfile.TemporaryDirectory(prefix="docent-packed-") as folder:
            source = PackedSource(Build(Path(folder), write(checkpoint, Path(folder), lm_head=lm_head)), layers)
            return cls(config, source, num_pages, max_context, kv_cache=kv_cache)

    def _open(self, source: Source, cache: Path | None, largest_run: int) -> None:
        device, config = self.device, self.config
        if device.capability < OLDEST:
            major, minor = device.capability
            raise RuntimeUnavailable(
                f"Docent's CUDA kernels need a card of compute capability 8.0 or later; {device.name} has "
                f"{major}.{minor}.",
                "Docent uses the processor instead.",
            )
        self.weights = source.to_device(device)
        compile_all(
            device, config, self.weights, self._format, cache, cards=self._reducer.cards if self._reducer else 1
        )
        self.notes = self.weights.notes
        self._largest = min(largest_run, -(-self.max_context // FEW) * FEW)
        self.buffers = Buffers(device, config, max(self._largest, FEW))
        self.num_pages = pages_that_fit(config, self.num_pages, device.free_bytes, self._format.kind)
        self.max_context = min(self.max_context, self.num_pages * PAGE_TOKENS)
        self.pool = Pool(device, config, self.num_pages, self._format)
        pages = -(-self.max_context // PAGE_TOKENS)
        self._few_inputs, self._inputs = StepInputs(device, FEW, pages), StepInputs(device, self.buffers.rows, pages)
        tables = config.rope.tables(self.max_context, self.max_context)
        cosines, sines = (device.array(table) for table in tables)
        self.decoder = Decoder(
            device, config, self.weights, self.pool, self.buffers, (cosines, sines), cache, self._reducer
        )
        self.single = self.decoder.open_single(self._few_inputs, cache)
        self.near = None if self.single is None or self._reducer is not None else self.single_up_to()
        self._sampler = Sampler(device, config.vocab_size, self.buffers.logits, self.buffers.logits_stride, cache)
        self._graphs: dict[tuple[int, AttentionShape, Ending], Graph] = {}
        self._logits = device.pinned(4 * FEW * self.buffers.logits_stride).view(np.float32)
        if self._reducer is None:  # else no step ends before the other cards do theirs
            self._warm()

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def cache_bytes(self) -> int:
        return self.pool.nbytes

    @property
    def weight_bytes(self) -> int:
        return self.weights.step_bytes

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        self.device.activate()
        logits = np.empty((len(batch.logits_for), self.vocab_size), np.float32)
        for first in range(0, len(batch.tokens), self._largest):
            last = min(first + self._largest, len(batch.tokens))
            wanted = (batch.logits_for >= first) & (batch.logits_for < last)
            logits[wanted] = self._run(part_of(batch, first, last))
        return logits

    def begin(self, batch: StepBatch, rows: Sequence[RowSampling]) -> SampledOnCard:
        """Queues a step and the sampling of its rows. At most one step more may be begun before this one is read."""
        self.device.activate()
        self._sampler.tell(rows)
        if len(batch.tokens) <= FEW:
            self._run_few(*self.prepare(batch), "sampled")
        else:
            with self._timed():
                self._queue_many(batch)
        return self._sampler.collect(rows)

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        self.device.activate()
        for source, target in copies:
            self.pool.copy_page(source, target)

    def _queue_layers(self, batch: StepBatch) -> None:
        """Kernel by kernel, up to the residual stream."""
        count = len(batch.tokens)
        items = attention_items(batch, self.config, _MANY_FROM)
        self._inputs.write(batch, items, count)
        if batch.taken is not None:
            self._sampler.queue_take(self._inputs.tokens, self._inputs.taken, count)
        self.decoder.queue_layers(self._inputs, count, self._shape(items, len(items.few)))

    def lead(self, other: "CudaRuntime") -> None:
        """The other card's steps begin with the tokens that this one samples."""
        other._sampler.follow(self._sampler.sampled)

    def follow(self, batch: StepBatch, before: Event | None) -> None:
        """Queues this card's share of a step whose logits another one computes; ``before`` is its place in that one's
        queue from which on the tokens of the step before are there."""
        self.device.activate()
        few = self.prepare(batch) if len(batch.tokens) <= FEW else None
        if before is not None:
            self.device.wait_for(before)
        if few is not None:
            self._run_few(*few, "followed")
            return
        for first in range(0, len(batch.tokens), self._largest):
            self._queue_layers(part_of(batch, first, min(first + self._largest, len(batch.tokens))))

    def _run_few(self, rows: int, shape: AttentionShape, ending: Ending) -> None:
        """As a graph, or, where there is no memory for another one, kernel by kernel."""
        try:
            graph = self.graph(rows, shape, ending)
        except OutOfMemory as error:
            _log.warning("A step is queued without a graph. %s", error)
            with self._timed():
                self._queue_few(rows, shape, ending)
            return
        with self._timed():
            graph.launch()

    def _timed(self) -> AbstractContextManager[None]:
        return nullcontext() if self.step_times is None else self.step_times.step(self.device)

    def _queue_many(self, batch: StepBatch) -> None:
        sampled = 0
        for first in range(0, len(batch.tokens), self._largest):
            part = part_of(batch, first, min(first + self._largest, len(batch.tokens)))
            wanted = len(part.logits_for)
            self._queue_layers(part)
            for row in range(0, wanted, FEW):
                some = min(FEW, wanted - row)
                self.decoder.queue_logits(self._inputs, some, row)
                self._sampler.queue(some, sampled)
                sampled += some

    def residual(self, batch: StepBatch) -> NDArray[np.float32]:
        """Computes the batch up to the residual stream [T, hidden], for what computes the layers behind."""
        self.device.activate()
        found = np.empty((len(batch.tokens), self.config.hidden_size), np.float32)
        for first in range(0, len(batch.tokens), self._largest):
            last = min(first + self._largest, len(batch.tokens))
            part, count = part_of(batch, first, last), last - first
            if count <= FEW:
                self._run_few(*self.prepare(part), "residual")
            else:
                self._queue_layers(part)
            self.device.download(self.buffers.residual, found[first:last])
            self.device.synchronize()
        return found

    def close(self) -> None:
        """Gives the card's memory back; no step can follow."""
        self.device.activate()
        for graph in self._graphs.values():
            graph.close()
        self._graphs.clear()
        self.decoder.close()
        self.device.close()

    def graph(self, rows: int, shape: AttentionShape, ending: Ending = "logits") -> Graph:
        """A step of at most ``rows`` tokens. "sampled": tokens may come from the step before, and tokens are sampled.
        "chained": the likeliest tokens are the next step's input, so that the graph can be launched again and again."""
        key = (rows, shape, ending)
        if key not in self._graphs:
            with self.device.capture() as graph:
                self._queue_few(rows, shape, ending)
            self._graphs[key] = graph
        return self._graphs[key]

    def _queue_few(self, rows: int, shape: AttentionShape, ending: Ending) -> None:
        inputs = self._few_inputs
        if ending in ("sampled", "followed"):
            self._sampler.queue_take(inputs.tokens, inputs.taken, rows)
        if rows == 1 and self.single is not None and not shape.far:
            self.decoder.queue_single(inputs, self.single)
        else:
            self.decoder.queue_layers(inputs, rows, shape)
            if ending not in ("residual", "followed"):
                self.decoder.queue_logits(inputs, rows)
        if ending == "sampled":
            self._sampler.queue(rows)
        elif ending == "chained":
            self.decoder.queue_greedy(rows)
            self.decoder.queue_advance(inputs, rows)

    def _warm(self) -> None:
        """Makes the graphs of steps with short contexts, and runs prompts that are written nowhere: what the driver
        allocates for kernels and graphs is there before another program takes the rest of the card's memory."""
        if self.weights.head is None:
            self.residual(nothing(np.array([0, min(FEW + 1, self.max_context)])))
            return
        for rows in _BUCKETS:
            batch = nothing(np.arange(rows + 1))
            self.graph(*self.prepare(batch), "sampled")
            self.graph(*self.prepare(batch), "logits")
        for rows in (FEW + 1, PASSES_UP_TO + 1):
            if rows <= self._largest:
                self._queue_many(nothing(np.array([0, rows])))
        self.device.synchronize()

    def prepare(self, batch: StepBatch) -> tuple[int, AttentionShape]:
        """Tells the card of a step of at most 32 tokens; returns what its graph is found by."""
        items = attention_items(batch, self.config, FEW + 1)
        rows, few = (next(b for b in _BUCKETS if b >= count) for count in (len(batch.tokens), len(items.few)))
        self._few_inputs.write(batch, items, rows)
        return rows, self._shape(items, few, self.near if rows == 1 else None)

    def _shape(self, items: Items, few: int, near: int | None = None) -> AttentionShape:
        attention = self.decoder.attention
        return items.shape(self.config, few, attention.at_once, near, attention.cluster)

    def single_up_to(self) -> int:
        """Measures up to how many pages of context a token is best computed by one kernel (``near`` is what holds).
        Cards that share a model do so at the same time."""
        assert self.single is not None, "the model does not suit it"
        self.device.activate()
        measured = (self.device, self.config, self.decoder, self._few_inputs, self.single)
        logits = self.weights.head is not None
        if self._reducer is not None:
            tune(*measured, logits=logits)
        return single_up_to(*measured, -(-self.max_context // PAGE_TOKENS), logits=logits)

    def decode_chained(self, batch: StepBatch, steps: int) -> float:
        """Seconds of a step, over ``steps`` in a row in which the likeliest token of each row is its next input; the
        pages of ``batch`` must have room for them. For measurements."""
        self.device.activate()
        graph = self.graph(*self.prepare(batch), "chained")
        graph.launch()
        self.prepare(batch)
        timer = self.device.timer()
        timer.start()
        for _ in range(steps):
            graph.launch()
        return timer.stop() / steps

    def _run(self, batch: StepBatch) -> NDArray[np.float32]:
        count, wanted = len(batch.tokens), len(batch.logits_for)
        if count <= FEW:
            self._run_few(*self.prepare(batch), "logits")
            return self._downloaded(wanted)
        self._queue_layers(batch)
        parts = []
        for first in range(0, wanted, FEW):
            rows = min(FEW, wanted - first)
            self.decoder.queue_logits(self._inputs, rows, first)
            parts.append(self._downloaded(rows))
        if not parts:
            self.device.synchronize()
            return np.empty((0, self.vocab_size), np.float32)
        return np.concatenate(parts)

    def _downloaded(self, rows: int) -> NDArray[np.float32]:
        """The first rows of the logits, when all that is queued is done."""
        stride = self.buffers.logits_stride
        found = self._logits[: rows * stride]
        if rows:
            self.device.download(self.buffers.logits, found)
        self.device.synchronize()
        return np.array(found.reshape(rows, stride)[:, : self.vocab_size])


def nothing(starts: Int64) -> StepBatch:
    """Beginnings of sequences that are written nowhere, with the logits of the last token."""
    counts = np.diff(starts)
    positions = np.concatenate([np.arange(count) for count in counts])
    table = np.zeros((len(counts), -(-int(counts.max()) // PAGE_TOKENS)), np.int64)
    return StepBatch(0 * positions, positions, 0 * positions - 1, starts, counts, table, starts[-1:] - 1)


def part_of(batch: StepBatch, first: int, last: int) -> StepBatch:
    """The flat tokens ``first:last`` as a step of its own, which may begin or end within a sequence."""
    if first == 0 and last == len(batch.tokens):
        return batch
    starts = np.clip(batch.sequence_starts, first, last)
    kept = np.flatnonzero(np.diff(starts))
    ends = starts[kept + 1]
    wanted = batch.logits_for[(batch.logits_for >= first) & (batch.logits_for < last)]
    return replace(
        batch,
        tokens=batch.tokens[first:last],
        taken=None if batch.taken is None else batch.taken[first:last],
        positions=batch.positions[first:last],
        slots=batch.slots[first:last],
        sequence_starts=np.concatenate([starts[kept], ends[-1:]]) - first,
        context_lengths=batch.positions[ends - 1] + 1,
        page_table=batch.page_table[kept],
        logits_for=wanted - first,
    )
