"""Registers Docent's own CUDA kernels as a runtime."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from docent import install_extra
from engines.runtimes.cards import driver_missing
from engines.runtimes.entry import OpenOptions, Progress, RuntimeEntry

if TYPE_CHECKING:
    from pathlib import Path

    from engines.base import Runtime
    from engines.files.build_cache import Build
    from engines.model.checkpoint import Checkpoint


def _unavailable() -> str | None:
    if (missing := driver_missing()) is not None:
        return missing
    if find_spec("cuda") is None:
        return f"The packages for NVIDIA cards are missing. Run: {install_extra('gpu')}"
    return None


def _open(checkpoint: "Checkpoint", options: OpenOptions) -> "Runtime":
    if options.gpus > 1:
        from engines.runtimes.cuda.parallel import ParallelRuntime

        return ParallelRuntime.from_checkpoint(
            checkpoint,
            options.gpus,
            options.num_pages,
            options.max_context,
            options.cache,
            options.kv_cache,
            options.lm_head,
        )
    from engines.runtimes.cuda.runtime import CudaRuntime

    return CudaRuntime.from_checkpoint(
        checkpoint,
        options.num_pages,
        options.max_context,
        options.cache,
        kv_cache=options.kv_cache,
        lm_head=options.lm_head,
    )


def _build(checkpoint: "Checkpoint", cache: "Path", on_progress: Progress) -> "Build":
    from engines.runtimes.cuda.packed_weights import build

    return build(checkpoint, cache, on_progress)


ENTRY = RuntimeEntry(
    name="cuda",
    words="NVIDIA cards of compute capability 8.0 or later",
    device="gpu",
    priority=2,
    kv_bytes=2,
    unavailable=_unavailable,
    open=_open,
    build=_build,
    kv_caches=("fp16", "fp8", "int8"),
)
