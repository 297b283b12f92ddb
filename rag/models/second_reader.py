"""Two readers of different origin read what may answer a question: each for itself, then both together.

The first one puts all passages in order; the best of them are read again by the second. Where two readers that learnt
from other weights choose the same words, these are right far more often than either reader's own certainty tells; so
the answer is the stretch that overlaps best with what both think likely, and how far they agree counts in how sure the
answer is. The weights are a logistic regression's (``two-readers.json``, docs/models/reader.md).
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.models.extractive_reader import ExtractiveReader, context_and_text, ranked, stretch_of
from rag.models.readout import Readout, expected_f1
from rag.types import Hit, Passage, Reading, Span

READ_TWICE = 3  # passages, the best of the first reader; each takes 60 ms of one thread
_BEHIND = 100.0  # taken from the answers of passages that were read once
_UNKNOWN = 0.5  # how far the readers are taken to agree on those


@dataclass(frozen=True, slots=True)
class TwoReaders:
    """Log odds that an answer is right: weights of the readers' own log odds and of their agreement (0 to 1), and bias.

    ``support``: of the log odds of either reader that a passage bears out a statement."""

    first: float
    second: float
    agreement: float
    bias: float
    support: tuple[float, float]

    @classmethod
    def read(cls, path: Path) -> "TwoReaders":
        raw = json.loads(path.read_text(encoding="utf-8"))
        first, second = raw["support"]
        return cls(raw["first"], raw["second"], raw["agreement"], raw["bias"], (first, second))

    def log_odds(self, first: float, second: float, agreement: float) -> float:
        return self.first * first + self.second * second + self.agreement * agreement + self.bias


class SecondOpinion:
    """A ``RankingReader`` (see rag.protocols). ``second`` may be on its way: it is called when it is needed. May be
    used from several threads."""

    reads_any_language = False

    def __init__(self, first: ExtractiveReader, second: Callable[[], ExtractiveReader], weights: TwoReaders) -> None:
        self._first, self._second, self._weights = first, second, weights

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """As ``ExtractiveReader.rerank``."""
        return ranked(hits, self._read(question, hits))

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """As ``ExtractiveReader.read``."""
        return self._read(question, passages)

    def supports(self, claim: str, passages: Sequence[Passage]) -> list[float] | None:
        """As ``ExtractiveReader.supports``, by both."""
        first, second = self._first.supports(claim, passages), self._second().supports(claim, passages)
        if first is None or second is None:
            return first
        a, b = self._weights.support
        return [_chance(a * _log_odds(x) + b * _log_odds(y)) for x, y in zip(first, second, strict=True)]

    def _read(self, question: str, places: Sequence[Hit] | Sequence[Passage]) -> list[Reading]:
        pairs = [context_and_text(place) for place in places]
        stretches = [stretch_of(place) for place in places]
        readouts = self._first.readouts(question, pairs)
        readings = [self._first.reading(readout, at) for readout, at in zip(readouts, stretches, strict=True)]
        order = sorted(range(len(places)), key=lambda i: -readings[i].rank_score)
        best, others = order[:READ_TWICE], order[READ_TWICE:]
        if not best:
            return []
        for i in others:
            own = _log_odds(readings[i].confidence)
            odds = self._weights.log_odds(own, own, _UNKNOWN)
            readings[i] = replace(readings[i], answer_score=odds - _BEHIND, confidence=_chance(odds))
        reader = self._second()
        again = reader.readouts(question, [pairs[i] for i in best])
        for i, readout in zip(best, again, strict=True):
            second = reader.reading(readout, stretches[i])
            readings[i] = self._together(readings[i], readouts[i], second, readout, stretches[i])
        return readings

    def _together(self, first: Reading, one: Readout, second: Reading, other: Readout, stretch: Span) -> Reading:
        """What both read in a stretch of a document. Its scores are log odds that the answer is right."""
        start, end, agreement = both(one, other)
        odds = self._weights.log_odds(_log_odds(first.confidence), _log_odds(second.confidence), agreement)
        span = Span(stretch.document_id, stretch.start + start, stretch.start + end, stretch.text[start:end])
        return replace(first, span=span, answer_score=odds, confidence=_chance(odds))


def both(one: Readout, other: Readout) -> tuple[int, int, float]:
    """The stretch that overlaps best with what two readers think likely, as start and end in characters, and by how
    much it does on average (expected F1, 0 to 1)."""
    likely = [*one.likely, *other.likely]
    if not likely:
        return 0, 0, 0.0
    start, end = (np.array(list(ends)) for ends in zip(*((each.start, each.end) for each in likely), strict=True))
    chance = np.array([each.chance for each in likely], np.float32)
    overlap = expected_f1(start, end, chance)
    at = int((overlap + chance).argmax())
    return int(start[at]), int(end[at]), float(overlap[at]) / 2


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, log_odds))))


def _log_odds(chance: float) -> float:
    kept = min(1 - 1e-9, max(1e-9, chance))
    return math.log(kept / (1 - kept))
