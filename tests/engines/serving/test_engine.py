"""The engine over a scripted model: outputs never depend on batching, sharing, drafting or preemption."""

import asyncio
import threading
import time

import numpy as np
import pytest

from engines.base import StepBatch
from engines.errors import EngineBusy, EngineError, RequestError
from engines.serving.engine import Engine, EngineConfig
from engines.serving.generation import Generation
from engines.serving.sampling_params import SamplingParams
from engines.serving.sequence import INTERACTIVE
from tests.engines.fakes import ByteTokenizer, ScriptedRuntime, scripted_logits


def expected_greedy(prompt: list[int], count: int) -> list[int]:
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(np.argmax(scripted_logits(tokens))))
    return tokens[len(prompt) :]


def tokens_of(generation: Generation) -> list[int]:
    return [sampled.token for delta in generation for sampled in delta.tokens]


def test_a_single_request_matches_the_plain_loop() -> None:
    prompt = list(range(50))
    with Engine(ScriptedRuntime(), ByteTokenizer()) as engine:
        generation = engine.submit(prompt, SamplingParams(max_tokens=20))
        assert tokens_of(generation) == expected_greedy(prompt, 20)
    assert generation.finished is not None
    assert generation.finished.reason == "length"
    assert generation.finished.metrics.generated_tokens == 20


@pytest.mark.parametrize("pages", [200, 18])
@pytest.mark.parametrize("drafting", [True, False])
def test_outputs_do_not_depend_on_the_batch(pages: int, drafting: bool) -> None:
    """With 18 pages the sequences do not fit together, so some are preempted and resumed."""
    config = EngineConfig(token_budget=40, max_running=16, prompt_lookup=drafting, prompt_lookup_up_to=16)
    prompts = [[seed * 7 % 251] * (seed % 5) + list(range(seed, seed + 30 + seed % 40)) for seed in range(24)]
    gate = threading.Event()  # all are there before the first step
    with Engine(ScriptedRuntime(pages, gate=gate), ByteTokenizer(), config) as engine:
        generations = [engine.submit(p, SamplingParams(max_tokens=25)) for p in prompts]
        gate.set()
        results = [tokens_of(g) for g in generations]
    assert results == [expected_greedy(p, 25) for p in prompts]
    preemptions = sum(g.finished.metrics.preemptions for g in generations if g.finished)
    assert (preemptions > 0) == (pages == 18)


def test_sampling_with_a_seed_is_the_same_alone_and_in_a_crowd() -> None:
    params = SamplingParams(max_tokens=30, temperature=0.9, top_p=0.95, top_k=50, seed=7)
    with Engine(ScriptedRuntime(), ByteTokenizer()) as engine:
        alone = tokens_of(engine.submit(list(range(20)), params))
        crowd = [engine.submit([i] * 20, SamplingParams(max_tokens=30, temperature=1.0)) for i in range(10)]
        again = tokens_of(engine.submit(list(range(20)), params))
        for generation in crowd:
            generation.text()
    assert alone == again


def test_a_follow_up_reuses_the_pages_of_its_prefix() -> None:
    shared = [i % 250 for i in range(320)]
    with Engine(ScriptedRuntime(), ByteTokenizer()) as engine:
        first = engine.submit([*shared, 1], SamplingParams(max_tokens=2))
        first.text()
        second = engine.submit([*shared, 2], SamplingParams(max_tokens=2))
        assert tokens_of(second) == expected_greedy([*shared, 2], 2)
    assert first.finished and second.finished
    assert first.finished.metrics.cached_tokens == 0
    assert second.finished.metrics.cached_tokens == 320


def test_drafts_save_steps_on_repetition_and_change_nothing() -> None:
    prompt = [10, 20, 30, 40, 50, 60, 70] * 4
    params = SamplingParams(max_tokens=60)
    results, steps = [], []
    for drafting in (True, False):
        with Engine(ScriptedRuntime(periodic=7), ByteTokenizer(), EngineConfig(prompt_lookup=drafting)) as engine:
            generation = engine.submit(prompt, params)
            results.append(tokens_of(generation))
            assert generation.finished
            steps.append(generation.finished.metrics.steps)
    assert results[0] == results[1]
    assert steps[0] * 4 < steps[1] == 60


def test_many_at_once_are_not_drafted() -> None:
    gate = threading.Event()
    prompt, params = [10, 20, 30, 40, 50, 60, 70] * 4, SamplingParams(max_tokens=40)
    with Engine(ScriptedRuntime(200, periodic=7, gate=gate), ByteTokenizer()) as engine:
        first = engine.submit([1, 2, 3], SamplingParams(max_tokens=1))
        while not engine.load.running:  # until it is in its step, so that all others come after it together
            time.sleep(0.001)
        crowd = [engine.submit(prompt, params) for _ in range(8)]
        gate.set()
        first.text()
        answers = [tokens_of(generation) for generation in crowd]
        alone = engine.submit(prompt, params)
        assert [tokens_of(alone)] * 8 == answers
    assert all(generation.finished and generation.finished.metrics.drafted_tokens == 0 for generation in crowd)
    assert alone.finished and alone.finished.metrics.accepted_tokens > 20


def test_a_long_prompt_does_not_hold_up_a_running_answer() -> None:
    gate = threading.Event()
    runtime = ScriptedRuntime(gate=gate)
    with Engine(runtime, ByteTokenizer(), EngineConfig(token_budget=64, max_running=8)) as engine:
        running = engine.submit([1, 2, 3], SamplingParams(max_tokens=40))
        long = engine.submit(list(range(250)) * 2, SamplingParams(max_tokens=1))
        gate.set()
        running.text()
        long.text()
    mixed = [b for b in runtime.steps if len(b.context_lengths) == 2]
    assert mixed, "decode and prefill never shared a step"
    assert all(len(b.tokens) <= 64 for b in runtime.steps)


