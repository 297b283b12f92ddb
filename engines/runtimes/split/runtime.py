"""A model that is larger than the card: its first layers run there, the others on Docent's kernels for the processor.

The residual stream goes from one to the other once a step; each keeps K and V of its own layers.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.base import StepBatch


class FirstLayers(Protocol):
    """What computes the layers up to some."""

    @property
    def max_context(self) -> int: ...

    @property
    def num_pages(self) -> int: ...

    def residual(self, batch: StepBatch) -> NDArray[np.float32]:
        """The residual stream [T, hidden] behind them."""
        ...

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None: ...

    def close(self) -> None: ...


class LastLayers(Protocol):
    """What computes the layers from some on."""

    @property
    def vocab_size(self) -> int: ...

    def continued(self, batch: StepBatch, residual: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits [N, vocab_size] from the residual stream before them."""
        ...

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None: ...

    def close(self) -> None: ...


class SplitRuntime:
    """``open_last`` opens the second part, with as many pages as the first one has."""

    name = "cuda"

    def __init__(self, first: FirstLayers, open_last: Callable[[int], LastLayers], notes: tuple[str, ...] = ()) -> None:
        self._first, self.notes = first, notes
        try:
            self._last = open_last(first.num_pages)
        except BaseException:
            first.close()
            raise

    @property
    def vocab_size(self) -> int:
        return self._last.vocab_size

    @property
    def max_context(self) -> int:
        return self._first.max_context

    @property
    def num_pages(self) -> int:
        return self._first.num_pages

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        return self._last.continued(batch, self._first.residual(batch))

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        self._first.copy_pages(copies)
        self._last.copy_pages(copies)

    def close(self) -> None:
        self._last.close()
        self._first.close()
