"""Opens runtimes by name for the benchmarks: the registered ones, and our own kernels with older instructions."""

from pathlib import Path
from typing import Protocol, cast

from engines.base import Runtime
from engines.model.checkpoint import Checkpoint
from engines.runtimes.entry import OpenOptions
from engines.runtimes.registry import RUNTIMES as REGISTERED

_AVX2 = "native-avx2"
RUNTIMES = (*REGISTERED, _AVX2)


class SizedRuntime(Runtime, Protocol):
    """A runtime that says what it keeps in memory."""

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights that a step reads."""
        ...

    @property
    def cache_bytes(self) -> int:
        """Bytes of the pool of K and V."""
        ...


def open_runtime(
    name: str,
    checkpoint: Checkpoint,
    num_pages: int,
    max_context: int | None = None,
    *,
    threads: int | None = None,
    cache: Path | None = None,
) -> Runtime:
    """One of ``RUNTIMES``. Raises RuntimeUnavailable where it cannot be used here."""
    if name != _AVX2:
        return REGISTERED[name].open(checkpoint, OpenOptions(num_pages, max_context, threads, cache))
    from engines.runtimes.native.kernels.instructions import KNOWN
    from engines.runtimes.native.runtime import NativeRuntime

    (avx2,) = (known for known in KNOWN if known.name == "avx2")
    return NativeRuntime(checkpoint, num_pages, max_context, threads=threads, cache=cache, instructions=avx2)


def sized(runtime: Runtime) -> SizedRuntime:
    """The same runtime, if it has sizes. Raises SystemExit for one that has none."""
    if not hasattr(runtime, "weight_bytes") or not hasattr(runtime, "cache_bytes"):
        raise SystemExit(f"The runtime {runtime.name} does not say how large it is.")
    return cast("SizedRuntime", runtime)


def kv_bytes(name: str) -> int:
    """What a number of K or V takes in a runtime's pool."""
    return REGISTERED[name.removesuffix("-avx2")].kv_bytes
