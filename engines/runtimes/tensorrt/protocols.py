"""Protocols of the TensorRT runtime: an engine that is ready to run, and the memory and attention of a card."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.base import Int64, StepBatch

M = TypeVar("M")  # memory on the device


class Session(Protocol):
    """One subgraph's engine, ready to run. Queues work and does not wait for it."""

    @property
    def max_rows(self) -> int: ...

    def bind(self, name: str, address: int) -> None:
        """Where an input or output lies from now on."""
        ...

    def enqueue(self, rows: int, stream: int) -> None:
        """Runs the subgraph on ``rows`` tokens."""
        ...


class AttentionBackend(Protocol[M]):
    """Memory of the device, and attention over the pages it holds; ``TorchBackend`` implements it."""

    @property
    def stream(self) -> int: ...

    def empty(self, rows: int, width: int | None, dtype: type[np.generic]) -> M: ...

    def address(self, buffer: M, row: int = 0) -> int: ...

    def upload(self, values: NDArray[np.generic], buffer: M) -> None: ...

    def download(self, buffer: M, rows: int) -> NDArray[np.float32]: ...

    def gather(self, source: M, rows: Int64, target: M) -> None: ...

    def begin(self, batch: StepBatch) -> None: ...

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None: ...

    def attend(self, layer: int, q: M, k: M, v: M, mixed: M, rows: int) -> None: ...


class Memory(Protocol):
    """What sessions need of the device: memory and addresses in it."""

    def empty(self, rows: int, width: int | None, dtype: type[np.generic]) -> Any: ...

    def address(self, buffer: Any, row: int = 0) -> int: ...
