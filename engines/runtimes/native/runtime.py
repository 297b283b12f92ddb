"""Runs the model on Docent's own kernels, on x86 CPUs with AVX2 or newer: flat tokens of all sequences, no padding.

A row's result is the same to the last bit whatever else is in the step: neither its companions nor the size of a chunk
change the order of any sum.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.base import Int64, StepBatch
from engines.files.build_cache import Build, BuildCache
from engines.model.checkpoint import Checkpoint
from engines.model.weights import Float
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cpu_limits import CpuRuntime, new_pool
from engines.runtimes.native.kernel_loader import load_kernels
from engines.runtimes.native.kernels.instructions import Instructions, best
from engines.runtimes.native.kernels.layout import LANES, LARGEST_STATE, QUERY_BLOCKS, STEP
from engines.runtimes.native.kernels.team import Team
from engines.runtimes.native.lowering import NativeModel
from engines.runtimes.native.packed_weights import PackedWeights, Progress, pack
from engines.runtimes.native.program_builder import Kernels

PACKING = "2"  # grows when the meaning of the packed file changes
# More at a time gain nothing: the products are as fast from 8 rows on, and activations stay in the cache.
_LARGEST_RUN = 256
_ITEMS = 4  # of attention for each thread, at least, where there are as many


class NativeRuntime(CpuRuntime):
    """``threads`` None uses every core. Packed weights are kept in ``cache``; without one they are packed for this
    object alone. Raises RuntimeUnavailable where the processor has none of the sets of instructions. With a
    ``first_layer`` it computes the layers from that one on, behind what another runtime does (``continued``)."""

    name = "native"

    def __init__(
        self,
        checkpoint: Checkpoint,
        num_pages: int,
        max_context: int | None = None,
        *,
        threads: int | None = None,
        cache: Path | None = None,
        instructions: Instructions | None = None,
        first_layer: int = 0,
    ) -> None:
        instructions = instructions or best()
        super().__init__(checkpoint, num_pages, max_context)
        config = self.config
        with _compiling(instructions, cache, blocks=checkpoint.has_blocks) as compiled:
            with _build(checkpoint, cache) as build:
                self.notes = build.notes
                weights = PackedWeights(build.folder)
            kernels = compiled()
        self.weight_bytes = weights.nbytes
        head_padded = -(-config.head_dim // LANES) * LANES
        shape = (config.num_layers - first_layer, num_pages, config.num_kv_heads)
        self._keys = new_pool((*shape, config.head_dim, PAGE_TOKENS), np.float16)
        self._values = new_pool((*shape, PAGE_TOKENS, head_padded), np.float16)
        self._model = NativeModel(config, weights, kernels, self._keys, self._values, _LARGEST_RUN, self.max_context)
        self._words = np.zeros(len(STEP), np.int64)
        self._team = Team(kernels.decoder, self._model.operations, self._words, threads)
        self._repeat = config.num_heads // config.num_kv_heads

    @property
    def cache_bytes(self) -> int:
        return self._keys.nbytes + self._values.nbytes

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        return self._compute(batch, lambda rows: self._embedded(batch.tokens[rows]))

    def continued(self, batch: StepBatch, residual: Float) -> NDArray[np.float32]:
        """A step from the residual stream [T, hidden] before ``first_layer`` on."""
        return self._compute(batch, lambda rows: residual[rows])

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        for source, target in copies:
            for pool in (self._keys, self._values):
                pool[:, target] = pool[:, source]

    def _compute(self, batch: StepBatch, rows_of: Callable[[slice], Float]) -> NDArray[np.float32]:
        logits = np.empty((len(batch.logits_for), self._model.logits_width), np.float32)
        for first in range(0, len(batch.tokens), _LARGEST_RUN):
            last = min(first + _LARGEST_RUN, len(batch.tokens))
            self._model.x[: last - first, : self.config.hidden_size] = rows_of(slice(first, last))
            self._run(batch, first, last, logits)
        return logits[:, : self.vocab_size]

    def _embedded(self, tokens: Int64) -> Float:
        x = self._embedding[tokens]
        if self.config.embedding_scale != 1:
            x *= np.float32(self.config.embedding_scale)
        return x

    def close(self) -> None:
        """Ends the threads; no step can follow."""
        self._team.close()

    def _run(self, batch: StepBatch, first: int, last: int, logits: Float) -> None:
        """Computes the flat tokens ``first:last`` and their rows of ``logits``."""
        rows = slice(first, last)
        wanted = np.flatnonzero((batch.logits_for >= first) & (batch.logits_for < last))
        blocks = _blocks(batch.sequence_starts, first, last, self._repeat)
        arrays = {
            "chosen": batch.logits_for[wanted] - first,
            "positions": batch.positions[rows],
            "slots": batch.slots[rows],
            "page_table": batch.page_table,
            "blocks": blocks,
        }
        kept = {name: np.ascontiguousarray(array, np.int64) for name, array in arrays.items()}
        words = {name: array.ctypes.data for name, array in kept.items()} | {
            "rows": last - first,
            "logit_rows": len(wanted),
            "table_stride": batch.page_table.shape[1],
            "num_blocks": len(blocks),
            "head_range": self._head_range(blocks, len(batch.sequence_starts) - 1),
            "pairs": 0,
        }
        self._words[:] = [words[name] for name in STEP]
        # Rows are asked for in the order of their tokens as a rule, so those of a run stand together.
        together = len(wanted) == 0 or wanted[-1] - wanted[0] == len(wanted) - 1
        target = logits[int(wanted[0]) :] if together and len(wanted) else np.empty_like(logits[: len(wanted)])
        self._model.write_logits_to(target.ctypes.data)
        self._team.run()
        if not together:
            logits[wanted] = target

    def _head_range(self, blocks: Int64, sequences: int) -> int:
        """Neighbouring heads are read in one stretch where each page is met once. Where many queries meet it, one head
        at a time stays in the cache."""
        if len(blocks) > 2 * sequences or not len(blocks):
            return 1
        widest = LARGEST_STATE // (int(blocks[:, 2].max()) * self._values.shape[-1])
        shared = len(blocks) * self.config.num_kv_heads // (_ITEMS * self._team.threads)
        return int(max(1, min(widest, shared)))


def _blocks(starts: Int64, first: int, last: int, repeat: int) -> Int64:
    """Queries of the flat tokens ``first:last`` in blocks of one sequence: [n, 3] sequence, first query, number."""
    found: list[tuple[int, int, int]] = []
    begins = np.clip(starts, first, last) - first
    for sequence in np.flatnonzero(np.diff(begins)).tolist():
        query, stop = int(begins[sequence]) * repeat, int(begins[sequence + 1]) * repeat
        for size in reversed(QUERY_BLOCKS):
            while stop - query >= size:
                found.append((sequence, query, size))
                query += size
    return np.array(found, np.int64).reshape(-1, 3)


def native_build(checkpoint: Checkpoint, cache: Path, on_progress: Progress = lambda done, total: None) -> Build:
    """Everything that a first use would wait for: the compiled kernels and the packed weights, if they are not there.
    ``on_progress`` is told how many subgraphs are packed, of how many."""
    with _compiling(best(), cache, blocks=checkpoint.has_blocks) as compiled:
        build = _packed(checkpoint, cache, on_progress)
        compiled()
    return build


def _packed(checkpoint: Checkpoint, cache: Path, on_progress: Progress = lambda done, total: None) -> Build:
    builds = BuildCache(cache)

    def write(folder: Path) -> tuple[str, ...]:
        return pack(checkpoint, folder, on_progress, builds.wrote, cache)

    return builds.get(checkpoint.folder, "native", {"packing": PACKING}, write)


@contextmanager
def _compiling(instructions: Instructions, cache: Path | None, *, blocks: bool) -> Iterator[Callable[[], Kernels]]:
    """Kernels are compiled, where they are not in the cache, while the weights are read; the function waits for
    them."""

    def load() -> Kernels:
        return Kernels(
            load_kernels(instructions, cache), load_kernels(instructions, cache, "blocks") if blocks else None
        )

    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(load).result


@contextmanager
def _build(checkpoint: Checkpoint, cache: Path | None) -> Iterator[Build]:
    """Without a cache the files live as long as somebody has them mapped."""
    if cache is not None:
        yield _packed(checkpoint, cache)
        return
    with tempfile.TemporaryDirectory(prefix="docent-packed-") as folder:
        yield Build(Path(folder), pack(checkpoint, Path(folder)))
