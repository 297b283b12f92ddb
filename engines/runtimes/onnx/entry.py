"""Registers ONNX Runtime as a runtime."""

from pathlib import Path
from typing import TYPE_CHECKING

from engines.runtimes.entry import OpenOptions, Progress, RuntimeEntry

if TYPE_CHECKING:
    from engines.base import Runtime
    from engines.files.build_cache import Build
    from engines.model.checkpoint import Checkpoint


def _open(checkpoint: "Checkpoint", options: OpenOptions) -> "Runtime":
    from engines.runtimes.onnx.runtime import OnnxRuntime

    return OnnxRuntime(checkpoint, options.num_pages, options.max_context, threads=options.threads, cache=options.cache)


def _build(checkpoint: "Checkpoint", cache: Path, on_progress: Progress) -> "Build":
    from engines.runtimes.onnx.build import onnx_build

    with onnx_build(checkpoint, cache, on_progress) as build:
        return build


ENTRY = RuntimeEntry(
    name="onnx",
    words="any CPU",
    device="cpu",
    priority=1,
    kv_bytes=4,
    unavailable=lambda: None,
    open=_open,
    build=_build,
)
