"""A scripted model behind the Runtime protocol and a byte tokenizer: engine tests need no weights.

The model's next-token scores are a hash of the whole context, read back through the page table from what was written to
the slots. So any mistake in pages, positions or slots changes the output.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.page_size import PAGE_TOKENS
from engines.serving.row_sampling import RowSampling
from engines.serving.sampling import SampledToken, sample

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

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        by_page = self.pool.reshape(-1, PAGE_TOKENS)
        for source, target in copies:
            by_page[target] = by_page[source]

    def _logits(self, context: NDArray[np.int64]) -> NDArray[np.float32]:
        assert (context >= 0).all(), "the page table points at a slot that nobody wrote"
        if self._periodic is not None and len(context) >= self._periodic:
            scores = np.zeros(VOCABULARY, np.float32)
            scores[context[-self._periodic]] = 1
            return scores
        return scripted_logits(context.tolist())


class OverlappedRuntime(ScriptedRuntime):
    """Samples by itself, and as late as it may: a step is computed when its tokens are read. ``overlapped`` counts the
    steps that were begun while the one before was under way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.overlapped = 0
        self._under_way: list[LateRows] = []

    def begin(self, batch: StepBatch, rows: Sequence[RowSampling]) -> "LateRows":
        assert len(rows) == len(batch.logits_for)
        before = self._under_way[-1] if self._under_way else None
        self.overlapped += before is not None
        self._under_way.append(LateRows(self, batch, rows, before))
        assert len(self._under_way) <= 2, "one step more may be begun while one is under way"
        return self._under_way[-1]

    def compute(self, last: "LateRows") -> None:
        """All that was begun up to ``last``, in this order."""
        while last in self._under_way:
            self._under_way.pop(0).compute()


class LateRows:
    """The tokens of a step of ``OverlappedRuntime``."""

    def __init__(
        self, runtime: OverlappedRuntime, batch: StepBatch, rows: Sequence[RowSampling], before: "LateRows | None"
    ) -> None:
        self._runtime, self._batch, self._sampling = runtime, batch, rows
        self._before: LateRows | None = before if batch.taken is not None else None
        self._sampled: list[SampledToken] = []

    def wait(self) -> None:
        self._runtime.compute(self)

    def __getitem__(self, row: int) -> SampledToken:
        return self._sampled[row]

    def compute(self) -> None:
        tokens = self._batch.tokens.copy()
        if self._batch.taken is not None:
            assert self._before is not None, "tokens of no step under way"
            for place in np.flatnonzero(self._batch.taken >= 0):
                tokens[place] = self._before._sampled[self._batch.taken[place]].token
        logits = self._runtime.step(replace(self._batch, tokens=tokens))
        self._before = None
        self._sampled = [
            sample(row, one.params, one.prompt, one.generated, one.seed, one.allowed, position=one.position)
            for row, one in zip(logits, self._sampling, strict=True)
        ]


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
