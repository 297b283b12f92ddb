"""Adds up what an engine has done, for whoever watches it: requests, tokens, and how long they took."""

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

from engines.serving.generation import FinishReason, Metrics

TTFT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
TPOT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Histogram:
    """``counts[i]`` observations in seconds were at most ``bounds[i]`` and above the bound before; the last count is of
    those above all bounds. ``total`` is their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0

    @classmethod
    def over(cls, bounds: tuple[float, ...]) -> "Histogram":
        return cls(bounds, (0,) * (len(bounds) + 1))

    def with_one(self, seconds: float) -> "Histogram":
        at = bisect_left(self.bounds, seconds)
        counts = (*self.counts[:at], self.counts[at] + 1, *self.counts[at + 1 :])
        return Histogram(self.bounds, counts, self.total + seconds)


@dataclass(frozen=True, slots=True)
class Sums:
    """``requests`` by how they ended: a ``FinishReason``, or "error". Of one without a token there is no TTFT, of one
    with a single token no TPOT."""

    requests: dict[str, int]
    prompt_tokens: int
    cached_tokens: int  # of the prompts, found in shared pages
    generated_tokens: int
    drafted_tokens: int
    accepted_tokens: int
    preemptions: int
    ttft: Histogram
    tpot: Histogram


class Totals:
    """Grows with every request that ends. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Counter[str]()
        self._tokens = Counter[str]()
        self._ttft, self._tpot = Histogram.over(TTFT_S), Histogram.over(TPOT_S)

    def finished(self, reason: FinishReason, metrics: Metrics) -> None:
        with self._lock:
            self._requests[reason] += 1
            for name in ("prompt", "cached", "generated", "drafted", "accepted"):
                self._tokens[name] += getattr(metrics, f"{name}_tokens")
            self._tokens["preemptions"] += metrics.preemptions
            if metrics.generated_tokens:
                self._ttft = self._ttft.with_one(metrics.ttft_s)
            if metrics.generated_tokens > 1:
                self._tpot = self._tpot.with_one(metrics.tpot_s)

    def failed(self) -> None:
        with self._lock:
            self._requests["error"] += 1

    def sums(self) -> Sums:
        """Returns all of it as it is at one moment."""
        with self._lock:
            tokens = self._tokens
            return Sums(
                dict(self._requests),
                tokens["prompt"],
                tokens["cached"],
                tokens["generated"],
                tokens["drafted"],
                tokens["accepted"],
                tokens["preemptions"],
                self._ttft,
                self._tpot,
            )
