"""On an NVIDIA card: 1,000 requests of every kind at once, with preemption and readers that go away.

Each answer is judged by the plain reference, which is given its tokens: behind those before it each one must be what
would be sampled there, but for ties that float16 may turn.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.runtime import CudaRuntime
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling import draw_of
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, flat_batch
from tests.engines.serving.distribution import filtered, penalised
from tests.engines.serving.random_requests import Wanted, read, some_requests

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
# Of 80,000 tokens the worst were at 0.0038 and, without top-p, 0.0004. With half a per cent more noise in the logits
# (they have 0.07) these are 0.025 and 0.004, with logits that are 3 % too large 0.004 and 0.019.
HALF = 0.01  # of the logits' standard deviation
NEAR = 0.005  # of all probability
# So far move, where logits move by 0.006 of their deviation, the mass before a nucleus' edge and a probability's share.
EDGE, TIE = 0.006, 0.025


def undecided(scores: list[float], params: SamplingParams) -> float:
    """The probability within the nucleus of tokens at its edge: float16 may turn who belongs to it."""
    if params.top_p == 1:
        return 0
    whole, fewer, more = (
        filtered(scores, replace(params, top_p=top_p)) for top_p in (1, params.top_p - EDGE, params.top_p + EDGE)
    )
    least = min(one for one, kept in zip(whole, more, strict=True) if kept)
    most = max((one for one, kept in zip(whole, fewer, strict=True) if not kept), default=0.0)
    return sum(one for one in whole if least * (1 - TIE) <= one <= most * (1 + TIE)) / params.top_p


def distance(wanted: Wanted, tokens: list[int], reference: ReferenceRuntime) -> float:
    """How far the worst token is from what would be sampled: in standard deviations of the logits where it is greedy,
    else in probability, in units of what is allowed."""
    if not tokens:
        return 0
    prompt, params = list(wanted.prompt), wanted.params
    logits = reference.step(flat_batch([*prompt, *tokens]))[len(prompt) - 1 : -1]
    worst = 0.0
    for at, (token, row) in enumerate(zip(tokens, logits, strict=True)):
        scores = penalised(row.tolist(), params, prompt, tokens[:at])
        if params.temperature == 0:
            worst = max(worst, (max(scores) - scores[token]) / float(row.std()) / HALF)
            continue
        assert params.seed is not None
        sums = [0.0, *np.cumsum(filtered(scores, params)).tolist()]
        draw = draw_of(params.seed, len(prompt) + at)
        away = max(sums[token] - draw, draw - sums[token + 1])
        if away > NEAR:
            away -= undecided(scores, params)
        worst = max(worst, away / NEAR)
    return worst


@pytest.mark.parametrize("pages", [14, 200])
def test_a_thousand_requests_at_once(pages: int, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, Shape(128, 256, 3, 8, 2, vocabulary=256, context=512), group=32)
    checkpoint = Checkpoint(tmp_path)
    runtime = CudaRuntime.from_checkpoint(checkpoint, pages)
    requests = some_requests(1000, pages)
    config = EngineConfig(token_budget=48, max_running=32 if pages > 14 else 8, max_waiting=2000)
    preempted = []
    with Engine(runtime, ByteTokenizer(), config) as engine:

        def ask(wanted: Wanted) -> list[int]:
            generation = engine.submit(wanted.prompt, wanted.params, priority=wanted.priority)
            tokens = read(generation, wanted)
            if generation.finished is not None:
                preempted.append(generation.finished.metrics.preemptions)
            return tokens

        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(ask, requests))
    runtime.close()
    reference = ReferenceRuntime(checkpoint, 16)
    distances = [distance(*pair, reference) for pair in zip(requests, answers, strict=True)]
    assert max(distances) <= 1, f"{sum(d > 1 for d in distances)} of 1,000 answers"
    assert sum(len(answer) for answer in answers) > 10_000
    assert (sum(preempted) > 0) == (pages == 14)
    ends = [len(answer) for wanted, answer in zip(requests, answers, strict=True) if wanted.leaves_after is None]
    limits = [w.params.max_tokens for w in requests if w.leaves_after is None]
    assert all(end <= limit for end, limit in zip(ends, limits, strict=True))
