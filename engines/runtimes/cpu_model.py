"""What the runtimes for CPUs share: a checkpoint's limits, its embedding, its build for ONNX Runtime, and the pool."""

import contextlib
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np

from engines.build import Build, BuildCache
from engines.checkpoint import Checkpoint
from engines.errors import EngineError
from engines.weights import Float

WEIGHTS_FILE = "weights.bin"  # as engines/onnx_graph.py names it
LOWERING = "4"  # grows when the graph's meaning or its inputs change


class CpuRuntime:
    """``notes`` says what is not computed exactly as the checkpoint stores it."""

    notes: tuple[str, ...]
    weight_bytes: int
    _pool: Float

    def __init__(self, checkpoint: Checkpoint, num_pages: int, max_context: int | None) -> None:
        self.spec = checkpoint.spec
        self.num_pages = num_pages
        self.max_context = min(max_context or self.spec.max_context, self.spec.max_context)
        self._embedding = checkpoint.embedding()

    @property
    def vocab_size(self) -> int:
        return self.spec.vocab_size

    @property
    def cache_bytes(self) -> int:
        """The pool of K and V; the system hands out its memory as pages are first written."""
        return self._pool.nbytes

    def _use(self, build: Build) -> None:
        self.notes = build.notes
        self.weight_bytes = (build.folder / WEIGHTS_FILE).stat().st_size


@contextlib.contextmanager
def onnx_build(
    checkpoint: Checkpoint, cache: Path | None, on_piece: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Build]:
    """The built model; without a cache it lives as long as the block. ``on_piece`` is told how many pieces are written,
    of how many, if there was none yet."""
    if cache is not None:
        versions = {"onnxruntime": metadata.version("onnxruntime"), "lowering": LOWERING}
        yield BuildCache(cache).get(
            checkpoint.folder, "onnx", versions, lambda folder: _write(checkpoint, folder, on_piece)
        )
        return
    folder = Path(tempfile.mkdtemp(prefix="docent-onnx-"))
    try:
        yield Build(folder, _write(checkpoint, folder, on_piece))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(checkpoint: Checkpoint, folder: Path, on_piece: Callable[[int, int], None]) -> tuple[str, ...]:
    from engines.lower_onnx import write_model  # the onnx package is needed to build only

    return write_model(checkpoint, folder, on_piece)


def new_pool(shape: tuple[int, ...]) -> Float:
    try:
        return np.zeros(shape, np.float32)
    except MemoryError:
        size = 4 * math.prod(shape) / 1e9
        raise EngineError(
            f"A KV cache of {size:.1f} GB does not fit into memory.", "Configure a smaller one."
        ) from None
