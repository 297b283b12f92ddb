"""Describes a runtime for the registry: each has an ``ENTRY`` of this type in the ``entry.py`` of its folder.

Entries are made at every start, so their modules import nothing heavy; libraries are imported when a runtime is opened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engines.page_size import KvCache, LmHead

if TYPE_CHECKING:
    from engines.base import Runtime
    from engines.files.build_cache import Build
    from engines.model.checkpoint import Checkpoint

Progress = Callable[[int, int], None]  # steps done, steps in all


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """``max_context`` bounds a sequence in tokens, None is the model's own limit. ``threads`` None uses every core.
    ``cache`` keeps what a runtime builds from a checkpoint; without one it is built for the opened runtime alone. A
    runtime for cards computes ``gpu_layers`` layers there and the others on the processor, None is as many as fit;
    with several ``gpus`` it shares every layer out over so many cards. ``kv_cache`` is one of the entry's
    ``kv_caches``; of ``lm_head`` the runtimes for the processor know nothing."""

    num_pages: int
    max_context: int | None = None
    threads: int | None = None
    cache: Path | None = None
    gpu_layers: int | None = None
    gpus: int = 1
    kv_cache: KvCache = "fp16"
    lm_head: LmHead = "stored"


@dataclass(frozen=True, slots=True)
class RuntimeEntry:
    """``words`` complete "``name`` is ..." for a person. Among the usable runtimes of a ``device``, "auto" tries those
    with a higher ``priority`` first, and none without one. ``kv_bytes`` is what a number of K or V takes in the pool
    as a rule; ``kv_caches`` are the ways in which they can be kept.

    ``unavailable`` says in one sentence why the runtime cannot be used on this computer, or None; it loads no library.
    ``open`` raises RuntimeUnavailable where it finds that out only then. ``build`` prepares a checkpoint ahead of its
    first use and keeps the result in the cache of builds, under versions of everything that shaped it; None where a
    runtime builds nothing."""

    name: str
    words: str
    device: Literal["cpu", "gpu"]
    priority: int | None
    kv_bytes: int
    unavailable: Callable[[], str | None]
    open: "Callable[[Checkpoint, OpenOptions], Runtime]"
    build: "Callable[[Checkpoint, Path, Progress], Build] | None"
    kv_caches: tuple[KvCache, ...] = ("fp16",)
