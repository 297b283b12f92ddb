"""The distribution that a token is drawn from, by its definition: sorted lists and double precision."""

import math
from typing import Any

from engines.serving.sampling_params import SamplingParams

OPTIONS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.3},
    {"temperature": 3.0, "top_k": 5},
    {"top_k": 500, "top_p": 0.5},
    {"top_p": 0.02},
    {"top_p": 0.9},
    {"top_p": 0.999999},
    {"min_p": 0.2},
    {"temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
]


def filtered(scores: list[float], params: SamplingParams) -> list[float]:
    """Probabilities after temperature, top-k, top-p and min-p, by sorting everything."""
    scaled = [score / params.temperature for score in scores]
    most = max(scaled)
    weights = [math.exp(score - most) for score in scaled]
    order = sorted(range(len(weights)), key=lambda token: (-weights[token], token))
    if params.top_k and params.top_k < len(order):
        least = weights[order[params.top_k - 1]]
        order = [token for token in order if weights[token] >= least]
    if params.top_p < 1:
        whole, before, kept = sum(weights[token] for token in order), 0.0, []
        for token in order:
            if before >= params.top_p * whole:
                break
            kept.append(token)
            before += weights[token]
        order = kept
    order = [token for token in order if weights[token] >= params.min_p * weights[order[0]]]
    whole = sum(weights[token] for token in order)
    left = set(order)
    return [weights[token] / whole if token in left else 0.0 for token in range(len(weights))]


def penalised(logits: list[float], params: SamplingParams, prompt: list[int], generated: list[int]) -> list[float]:
    """Scores after the penalties."""
    scores = list(logits)
    for token in {*prompt, *generated}:
        factor = params.repetition_penalty
        scores[token] = scores[token] / factor if scores[token] > 0 else scores[token] * factor
    for token in generated:
        scores[token] -= params.frequency_penalty
    for token in set(generated):
        scores[token] -= params.presence_penalty
    return scores
