"""Registers Docent's own kernels as a runtime."""

from pathlib import Path
from typing import TYPE_CHECKING

from engines.runtimes.entry import OpenOptions, Progress, RuntimeEntry

if TYPE_CHECKING:
    from engines.base import Runtime
    from engines.files.build_cache import Build
    from engines.model.checkpoint import Checkpoint


def _unavailable() -> str | None:
    from engines.runtimes.native.kernels.instructions import NEEDED, usable

    return None if usable() else NEEDED


def _open(checkpoint: "Checkpoint", options: OpenOptions) -> "Runtime":
    from engines.runtimes.native.runtime import NativeRuntime

    return NativeRuntime(
        checkpoint, options.num_pages, options.max_context, threads=options.threads, cache=options.cache
    )


def _build(checkpoint: "Checkpoint", cache: Path, on_progress: Progress) -> "Build":
    from engines.runtimes.native.runtime import native_build

    return native_build(checkpoint, cache, on_progress)


ENTRY = RuntimeEntry(
    name="native",
    words="Docent's own kernels: x86 CPUs with AVX2 on Linux",
    device="cpu",
    priority=2,
    kv_bytes=2,
    unavailable=_unavailable,
    open=_open,
    build=_build,
)
