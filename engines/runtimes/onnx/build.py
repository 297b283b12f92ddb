"""Builds a checkpoint for ONNX Runtime (graph and weights) and keeps it in the cache of builds."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from engines.files.build_cache import Build, BuildCache
from engines.model.checkpoint import Checkpoint

MODEL_FILE, WEIGHTS_FILE = "model.onnx", "weights.bin"  # as engines/runtimes/onnx_graph.py names them
LOWERING = "4"  # grows when the graph's meaning or its inputs change


@contextlib.contextmanager
def onnx_build(
    checkpoint: Checkpoint, cache: Path | None, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Build]:
    """The built model; without a cache it lives as long as the block. ``on_progress`` is told how many subgraphs are
    written, of how many, if there was none yet."""
    if cache is not None:
        versions = {"onnxruntime": metadata.version("onnxruntime"), "lowering": LOWERING}
        yield BuildCache(cache).get(
            checkpoint.folder, "onnx", versions, lambda folder: _write(checkpoint, folder, on_progress)
        )
        return
    folder = Path(tempfile.mkdtemp(prefix="docent-onnx-"))
    try:
        yield Build(folder, _write(checkpoint, folder, on_progress))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(checkpoint: Checkpoint, folder: Path, on_progress: Callable[[int, int], None]) -> tuple[str, ...]:
    from engines.runtimes.onnx.lowering import write_model  # the onnx package is needed to build only

    return write_model(checkpoint, folder, on_progress)
