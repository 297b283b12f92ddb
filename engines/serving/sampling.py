"""Samples a token from a row of logits: penalties, mask, temperature, top-k, top-p, min-p, in this order.

The random number for a token depends on the request's seed and the token's position
alone, so that neither batching nor preemption nor drafting changes what is sampled. Nothing sorts or sums the whole
vocabulary in double precision: that would cost more than a step of a small model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.serving.sampling_params import SamplingParams

_BLOCK = 128  # values that are first looked at as one, when the largest are sought or a running sum is searched
_BANNED = -100  # the bias that excludes a token, however likely it is
_COLDEST = 1e-5  # a temperature below is greedy; dividing by it would leave float32's range


@dataclass(frozen=True, slots=True)
class SampledToken:
    """``logprob`` and ``top`` (token, logprob) describe the model's own distribution, before temperature and filters;
    they are None and empty unless the request asked for them."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


def sample(
    logits: NDArray[np.float32],  # [vocabulary]
    params: SamplingParams,
    prompt: Sequence[int],
    generated: Sequence[int],
    seed: int,
    allowed: NDArray[np.bool_] | None = None,  # [vocabulary]; None allows everything
    *,
    position: int | None = None,
) -> SampledToken:
    """Chooses the token that follows ``prompt + generated``; these may be empty where nothing that was seen is
    penalised, if ``position`` says how many tokens there are."""
    scores = _penalised(logits, params, prompt, generated)
    if allowed is not None:
        scores = np.where(allowed, scores, np.float32(-np.inf))
    if is_greedy(params):
        token = int(np.argmax(scores))
    else:
        token = _drawn(scores, params, draw_of(seed, len(prompt) + len(generated) if position is None else position))
    if params.logprobs is None:
        return SampledToken(token)
    return _with_logprobs(token, logits, params.logprobs)


def draw_of(seed: int, position: int) -> float:
    """The random number (0 to 1) that decides which token stands at a position of a request."""
    return float(np.random.Generator(np.random.Philox(key=(seed, position))).random())


def is_greedy(params: SamplingParams) -> bool:
    return params.temperature < _COLDEST


def bias_of(params: SamplingParams) -> dict[int, float]:
    """What is added to each token's score; minus infinity bans it."""
    found: dict[int, float] = {}
    for token, bias in params.logit_bias:
        found[token] = found.get(token, 0.0) + (-np.inf if bias == _BANNED else bias)
    return found


def _penalised(
    logits: NDArray[np.float32], params: SamplingParams, prompt: Sequence[int], generated: Sequence[int]
) -> NDArray[np.float32]:
    if not params.penalises and not params.logit_bias:
        return logits
    scores = logits.copy()
    if params.repetition_penalty != 1:
        seen = np.concatenate([np.asarray(prompt, dtype=np.int64), np.asarray(generated, dtype=np.int64)])
        values = scores[seen]
        factor = np.float32(params.repetition_penalty)
        scores[seen] = np.where(values > 0, values / factor, values * factor)  # a repeated token is written twice alike
    if generated and (params.presence_penalty or params.frequency_penalty):
        written, counts = np.unique(np.asarray(generated, dtype=np.int64), return_counts=True)
        scores[written] -= (params.presence_penalty + params.frequency_penalty * counts).astype(np.float32)
    for token, bias in bias_of(params).items():
        scores[token] += np.float32(bias)
    return scores


def _drawn(scores: NDArray[np.float32], params: SamplingParams, draw: float) -> int:
    """The token at ``draw`` (0..1) of what temperature and filters leave, tokens in order of their numbers."""
    weights = scores - scores.max()
    weights /= np.float32(params.temperature)
    np.exp(weights, out=weights)  # the likeliest token weighs 1
    tokens: NDArray[np.int64] | None = None  # None: all
    if 0 < params.top_k < len(weights):
        tokens = _largest(weights, params.top_k)
        weights = weights[tokens]
    if params.top_p < 1:
        kept = _nucleus(weights, params.top_p)
        tokens, weights = kept if tokens is None else tokens[kept], weights[kept]
    if params.min_p:
        weights = np.where(weights >= np.float32(params.min_p), weights, np.float32(0))
    place = _place(weights, draw)
    return place if tokens is None else int(tokens[place])


def _largest(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Where the ``count`` largest values stand, ascending; more of them where the least are equal."""
    blocks = np.maximum.reduceat(values, np.arange(0, len(values), _BLOCK))
    # As many blocks hold a value of at least this, so that no value below it is among the largest.
    bound = np.partition(blocks, -count)[-count] if count < len(blocks) else -np.inf
    places = np.flatnonzero(values >= bound)
    found = values[places]
    largest: NDArray[np.int64] = places[found >= np.partition(found, -count)[-count]]
    return largest


def _nucleus(weights: NDArray[np.float32], share: float) -> NDArray[np.int64]:
    """Where the largest weights stand that make up ``share`` of all together, ascending. The largest weight is 1."""
    wanted = share * weights.sum(dtype=np.float64)
    bound = 1 / 16
    while True:
        places = np.flatnonzero(weights >= bound)
        if bound == 0 or weights[places].sum(dtype=np.float64) >= wanted:
            break
        bound = bound / 16 if bound > 1e-30 else 0
    order = places[np.argsort(-weights[places], kind="stable")]
    sums = np.cumsum(weights[order], dtype=np.float64)
    return np.sort(order[sums - weights[order] < wanted])


def _place(weights: NDArray[np.float32], draw: float) -> int:
    """The first place at which the running sum of the weights is above ``draw`` times the whole sum."""
    sums = np.cumsum(np.add.reduceat(weights, np.arange(0, len(weights), _BLOCK)), dtype=np.float64)
    wanted = draw * sums[-1]
    block = int(np.searchsorted(sums, wanted, side="right"))
    inside = weights[block * _BLOCK : (block + 1) * _BLOCK]
    rest = wanted - (sums[block - 1] if block else 0)
    place = int(np.searchsorted(np.cumsum(inside, dtype=np.float64), rest, side="right"))
    # Rounding of the sums may step past the last place with any weight.
    return block * _BLOCK + min(place, int(np.flatnonzero(inside)[-1]))


def _with_logprobs(token: int, logits: NDArray[np.float32], count: int) -> SampledToken:
    shifted = logits - logits.max()
    whole = np.log(np.exp(shifted).sum(dtype=np.float64))
    if count == 0:
        return SampledToken(token, float(shifted[token] - whole))
    best = _largest(logits, min(count, len(logits)))
    best = best[np.argsort(-logits[best], kind="stable")][:count]
    return SampledToken(token, float(shifted[token] - whole), tuple((int(i), float(shifted[i] - whole)) for i in best))
