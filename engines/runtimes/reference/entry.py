"""Registers the reference as a runtime, to be chosen by name only."""

from typing import TYPE_CHECKING

from engines.runtimes.entry import OpenOptions, RuntimeEntry

if TYPE_CHECKING:
    from engines.base import Runtime
    from engines.model.checkpoint import Checkpoint


def _open(checkpoint: "Checkpoint", options: OpenOptions) -> "Runtime":
    from engines.runtimes.reference.runtime import ReferenceRuntime

    return ReferenceRuntime(checkpoint, options.num_pages, options.max_context, options.kv_cache)


ENTRY = RuntimeEntry(
    name="reference",
    words="slow, for comparison",
    device="cpu",
    priority=None,
    kv_bytes=4,
    unavailable=lambda: None,
    open=_open,
    build=None,
    kv_caches=("fp16", "fp8", "int8"),
)
