"""Asks a runtime for the tokens of a step instead of its logits.

A runtime that samples where its logits are (``SamplingRuntime``) begins a step and returns at once, so that the next
step can be prepared meanwhile. For the others ``HostSampling`` computes the step, and samples a row when it is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engines.base import Runtime, StepBatch
from engines.serving.sampling import SampledToken, sample
from engines.serving.sampling_params import SamplingParams
from engines.serving.scheduler import ScheduledSequence


@dataclass(frozen=True, slots=True)
class RowSampling:
    """How a row of logits is sampled. ``position`` counts the tokens before the sampled one, which ``prompt`` and
    ``generated`` hold where the parameters penalise what was seen; elsewhere they may be empty. ``allowed``
    [vocabulary] None allows everything."""

    params: SamplingParams
    seed: int
    position: int
    prompt: Sequence[int] = ()
    generated: Sequence[int] = ()
    allowed: NDArray[np.bool_] | None = None


def row_samplings(item: ScheduledSequence, allowed: NDArray[np.bool_] | None) -> list[RowSampling]:
    """For the last token of a sequence and each draft behind it."""
    sequence = item.sequence
    params, seed, position = sequence.params, sequence.seed, sequence.length
    if not params.penalises:
        return [RowSampling(params, seed, position + index, allowed=allowed) for index in range(1 + len(item.drafts))]
    seen = [[*sequence.generated, *item.drafts[:index]] for index in range(1 + len(item.drafts))]
    return [
        RowSampling(params, seed, position + index, sequence.prompt, generated, allowed)
        for index, generated in enumerate(seen)
    ]


class SampledRows(Protocol):
    """The tokens of a step that may still run."""

    def wait(self) -> None:
        """Until the step has ended. Raises what made it fail."""
        ...

    def __getitem__(self, row: int) -> SampledToken: ...


@runtime_checkable
class SamplingRuntime(Runtime, Protocol):
    """A runtime that samples by itself. Steps are computed in the order in which they are begun, and at most one more
    is begun while one is under way."""

    def begin(self, batch: StepBatch, rows: Sequence[RowSampling]) -> SampledRows:
        """Begins a step; ``rows`` say how each row of its logits is sampled."""
        ...


class HostSampling:
    """A step by any runtime, sampled here."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def begin(self, batch: StepBatch, rows: Sequence[RowSampling]) -> SampledRows:
        return _HostRows(self._runtime.step(batch), rows)


class _HostRows:
    def __init__(self, logits: NDArray[np.float32], rows: Sequence[RowSampling]) -> None:
        self._logits, self._rows = logits, rows

    def wait(self) -> None:
        """The logits are there already."""

    def __getitem__(self, row: int) -> SampledToken:
        one = self._rows[row]
        return sample(
            self._logits[row], one.params, one.prompt, one.generated, one.seed, one.allowed, position=one.position
        )
