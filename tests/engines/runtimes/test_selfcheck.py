"""A runtime that disagrees or fails is refused with its reason; of those that agree the fastest is kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.errors import EngineError, RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.runtimes.selfcheck import TOLERANCE, choose, compare, replay, verified
from tests.engines.fakes import ScriptedRuntime


class Clock:
    """Stands still but for what runtimes add."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class TimedRuntime(ScriptedRuntime):
    """A scripted model that takes ``seconds`` a step and may spoil what it was given or gives back."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        seconds: float,
        spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda logits: logits,
        spoil_batch: Callable[[StepBatch], StepBatch] = lambda batch: batch,
    ) -> None:
        super().__init__()
        self.name = name
        self.closed = 0
        self._clock, self._seconds, self._spoil, self._spoil_batch = clock, seconds, spoil, spoil_batch

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        self._clock.now += self._seconds
        return self._spoil(super().step(self._spoil_batch(batch)))

    def close(self) -> None:
        self.closed += 1


def noise(share: float) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    rng = np.random.default_rng(3)
    return lambda logits: (logits + share * logits.std() * rng.standard_normal(logits.shape)).astype(np.float32)


def test_the_fastest_that_agrees_is_kept_and_the_others_are_closed() -> None:
    clock = Clock()
    trusted = TimedRuntime("cpu", clock, 8.0)
    slower, fast, fastest = (TimedRuntime(f"gpu-{s}", clock, s, noise(0.02)) for s in (9.0, 2.0, 1.0))
    choice = choose(trusted, [(r.name, lambda r=r: r) for r in (slower, fast, fastest)], clock)  # type: ignore[misc]
    assert choice.runtime is fastest
    assert [r.closed for r in (trusted, slower, fast, fastest)] == [0, 1, 1, 0]
    assert "uses the runtime gpu-1.0" in choice.summary
    assert "gpu-2.0: prompt of 53 tokens 2000.0 ms" in choice.summary


def test_the_trusted_one_stays_where_nothing_is_faster() -> None:
    clock = Clock()
    trusted, slower = TimedRuntime("cpu", clock, 1.0), TimedRuntime("gpu", clock, 2.0)
    assert choose(trusted, [("gpu", lambda: slower)], clock).runtime is trusted


def swap_pages(batch: StepBatch) -> StepBatch:
    """A runtime that takes pages to lie in order."""
    return replace(batch, slots=np.asarray(batch.positions))


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        (lambda clock: TimedRuntime("gpu", clock, 1.0, noise(0.5)), "differ by"),
        (lambda clock: TimedRuntime("gpu", clock, 1.0, lambda logits: logits[:, ::-1]), "differ by"),
        (lambda clock: TimedRuntime("gpu", clock, 1.0, lambda logits: logits * np.float32(np.nan)), "no numbers"),
        (lambda clock: TimedRuntime("gpu", clock, 1.0, lambda logits: logits[:, :-1]), "shape"),
        (lambda clock: TimedRuntime("gpu", clock, 1.0, spoil_batch=swap_pages), "failed"),
    ],
)
def test_a_runtime_that_disagrees_is_refused(runtime: Callable[[Clock], TimedRuntime], reason: str) -> None:
    clock = Clock()
    trusted, wrong = TimedRuntime("cpu", clock, 8.0), runtime(clock)
    choice = choose(trusted, [("gpu", lambda: wrong)], clock)
    assert choice.runtime is trusted
    assert wrong.closed == 1
    assert choice.checks[1].speed is None
    assert reason in (choice.checks[1].reason or "")
    assert f"gpu: not used. {choice.checks[1].reason}" in choice.summary


@pytest.mark.parametrize(
    "error",
    [
        RuntimeUnavailable("TensorRT needs an RTX card.", "Docent uses the processor instead."),
        EngineError("TensorRT cannot load part 3.", ""),
        RuntimeError("CUDA error: an illegal memory access"),
    ],
)
def test_a_runtime_that_fails_to_open_is_passed_over(error: Exception) -> None:
    def broken() -> ScriptedRuntime:
        raise error

    clock = Clock()
    trusted, good = TimedRuntime("cpu", clock, 8.0), TimedRuntime("gpu", clock, 1.0)
    choice = choose(trusted, [("broken", broken), ("gpu", lambda: good)], clock)
    assert choice.runtime is good
    assert str(error) in choice.summary


def test_a_runtime_asked_for_by_name_is_checked_too() -> None:
    clock = Clock()
    trusted, good = TimedRuntime("cpu", clock, 1.0), TimedRuntime("gpu", clock, 9.0, noise(0.02))
    assert verified(lambda: good, lambda: trusted) is good
    wrong = TimedRuntime("gpu", clock, 1.0, noise(0.5))
    with pytest.raises(RuntimeUnavailable, match=r"gpu computes something else.*differ by"):
        verified(lambda: wrong, lambda: trusted)
    assert (good.closed, wrong.closed) == (0, 1)

    def broken() -> ScriptedRuntime:
        raise EngineError("no room for a second one", "")

    with pytest.raises(EngineError, match="no room"):
        verified(lambda: good, broken)
    assert good.closed == 1


def test_rounding_passes_and_a_constant_is_no_difference() -> None:
    expected = np.random.default_rng(0).standard_normal((5, 300)).astype(np.float32)
    assert compare(expected, expected + 7)[1] is None
    assert compare(expected, noise(TOLERANCE / 2)(expected))[1] is None
    spoiled = expected.copy()
    spoiled[3] = noise(2 * TOLERANCE)(expected)[3]
    assert "token 3" in (compare(expected, spoiled)[1] or "")


def test_the_tolerance_tells_a_wrong_subgraph_from_rounding(tmp_path: Path) -> None:
    """One subgraph with another's weights is far beyond the tolerance; rounding is far below."""
    pytest.importorskip("torch", reason="needs torch: pip install -e .[oracle]")
    from engines.runtimes.onnx.runtime import OnnxRuntime
    from tests.engines.models import write_model
    from tests.engines.runtimes.tensorrt.tensorrt_fakes import fake_tensorrt
    from tests.engines.runtimes.test_runtimes import quantise

    write_model("llama-3", tmp_path / "model")
    quantise(tmp_path / "model", tmp_path / "int4", symmetric=False)
    checkpoint = Checkpoint(tmp_path / "int4")
    expected = replay(OnnxRuntime(checkpoint, 8, threads=1))
    runtime, sessions = fake_tensorrt(checkpoint, tmp_path, num_pages=8)
    difference, reason = compare(expected, replay(runtime))
    assert reason is None
    assert difference < TOLERANCE / 3
    sessions[1]._session = sessions[2]._session  # one subgraph with another's weights
    difference, reason = compare(expected, replay(runtime))
    assert difference > 2 * TOLERANCE
    assert reason is not None
