"""Beam search: which continuations of a text are kept. Knows scores and tokens alone.

Beams, finished hypotheses and the end of the search are those of transformers (``num_beams`` with ``do_sample=False``
and ``early_stopping=False``): of all continuations the best are looked at, those that end are kept by their mean log
probability (``length_penalty``), and it is over when the best running beam can no longer be better than the worst
finished one at its length, or at the length that was asked for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

Continuations = Sequence[tuple[int, float]]  # tokens with their log probabilities, the likeliest first


@dataclass(frozen=True, slots=True)
class Beam:
    """Tokens and the sum of their log probabilities."""

    tokens: tuple[int, ...] = ()
    logprob: float = 0.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished beam; ``score`` is what hypotheses are ordered by."""

    tokens: tuple[int, ...]
    logprob: float
    score: float
    reason: Literal["stop", "length"]


class BeamSearch:
    """Keeps ``width`` running ``beams`` and as many finished ``hypotheses``, the best ones first."""

    def __init__(self, width: int, max_tokens: int, end_tokens: Collection[int], length_penalty: float = 1.0) -> None:
        self._width, self._max_tokens, self._penalty = width, max_tokens, length_penalty
        self._ends = frozenset(end_tokens)
        self.beams = [Beam()]
        self.hypotheses: list[Hypothesis] = []
        self.done = False

    @property
    def continuations_wanted(self) -> int:
        """So many of the likeliest continuations of each beam suffice: those of other beams may be worse, and any of
        the end tokens may be among them."""
        return self._width + len(self._ends)

    def advance(self, continuations: Sequence[Continuations]) -> list[int]:
        """Takes the continuations of each running beam; returns for each new one which it goes on from."""
        length = len(self.beams[0].tokens) + 1
        candidates = [
            (beam.logprob + logprob, -number, token)
            for number, (beam, found) in enumerate(zip(self.beams, continuations, strict=True))
            for token, logprob in found
        ]
        candidates.sort(key=lambda one: one[:2], reverse=True)
        going_on: list[tuple[int, Beam]] = []
        last = length >= self._max_tokens
        for rank, (logprob, number, token) in enumerate(candidates[: max(2, 1 + len(self._ends)) * self._width]):
            tokens = (*self.beams[-number].tokens, token)
            if token in self._ends or last:
                if rank < self._width:
                    self._finish(Beam(tokens, logprob), "stop" if token in self._ends else "length")
            elif len(going_on) < self._width:
                going_on.append((-number, Beam(tokens, logprob)))
        self.hypotheses.sort(key=lambda one: one.score, reverse=True)
        del self.hypotheses[self._width :]
        self.beams = [beam for _, beam in going_on]
        self.done = not self.beams or (len(self.hypotheses) == self._width and not self._can_improve(length))
        return [parent for parent, _ in going_on]

    def _finish(self, beam: Beam, reason: Literal["stop", "length"]) -> None:
        score = beam.logprob / float(len(beam.tokens) ** self._penalty)
        self.hypotheses.append(Hypothesis(beam.tokens, beam.logprob, score, reason))

    def _can_improve(self, length: int) -> bool:
        return self.beams[0].logprob / float(length**self._penalty) > self.hypotheses[-1].score
