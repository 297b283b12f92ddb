"""Prepares a model for a runtime ahead of its first use. What is built is kept in the data folder and found again.

Without this, the first question after a change builds. Says what was lost on the way, if anything was.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from app.models import ModelStore

BuildRuntime = Literal["onnx", "tensorrt"]


def build_model(
    store: ModelStore,
    model: str,
    runtime: BuildRuntime,
    builds: Path,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[str, ...]:
    """Returns the notes of the build. Raises DocentError, RuntimeUnavailable without the runtime's package."""
    folder = store.folder(model)
    if runtime == "tensorrt":
        from engines.tensorrt_build import build_model as build_tensorrt

        return build_tensorrt(folder, builds, on_step).notes
    from engines.checkpoint import Checkpoint
    from engines.runtimes.onnx_cpu import OnnxRuntime

    notes = OnnxRuntime(Checkpoint(folder), num_pages=1, cache=builds).notes
    on_step(1, 1)
    return notes
