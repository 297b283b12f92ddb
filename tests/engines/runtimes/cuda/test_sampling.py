"""On an NVIDIA card: sampling there against its definition in double precision and against the host's."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.packing import TILE, padded
from engines.runtimes.cuda.sampling import Sampler
from engines.serving.row_sampling import RowSampling
from engines.serving.sampling import SampledToken, draw_of, sample
from engines.serving.sampling_params import SamplingParams
from tests.engines.serving.distribution import OPTIONS, filtered

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
ROWS = 40


def sampled_on(
    device: Device, logits: NDArray[np.float32], rows: Sequence[RowSampling], kernels: Path
) -> list[SampledToken]:
    """``logits`` [rows, vocabulary]."""
    stride = padded(logits.shape[1], TILE)
    stored = np.full((len(logits), stride), 1e30, np.float32)  # what lies behind a row is nobody's
    stored[:, : logits.shape[1]] = logits
    sampler = Sampler(device, logits.shape[1], device.array(stored), stride, kernels)
    sampler.tell(rows)
    sampler.queue(len(rows))
    found = sampler.collect(rows)
    return [found[row] for row in range(len(rows))]


def logits_of(size: int, spread: float, rows: int = ROWS) -> NDArray[np.float32]:
    return (np.random.default_rng(size).standard_normal((rows, size)) * spread).astype(np.float32)


@pytest.mark.parametrize(("size", "spread"), [(7, 1.0), (1000, 0.01), (1000, 8.0), (32000, 3.0), (151936, 1.0)])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_draw_falls_where_the_definition_puts_it(
    size: int, spread: float, options: dict[str, Any], device: Device, kernels: Path
) -> None:
    params = SamplingParams(**{"temperature": 1.0, **options})
    rows = ROWS if size <= 1000 else 4
    logits = np.repeat(logits_of(size, spread, 1), rows, axis=0)
    found = sampled_on(device, logits, [RowSampling(params, seed, 3) for seed in range(rows)], kernels)
    probabilities = filtered(logits[0].tolist(), params)
    sums = [0.0, *np.cumsum(probabilities).tolist()]
    for seed, one in enumerate(found):
        assert probabilities[one.token] > 0
        assert sums[one.token] - 1e-5 <= draw_of(seed, 3) <= sums[one.token + 1] + 1e-5
    host = [sample(row, params, (), (), seed, position=3).token for seed, row in enumerate(logits)]
    assert sum(one.token == token for one, token in zip(found, host, strict=True)) >= 0.9 * rows


def test_equal_logits_at_the_edge_are_told_apart_by_their_place(device: Device, kernels: Path) -> None:
    logits = np.repeat(np.array([[0, 5, 5, 5, -1]], np.float32), 60, axis=0)
    for options, expected in (({"top_k": 2}, {1, 2, 3}), ({"top_p": 0.4}, {1, 2}), ({"top_p": 0.1}, {1})):
        params = SamplingParams(temperature=1.0, **options)
        rows = [RowSampling(params, seed, 1) for seed in range(60)]
        assert {one.token for one in sampled_on(device, logits, rows, kernels)} == expected


@pytest.mark.parametrize("size", [1, 5, 64, 32000, 128256])
def test_greedy_is_exact_and_takes_the_first_of_equals(size: int, device: Device, kernels: Path) -> None:
    logits = np.round(logits_of(size, 2.0))
    found = sampled_on(device, logits, [RowSampling(SamplingParams(), 0, 0)] * ROWS, kernels)
    assert [one.token for one in found] == logits.argmax(axis=1).tolist()


def test_masks_penalties_and_biases_are_the_hosts(device: Device, kernels: Path) -> None:
    """A row of each kind at once, greedy and drawn."""
    random = np.random.default_rng(0)
    logits, rows = logits_of(5000, 2.0, 60), []
    for number in range(60):
        options: dict[str, Any] = {"temperature": float(number % 2), "seed": number}
        if number % 3 == 0:
            options |= {"repetition_penalty": 1.3, "presence_penalty": 0.5, "frequency_penalty": -0.7}
        if number % 4 == 0:
            biased = random.integers(0, 5000, 300)
            options["logit_bias"] = ((int(logits[number].argmax()), -100), *((int(t), 3.5) for t in biased))
        if number % 5 == 0:
            options |= {"top_p": 0.7, "top_k": 60}
        allowed = random.random(5000) < 0.1 if number % 7 == 0 else None
        prompt = random.integers(0, 5000, 700).tolist()
        generated = [*random.integers(0, 5000, 50).tolist(), int(logits[number].argmax())] * 3
        rows.append(RowSampling(SamplingParams(**options), number, 850, prompt, generated, allowed))
    found = sampled_on(device, logits, rows, kernels)
    expected = [
        sample(logit, row.params, row.prompt, row.generated, row.seed, row.allowed, position=850).token
        for logit, row in zip(logits, rows, strict=True)
    ]
    same = [one.token == token for one, token in zip(found, expected, strict=True)]
    assert all(same[::2]), "greedy"
    assert sum(same) >= 58, "a draw may fall on the other side of an edge by rounding"
    assert all(row.allowed is None or row.allowed[one.token] for row, one in zip(rows, found, strict=True))


@pytest.mark.parametrize("count", [0, 1, 20])
def test_logprobs_describe_the_models_own_distribution(count: int, device: Device, kernels: Path) -> None:
    logits = logits_of(3000, 3.0, 4)
    likeliest = [int(row.argmax()) for row in logits]
    params = SamplingParams(temperature=0.5, top_k=3, presence_penalty=1.0, logprobs=count)
    rows = [RowSampling(params, seed, 2, [1], [token]) for seed, token in enumerate(likeliest)]
    for found, row in zip(sampled_on(device, logits, rows, kernels), logits, strict=True):
        whole = math.log(np.exp(row.astype(float)).sum())
        assert found.logprob == pytest.approx(row[found.token] - whole, abs=1e-5)
        order = np.argsort(-row, kind="stable")[:count]
        assert [token for token, _ in found.top] == order.tolist()
        assert [value for _, value in found.top] == pytest.approx((row[order] - whole).tolist(), abs=1e-5)
