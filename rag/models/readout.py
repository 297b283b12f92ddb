"""What a reader's scores say of one passage: how likely it answers, and which stretches of it likely are the answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.types import PairScores

_CANDIDATES = 20  # spans of a passage among which its answer is settled

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Likely:
    """A stretch of a text in characters, and the probability that it is the answer where there is one in the text."""

    start: int
    end: int
    chance: float


@dataclass(frozen=True, slots=True)
class Readout:
    """``features``: relevance, log odds of an answer against none, and log probability of the stretch
    ``start`` to ``end`` (characters of the passage) among all spans. ``support``: log odds that the passage bears out
    what stands in the question's place. ``likely``: the likeliest stretches."""

    features: tuple[float, float, float]
    start: int = 0
    end: int = 0
    support: float = 0.0
    likely: tuple[Likely, ...] = ()


def readout_of(scores: PairScores, first: int, stop: int, offsets: Sequence[tuple[int, int]], text: str) -> Readout:
    """Tokens first..stop-1 of what the reader read are the passage ``text``, whose tokens lie at ``offsets``."""
    relevance, band, support = scores.relevance, scores.band, scores.support or 0.0
    null = float(band[0, 0])
    if stop <= first:  # an empty passage answers nothing
        return Readout((relevance, -15.0, 0.0), support=support)
    starts, widths = np.indices((stop - first, band.shape[1]))
    inside = np.where(starts + widths < stop - first, band[first:stop], -np.inf)
    top = float(inside.max())
    spans = top + math.log(float(np.exp(inside - top).sum()))
    flat = inside.ravel()
    found = np.argpartition(-flat, min(_CANDIDATES, len(flat)) - 1)[:_CANDIDATES]
    found = found[np.isfinite(flat[found])]  # of a short passage all spans, and some beyond its end
    first_token, width = np.divmod(found, band.shape[1])
    chances = np.exp(flat[found] - spans)
    at = settled(first_token, first_token + width + 1, chances)
    likely = [
        Likely(*_in_characters(int(a), int(a + w), offsets, text), float(chance))
        for a, w, chance in zip(first_token, width, chances, strict=True)
    ]
    odds = min(15.0, max(-15.0, spans - null))
    best = likely[at]
    return Readout((relevance, odds, float(flat[found[at]]) - spans), best.start, best.end, support, tuple(likely))


def settled(start: NDArray[np.int64], end: NDArray[np.int64], chance: Floats) -> int:
    """Which stretch overlaps best with what else is likely: expected F1, plus its own chance. [stretches] each."""
    return int((expected_f1(start, end, chance) + chance).argmax())


def expected_f1(start: NDArray[np.int64], end: NDArray[np.int64], chance: Floats) -> Floats:
    """By how much each stretch overlaps with the others, weighed by their chances [stretches]."""
    shared = np.minimum(end[:, None], end) - np.maximum(start[:, None], start)
    size = end - start
    f1 = 2 * np.maximum(shared, 0) / np.maximum(size[:, None] + size, 1)
    return np.asarray(f1 @ chance, dtype=np.float32)


def _in_characters(first: int, last: int, offsets: Sequence[tuple[int, int]], text: str) -> tuple[int, int]:
    """Where tokens first..last of the text begin, white space apart, and end."""
    start, end = offsets[first][0], offsets[last][1]
    return start + len(text[start:end]) - len(text[start:end].lstrip()), end
