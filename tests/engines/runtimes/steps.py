"""Steps of several sequences, put together by hand, and the comparison of their logits."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.page_size import PAGE_TOKENS

EXACT = 2e-4


@dataclasses.dataclass
class Row:
    """One sequence of a step; ``logits`` are wanted for so many of its last tokens."""

    start: int
    tokens: list[int]
    pages: list[int]
    logits: int = 1


def batch_of(*rows: Row) -> StepBatch:
    positions = [np.arange(row.start, row.start + len(row.tokens)) for row in rows]
    slots = [
        np.array(row.pages)[at // PAGE_TOKENS] * PAGE_TOKENS + at % PAGE_TOKENS
        for row, at in zip(rows, positions, strict=True)
    ]
    starts = np.cumsum([0, *(len(row.tokens) for row in rows)])
    table = np.full((len(rows), max(len(row.pages) for row in rows)), -1)
    for i, row in enumerate(rows):
        table[i, : len(row.pages)] = row.pages
    wanted = [np.arange(stop - row.logits, stop) for row, stop in zip(rows, starts[1:], strict=True)]
    return StepBatch(
        tokens=np.concatenate([np.array(row.tokens) for row in rows]),
        positions=np.concatenate(positions),
        slots=np.concatenate(slots),
        sequence_starts=starts,
        context_lengths=np.array([row.start + len(row.tokens) for row in rows]),
        page_table=table,
        logits_for=np.concatenate(wanted),
    )


def some_tokens(count: int, seed: int = 1) -> list[int]:
    return [int(t) for t in np.random.default_rng(seed).integers(3, 320, count)]


def assert_close(
    actual: NDArray[np.float32], expected: NDArray[np.float32], tolerance: float = EXACT, others: float = 0.0
) -> None:
    """All rows but a share of ``others``."""
    assert actual.shape == expected.shape
    close = np.abs(actual - expected).max(-1) < tolerance * expected.std()
    assert close.mean() >= 1 - others
