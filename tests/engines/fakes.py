"""A scripted model behind the Runtime protocol and a byte tokenizer: engine tests need no weights.

The model's next-token scores are a hash of the whole context, read back through the page table from what was written to
the slots. So any mistake in pages, positions or slots changes the output.
"""

import threading
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.page_size import PAGE_TOKENS

VOCABULARY = 256


def scripted_logits(context: Sequence[int], vocabulary: int = VOCABULARY) -> NDArray[np.float32]:
    """Scores [vocabulary] that depend on every token of the context."""
    seed = int.from_bytes(blake2b(np.asarray(context, dtype=np.int64).tobytes(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).standard_normal(vocabulary).astype(np.float32)


class ScriptedRuntime:
    """Remembers tokens in slots instead of K and V."""

    name = "scripted"
    vocab_size = VOCABULARY

    def __init__(
        self,
        num_pages: int = 64,
        max_context: int = 1024,
        periodic: int | None = None,  # the model repeats its context with this period
        gate: threading.Event | None = None,  # every step waits for it
    ) -> None:
        self.num_pages = num_pages
        self.max_context = max_context
        self.pool = np.full(num_pages * PAGE_TOKENS, -1, dtype=np.int64)
        self.steps: list[StepBatch] = []
        self._periodic = periodic
        self._gate = gate

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        if self._gate is not None:
            self._gate.wait()
        self.steps.append(batch)
        self.pool[batch.slots] = batch.tokens
        wanted = set(batch.logits_for.tolist())
        rows = []
        for i in range(len(batch.context_lengths)):
            first, last = batch.sequence_starts[i], batch.sequence_starts[i + 1]
            assert batch.positions[last - 1] + 1 == batch.context_lengths[i]
            slots = (batch.page_table[i][:, None] * PAGE_TOKENS + np.arange(PAGE_TOKENS)).ravel()
            for flat in range(first, last):
                if flat in wanted:
                    rows.append(self._logits(self.pool[slots[: batch.positions[flat] + 1]]))
        return np.stack(rows) if rows else np.zeros((0, VOCABULARY), np.float32)

    def _logits(self, context: NDArray[np.int64]) -> NDArray[np.float32]:
        assert (context >= 0).all(), "the page table points at a slot that nobody wrote"
        if self._periodic is not None and len(context) >= self._periodic:
            scores = np.zeros(VOCABULARY, np.float32)
            scores[context[-self._periodic]] = 1
            return scores
        return scripted_logits(context.tolist())


class ByteTokenizer:
    """One token a byte of UTF-8; no token ends an answer unless told so."""

    def __init__(self, eos_ids: frozenset[int] = frozenset()) -> None:
        self.eos_ids = eos_ids

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, tokens: Sequence[int]) -> str:
        return bytes(token % 256 for token in tokens).decode(errors="replace")


def flat_batch(tokens: Sequence[int]) -> StepBatch:
    """One whole sequence in pages 0, 1, 2 ..., with the logits of every token asked for."""
    count = len(tokens)
    positions = np.arange(count)
    return StepBatch(
        tokens=np.asarray(tokens),
        positions=positions,
        slots=positions,
        sequence_starts=np.array([0, count]),
        context_lengths=np.array([count]),
        page_table=np.arange(-(-count // PAGE_TOKENS))[None],
        logits_for=positions,
    )
