"""Sampling against a plain reading of its definition: sorted lists and double precision."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.serving.sampling import sample
from engines.serving.sampling_params import SamplingParams
from tests.engines.serving.distribution import OPTIONS, filtered


def logits_of(size: int, spread: float, seed: int = 0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(size) * spread).astype(np.float32)


@pytest.mark.parametrize("size", [7, 128, 1000])
@pytest.mark.parametrize("spread", [0.01, 1.0, 8.0])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_draw_falls_where_the_definition_puts_it(size: int, spread: float, options: dict[str, float]) -> None:
    params = SamplingParams(**{"temperature": 1.0, **options})  # type: ignore[arg-type]
    logits = logits_of(size, spread)
    probabilities = filtered(logits.tolist(), params)
    sums = [0.0, *np.cumsum(probabilities).tolist()]
    for seed in range(40):
        token = sample(logits, params, [1], [2, 3], seed).token
        draw = np.random.Generator(np.random.Philox(key=(seed, 3))).random()
        assert probabilities[token] > 0
        assert sums[token] - 1e-5 <= draw <= sums[token + 1] + 1e-5


def test_equal_logits_at_the_edge_of_top_k_all_stay() -> None:
    logits = np.array([0, 5, 5, 5, -1], np.float32)
    params = SamplingParams(temperature=1.0, top_k=2)
    assert {sample(logits, params, [0], [], seed).token for seed in range(60)} == {1, 2, 3}


def test_a_seed_and_a_position_decide_alone() -> None:
    logits, params = logits_of(500, 1.0), SamplingParams(temperature=1.0)
    assert sample(logits, params, [1, 2], [3], 9) == sample(logits, params, [4], [5, 6], 9)
    assert len({sample(logits, params, [1], [2] * count, 9).token for count in range(30)}) > 10


@pytest.mark.parametrize("temperature", [0.0, 1e-30])
def test_no_warmth_is_greedy(temperature: float) -> None:
    logits = logits_of(300, 1.0)
    assert sample(logits, SamplingParams(temperature=temperature), [1], [], 0).token == int(logits.argmax())


def test_a_low_temperature_stays_finite() -> None:
    logits = logits_of(300, 50.0)
    assert sample(logits, SamplingParams(temperature=1e-4), [1], [], 0).token == int(logits.argmax())


def test_what_is_not_allowed_is_never_drawn() -> None:
    logits, allowed = logits_of(300, 1.0), np.zeros(300, bool)
    allowed[[7, 130, 299]] = True
    for options in ({}, {"top_k": 50}, {"top_p": 0.9}, {"min_p": 0.01}, {"temperature": 0.0}):
        params = SamplingParams(**{"temperature": 2.0, **options})  # type: ignore[arg-type]
        assert all(allowed[sample(logits, params, [1], [], seed, allowed).token] for seed in range(30))


def test_penalties() -> None:
    logits = np.array([2.0, -2.0, 1.0, 0.5], np.float32)

    def chosen(generated: list[int], prompt: list[int] = [3], **options: float) -> int:  # noqa: B006
        return sample(logits, SamplingParams(**options), prompt, generated, 0).token  # type: ignore[arg-type]

    assert chosen([]) == 0
    assert chosen([0], repetition_penalty=1.9) == 0 and chosen([0], repetition_penalty=2.1) == 2
    assert chosen([], prompt=[0, 0], repetition_penalty=2.1) == 2, "the prompt counts, a repeated token once"
    assert chosen([0, 0, 0], presence_penalty=0.9) == 0 and chosen([0], presence_penalty=1.1) == 2
    assert chosen([0], frequency_penalty=0.6) == 0 and chosen([0, 0], frequency_penalty=0.6) == 2
    assert chosen([], prompt=[0, 0, 0], presence_penalty=2.0, frequency_penalty=2.0) == 0, "the prompt does not count"
    assert logits.tolist() == [2.0, -2.0, 1.0, 0.5], "the row is the runtime's"


def test_a_bias_is_added_and_its_lowest_value_bans() -> None:
    logits = np.array([300.0, 1.0, 0.0], np.float32)

    def chosen(*bias: tuple[int, float]) -> int:
        return sample(logits, SamplingParams(logit_bias=bias), [0], [], 0).token

    assert chosen((1, 100)) == 0
    assert chosen((0, -100), (2, 1.5)) == 2
    assert logits[0] == 300


def test_a_repetition_penalty_lowers_negative_scores_too() -> None:
    logits = np.array([-2.0, -3.0], np.float32)
    assert sample(logits, SamplingParams(repetition_penalty=1.6), [0], [], 0).token == 1


@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_logprobs_describe_the_models_own_distribution(count: int) -> None:
    logits = logits_of(700, 3.0)
    params = SamplingParams(temperature=0.5, top_k=3, presence_penalty=1.0, logprobs=count)
    found = sample(logits, params, [1], [int(logits.argmax())], 4)
    whole = math.log(sum(math.exp(value) for value in logits.tolist()))
    expected = sorted(((value - whole, -token) for token, value in enumerate(logits.tolist())), reverse=True)[:count]
    assert found.logprob == pytest.approx(logits[found.token] - whole, abs=1e-5)
    assert [token for token, _ in found.top] == [-token for _, token in expected]
    assert [value for _, value in found.top] == pytest.approx([value for value, _ in expected], abs=1e-5)


def test_no_logprobs_unless_they_are_asked_for() -> None:
    found = sample(logits_of(10, 1.0), SamplingParams(), [1], [], 0)
    assert found.logprob is None and found.top == ()