class Permits(threading.Event):
    """A gate that lets so many steps pass as were released."""

    def __init__(self) -> None:
        super().__init__()
        self._permits = threading.Semaphore(0)

    def release(self, steps: int) -> None:
        self._permits.release(steps)

    def wait(self, timeout: float | None = None) -> bool:
        return self._permits.acquire(timeout=timeout)


def test_cancelling_frees_pages_for_the_next_request() -> None:
    gate = Permits()
    with Engine(ScriptedRuntime(num_pages=8, gate=gate), ByteTokenizer()) as engine:
        first = engine.submit([1] * 20, SamplingParams(max_tokens=100))
        gate.release(3)
        next(iter(first))
        first.cancel()
        gate.release(1000)
        for _ in first:
            pass
        assert first.finished is not None
        assert first.finished.reason == "cancelled"
        assert len(tokens_of(engine.submit([2] * 20, SamplingParams(max_tokens=100)))) == 100


def test_stop_string_across_tokens_is_not_emitted() -> None:
    text = "the answer is forty-two. END of it"
    runtime = ScriptedRuntime(periodic=len(text))
    with Engine(runtime, ByteTokenizer()) as engine:
        generation = engine.submit(text, SamplingParams(max_tokens=100, stop=("END",)))
        assert generation.text() == "the answer is forty-two. "
    assert generation.finished is not None
    assert generation.finished.reason == "stop"


def test_characters_are_never_split() -> None:
    text = "naïve 日本語 🙂 "
    with Engine(ScriptedRuntime(periodic=len(text.encode())), ByteTokenizer()) as engine:
        pieces = [delta.text for delta in engine.submit(text, SamplingParams(max_tokens=len(text.encode()) - 3))]
    assert "".join(pieces) == "naïve 日本語 "
    assert all("�" not in piece for piece in pieces)


def test_end_token_finishes() -> None:
    prompt = list(range(30))
    third = expected_greedy(prompt, 3)[2]
    with Engine(ScriptedRuntime(), ByteTokenizer(frozenset({third}))) as engine:
        generation = engine.submit(prompt, SamplingParams(max_tokens=20))
        assert tokens_of(generation)[-1] == third
    assert generation.finished and generation.finished.reason == "stop"


def test_async_iteration() -> None:
    async def collect(engine: Engine) -> int:
        return len([delta async for delta in engine.submit("hello there", SamplingParams(max_tokens=5, seed=1))])

    with Engine(ScriptedRuntime(periodic=3), ByteTokenizer()) as engine:
        assert asyncio.run(collect(engine)) == 5


def test_64_concurrent_requests_all_finish_with_their_own_answers() -> None:
    prompts = [[i, i + 1, i + 2] * 9 for i in range(64)]
    results: dict[int, list[int]] = {}
    with Engine(ScriptedRuntime(num_pages=60), ByteTokenizer(), EngineConfig(max_running=16)) as engine:

        def ask(i: int) -> None:
            results[i] = tokens_of(engine.submit(prompts[i], SamplingParams(max_tokens=12), priority=i % 2))

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {i: expected_greedy(prompts[i], 12) for i in range(64)}


def test_the_interactive_request_goes_first() -> None:
    gate = threading.Event()
    runtime = ScriptedRuntime(num_pages=200, gate=gate)
    with Engine(runtime, ByteTokenizer(), EngineConfig(token_budget=32, max_running=1)) as engine:
        background = [engine.submit([i] * 40, SamplingParams(max_tokens=10)) for i in range(4)]
        interactive = engine.submit([9] * 40, SamplingParams(max_tokens=10), priority=INTERACTIVE)
        gate.set()
        interactive.text()
        for generation in background:
            generation.text()
    order = sorted([*background[1:], interactive], key=lambda g: g.finished.metrics.ttft_s if g.finished else 0)
    assert order[0] is interactive


@pytest.mark.parametrize(
    ("prompt", "params", "message"),
    [
        ([], SamplingParams(), "empty"),
        ([999], SamplingParams(), "vocabulary"),
        ([1] * 1000, SamplingParams(max_tokens=100), "context"),
    ],
)
def test_bad_requests_are_refused_at_once(prompt: list[int], params: SamplingParams, message: str) -> None:
    with Engine(ScriptedRuntime(), ByteTokenizer()) as engine, pytest.raises(RequestError, match=message):
        engine.submit(prompt, params)


def test_a_request_larger_than_the_cache_is_refused() -> None:
    with Engine(ScriptedRuntime(num_pages=4), ByteTokenizer()) as engine, pytest.raises(RequestError, match="cache"):
        engine.submit([1] * 60, SamplingParams(max_tokens=10))


def test_a_full_queue_says_so() -> None:
    config = EngineConfig(max_running=1, max_waiting=1)
    with Engine(ScriptedRuntime(), ByteTokenizer(), config) as engine:
        held = [engine.submit([1] * 10, SamplingParams(max_tokens=900)) for _ in range(2)]
        with pytest.raises(EngineBusy):
            engine.submit([1], SamplingParams())
        for generation in held:
            generation.cancel()


def test_a_failing_runtime_fails_its_requests_instead_of_hanging_them() -> None:
    class Broken(ScriptedRuntime):
        def step(self, batch: StepBatch) -> np.ndarray:
            raise RuntimeError("the card fell off the bus")

    with Engine(Broken(), ByteTokenizer()) as engine, pytest.raises(EngineError, match="fell off the bus"):
        engine.submit([1], SamplingParams()).text()
