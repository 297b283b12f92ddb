"""GPTQ: the outputs move less than by rounding each weight, and the format is the same."""

import numpy as np
import pytest

from engines.quantize.awq import round_to_nearest
from engines.quantize.gptq import hessian, round_gptq


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("group", [32, 128])
def test_outputs_move_less_than_by_rounding_each_weight(group: int, symmetric: bool) -> None:
    rng = np.random.default_rng(0)
    inputs = (rng.normal(size=(400, 16)) @ rng.normal(size=(16, 128)) + rng.normal(size=(400, 128)) * 0.3).astype(
        np.float32
    )
    weight = rng.normal(size=(48, 128)).astype(np.float32)
    fed = round_gptq(weight, hessian(inputs), group, symmetric)
    nearest = round_to_nearest(weight, group, symmetric)
    errors = [float(np.square(inputs @ (made.dense() - weight).T).mean()) for made in (fed, nearest)]
    assert errors[0] < 0.5 * errors[1]
    assert fed.q.max() <= 15 and fed.scale.shape == nearest.scale.shape and fed.symmetric == symmetric


def test_inputs_that_tell_nothing_change_nothing() -> None:
    weight = np.random.default_rng(1).normal(size=(8, 64)).astype(np.float32)
    moments = hessian(np.eye(64, dtype=np.float32))
    moments[5, 5] = 0  # an input that is never used
    made, nearest = round_gptq(weight, moments, 32, False), round_to_nearest(weight, 32, False)
    np.testing.assert_array_equal(made.q, nearest.q)


def test_moments_of_scaled_inputs() -> None:
    x = np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32)
    scale = np.linspace(0.5, 2, 8, dtype=np.float32)
    np.testing.assert_allclose(hessian(x, scale), hessian(x / scale), rtol=1e-4, atol=1e-4)
