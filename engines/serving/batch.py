"""Flattens what the scheduler decided into the batch of a step."""

from collections.abc import Mapping

import numpy as np

from engines.base import StepBatch
from engines.serving.scheduler import SchedulerOutput
from engines.serving.sequence import UNKNOWN


def build_batch(output: SchedulerOutput, rows_before: Mapping[int, int]) -> StepBatch:
    """Flattens the scheduled sequences into the arrays that a runtime takes. ``rows_before`` are the rows that the step
    under way samples, by the number of the sequence."""
    tokens: list[int] = []
    positions: list[int] = []
    slots: list[int] = []
    logits_for: list[int] = []
    starts = [0]
    unknown: list[tuple[int, int]] = []  # where a token is not known, and the row that samples it
    for item in output.scheduled:
        count = item.count + len(item.drafts)
        tokens += item.sequence.slice(item.start, item.start + item.count)
        if tokens[-1] == UNKNOWN:
            tokens[-1] = 0
            unknown.append((len(tokens) - 1, rows_before[item.sequence.id]))
        tokens += item.drafts
        positions += range(item.start, item.start + count)
        slots += item.slots
        starts.append(len(tokens))
        if item.samples:
            logits_for += range(len(tokens) - len(item.drafts) - 1, len(tokens))
    width = max(len(item.sequence.pages.pages) for item in output.scheduled)
    table = np.full((len(output.scheduled), width), -1, dtype=np.int64)
    for index, item in enumerate(output.scheduled):
        table[index, : len(item.sequence.pages.pages)] = item.sequence.pages.pages
    taken = np.full(len(tokens), -1, np.int64) if unknown else None
    for place, row in unknown:
        assert taken is not None
        taken[place] = row
    return StepBatch(
        tokens=np.asarray(tokens, dtype=np.int64),
        positions=np.asarray(positions, dtype=np.int64),
        slots=np.asarray(slots, dtype=np.int64),
        sequence_starts=np.asarray(starts, dtype=np.int64),
        context_lengths=np.asarray(
            [item.start + item.count + len(item.drafts) for item in output.scheduled], dtype=np.int64
        ),
        page_table=table,
        logits_for=np.asarray(logits_for, dtype=np.int64),
        taken=taken,
    )
