"""The protocol between the engine and its runtimes: the batch of one step, and the methods of a runtime.

A runtime owns the weights and the pool of K and V; the engine owns the page table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StepBatch:
    """One step over the flat tokens of several sequences; T tokens, B sequences, N rows of logits.

    ``slots`` says where each token's K and V are written (page * PAGE_TOKENS + offset). The token range of a sequence
    is ``sequence_starts[i]:sequence_starts[i + 1]``; ``context_lengths`` counts a sequence's tokens after this step.
    ``page_table`` is padded with -1. Where a token is not known yet, since the step before is still under way,
    ``taken`` names the row of that step whose sampled token it is; -1 elsewhere, None where all tokens are known.
    """

    tokens: Int64  # [T]
    positions: Int64  # [T]
    slots: Int64  # [T]
    sequence_starts: Int64  # [B + 1]
    context_lengths: Int64  # [B]
    page_table: Int64  # [B, pages]
    logits_for: Int64  # [N], indices into the flat tokens
    taken: Int64 | None = None  # [T]


class Runtime(Protocol):
    """Runs the model. Methods are called from one thread at a time."""

    @property
    def name(self) -> str: ...

    @property
    def vocab_size(self) -> int: ...

    @property
    def max_context(self) -> int:
        """Longest sequence in tokens, prompt and answer together."""
        ...

    @property
    def num_pages(self) -> int:
        """Pages in the pool; each holds ``PAGE_TOKENS`` tokens of all layers."""
        ...

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        """Computes the batch, writes its K and V, returns logits [N, vocab_size]."""
        ...

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        """Copies K and V of all layers from pages to pages, behind the steps that were begun and before the next."""
        ...
