"""The common part of the runtimes for CPUs: a checkpoint's limits, its embedding, and the memory of the pool."""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.model.checkpoint import Checkpoint

Kind = TypeVar("Kind", np.float16, np.float32)


class CpuRuntime:
    """``notes`` says what is not computed exactly as the checkpoint stores it, ``weight_bytes`` counts what is read of
    the weights."""

    notes: tuple[str, ...]
    weight_bytes: int

    def __init__(self, checkpoint: Checkpoint, num_pages: int, max_context: int | None) -> None:
        self.config = checkpoint.config
        self.num_pages = num_pages
        self.max_context = min(max_context or self.config.max_context, self.config.max_context)
        self._embedding = checkpoint.embedding()

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size


def new_pool(shape: tuple[int, ...], kind: type[Kind]) -> NDArray[Kind]:
    try:
        return np.zeros(shape, kind)
    except MemoryError:
        size = np.dtype(kind).itemsize * math.prod(shape) / 1e9
        raise EngineError(
            f"A KV cache of {size:.1f} GB does not fit into memory.", "Configure a smaller one."
        ) from None
