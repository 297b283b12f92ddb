"""Registers TensorRT as a runtime."""

from pathlib import Path
from typing import TYPE_CHECKING

from engines.runtimes.cards import driver_missing
from engines.runtimes.entry import OpenOptions, Progress, RuntimeEntry

if TYPE_CHECKING:
    from engines.base import Runtime
    from engines.files.build_cache import Build
    from engines.model.checkpoint import Checkpoint


def _open(checkpoint: "Checkpoint", options: OpenOptions) -> "Runtime":
    from engines.runtimes.tensorrt.runtime import open_runtime

    assert options.cache is not None, "engines are built into a folder"
    return open_runtime(checkpoint, options.num_pages, options.max_context, cache=options.cache)


def _build(checkpoint: "Checkpoint", cache: Path, on_progress: Progress) -> "Build":
    from engines.runtimes.tensorrt.build import build_model

    return build_model(checkpoint.folder, cache, on_progress)


ENTRY = RuntimeEntry(
    name="tensorrt",
    words="NVIDIA cards",
    device="gpu",
    priority=1,
    kv_bytes=2,
    unavailable=driver_missing,
    open=_open,
    build=_build,
)
