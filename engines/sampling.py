"""Logits -> one token: penalties, mask, temperature, top-k, top-p, min-p, in the order that vLLM applies them.

Pure functions of a row of logits. The random number for a token depends on the request's seed and the token's position
alone, so that neither batching nor preemption nor drafting changes what is sampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.params import SamplingParams


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
) -> SampledToken:
    """Chooses the token that follows ``prompt + generated``."""
    scores = _penalised(logits, params, prompt, generated)
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    if params.temperature == 0:
        token = int(np.argmax(scores))
    else:
        probabilities = _filtered(scores / params.temperature, params)
        draw = np.random.Generator(np.random.Philox(key=(seed, len(prompt) + len(generated)))).random()
        token = int(np.searchsorted(np.cumsum(probabilities), draw * probabilities.sum(), side="right"))
        # Rounding of the running sum may step past the last token with any probability.
        token = min(token, int(np.flatnonzero(probabilities)[-1]))
    if params.logprobs is None:
        return SampledToken(token)
    logprobs = _log_softmax(logits)
    best = np.argsort(-logprobs, kind="stable")[: params.logprobs]
    return SampledToken(token, float(logprobs[token]), tuple((int(i), float(logprobs[i])) for i in best))


def _penalised(
    logits: NDArray[np.float32], params: SamplingParams, prompt: Sequence[int], generated: Sequence[int]
) -> NDArray[np.float32]:
    plain = params.repetition_penalty == 1 and params.presence_penalty == 0 and params.frequency_penalty == 0
    if plain:
        return logits
    scores = logits.copy()
    if params.repetition_penalty != 1:
        seen = np.unique(np.fromiter((*prompt, *generated), dtype=np.int64))
        values = scores[seen]
        factor = np.float32(params.repetition_penalty)
        scores[seen] = np.where(values > 0, values / factor, values * factor)
    if generated and (params.presence_penalty or params.frequency_penalty):
        written, counts = np.unique(np.fromiter(generated, dtype=np.int64), return_counts=True)
        scores[written] -= (params.presence_penalty + params.frequency_penalty * counts).astype(np.float32)
    return scores


def _filtered(scores: NDArray[np.float32], params: SamplingParams) -> NDArray[np.float64]:
    """Probabilities [vocabulary], zero where a filter removed the token, not normalised again."""
    probabilities = np.exp(_log_softmax(scores))
    if params.top_k and params.top_k < len(probabilities):
        threshold = np.partition(probabilities, -params.top_k)[-params.top_k]
        probabilities = np.where(probabilities >= threshold, probabilities, 0.0)
    if params.top_p < 1:
        order = np.argsort(-probabilities, kind="stable")
        before = np.cumsum(probabilities[order]) - probabilities[order]
        cut = before >= params.top_p * probabilities.sum()
        probabilities[order[cut]] = 0.0
    if params.min_p:
        probabilities = np.where(probabilities >= params.min_p * probabilities.max(), probabilities, 0.0)
    return probabilities


def _log_softmax(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = scores.astype(np.float64)
    wide -= wide.max()
    return np.asarray(wide - np.log(np.exp(wide).sum()), dtype=np.float64)
