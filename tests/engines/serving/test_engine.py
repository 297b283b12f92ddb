"""The engine over a scripted model: outputs never depend on batching, sharing, drafting or preemption."""

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.errors import EngineBusy, EngineError, RequestError
from engines.serving.engine import Engine, EngineConfig
from engines.serving.generation import Generation
from engines.serving.sampling_params import SamplingParams
from engines.serving.sequence import INTERACTIVE
from tests.engines.fakes import VOCABULARY, ByteTokenizer, OverlappedRuntime, ScriptedRuntime, scripted_logits


def expected_greedy(prompt: list[int], count: int) -> list[int]:
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(np.argmax(scripted_logits(tokens))))
    return tokens[len(prompt) :]


def tokens_of(generation: Generation) -> list[int]:
    return [sampled.token for delta in generation for sampled in delta.tokens]


@pytest.mark.parametrize("make", [ScriptedRuntime, OverlappedRuntime])
def test_a_single_request_matches_the_plain_loop(make: type[ScriptedRuntime]) -> None:
    prompt = list(range(50))
    with Engine(make(), ByteTokenizer()) as engine:
        generation = engine.submit(prompt, SamplingParams(max_tokens=20))
        assert tokens_of(generation) == expected_greedy(prompt, 20)
    assert generation.finished is not None
    assert generation.finished.reason == "length"
    assert generation.finished.metrics.generated_tokens == 20


@pytest.mark.parametrize("make", [ScriptedRuntime, OverlappedRuntime])
@pytest.mark.parametrize("pages", [200, 18])
@pytest.mark.parametrize("drafting", [True, False])
def test_outputs_do_not_depend_on_the_batch(make: type[ScriptedRuntime], pages: int, drafting: bool) -> None:
    """With 18 pages the sequences do not fit together, so some are preempted and resumed."""
    config = EngineConfig(token_budget=40, max_running=16, prompt_lookup=drafting, prompt_lookup_up_to=16)
    prompts = [[seed * 7 % 251] * (seed % 5) + list(range(seed, seed + 30 + seed % 40)) for seed in range(24)]
    gate = threading.Event()  # all are there before the first step
    with Engine(make(pages, gate=gate), ByteTokenizer(), config) as engine:
        generations = [engine.submit(p, SamplingParams(max_tokens=25)) for p in prompts]
        gate.set()
        results = [tokens_of(g) for g in generations]
    assert results == [expected_greedy(p, 25) for p in prompts]
    preemptions = sum(g.finished.metrics.preemptions for g in generations if g.finished)
    assert (preemptions > 0) == (pages == 18)


@pytest.mark.parametrize("make", [ScriptedRuntime, OverlappedRuntime])
def test_sampling_with_a_seed_is_the_same_alone_and_in_a_crowd(make: type[ScriptedRuntime]) -> None:
    params = SamplingParams(max_tokens=30, temperature=0.9, top_p=0.95, top_k=50, seed=7)
    with Engine(make(), ByteTokenizer()) as engine:
        alone = tokens_of(engine.submit(list(range(20)), params))
        crowd = [engine.submit([i] * 20, SamplingParams(max_tokens=30, temperature=1.0)) for i in range(10)]
        again = tokens_of(engine.submit(list(range(20)), params))
        for generation in crowd:
            generation.text()
    assert alone == again


@pytest.mark.parametrize("make", [ScriptedRuntime, OverlappedRuntime])
def test_a_follow_up_reuses_the_pages_of_its_prefix(make: type[ScriptedRuntime]) -> None:
    shared = [i % 250 for i in range(320)]
    with Engine(make(), ByteTokenizer()) as engine:
        first = engine.submit([*shared, 1], SamplingParams(max_tokens=2))
        first.text()
        second = engine.submit([*shared, 2], SamplingParams(max_tokens=2))
        assert tokens_of(second) == expected_greedy([*shared, 2], 2)
    assert first.finished and second.finished
    assert first.finished.metrics.cached_tokens == 0
    assert second.finished.metrics.cached_tokens == 320


@pytest.mark.parametrize("make", [ScriptedRuntime, OverlappedRuntime])
def test_drafts_save_steps_on_repetition_and_change_nothing(make: type[ScriptedRuntime]) -> None:
    prompt = [10, 20, 30, 40, 50, 60, 70] * 4
    params = SamplingParams(max_tokens=60)
    results, steps = [], []
    for drafting in (True, False):
        with Engine(make(periodic=7), ByteTokenizer(), EngineConfig(prompt_lookup=drafting)) as engine:
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


@pytest.mark.parametrize("make", [ScriptedRuntime, OverlappedRuntime])
def test_stop_string_across_tokens_is_not_emitted(make: type[ScriptedRuntime]) -> None:
    text = "the answer is forty-two. END of it"
    runtime = make(periodic=len(text))
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


@pytest.mark.parametrize("make", [ScriptedRuntime, OverlappedRuntime])
def test_end_token_finishes(make: type[ScriptedRuntime]) -> None:
    prompt = list(range(30))
    third = expected_greedy(prompt, 3)[2]
    with Engine(make(), ByteTokenizer(frozenset({third}))) as engine:
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


def test_a_step_begins_before_the_one_ahead_has_ended_and_at_most_one_is_thrown_away() -> None:
    prompt = list(range(30))
    expected = expected_greedy(prompt, 20)
    runtime = OverlappedRuntime()
    with Engine(runtime, ByteTokenizer(frozenset({expected[9]}))) as engine:
        assert tokens_of(engine.submit(prompt, SamplingParams(max_tokens=50))) == expected[:10]
    assert len(runtime.steps) == 11, "one step for a token behind the last"
    assert runtime.overlapped == 10
    runtime = OverlappedRuntime()
    with Engine(runtime, ByteTokenizer()) as engine:
        assert tokens_of(engine.submit(prompt, SamplingParams(max_tokens=12))) == expected[:12]
    assert len(runtime.steps) == 12, "the length of an answer is known beforehand"


@pytest.mark.parametrize("options", [{"repetition_penalty": 1.5}, {"regex": "[ab]{30}"}, {"logprobs": 3}])
def test_what_needs_the_token_before_waits_for_it(options: dict[str, Any]) -> None:
    params = SamplingParams(max_tokens=30, temperature=1.0, seed=5, **options)
    answers, tokenizer = [], ByteTokenizer()
    for runtime in (ScriptedRuntime(), OverlappedRuntime()):
        with Engine(runtime, tokenizer, structured_output=lambda _: OneOf(b"ab")) as engine:
            alone = [delta.tokens for delta in engine.submit(list(range(20)), params)]
            if isinstance(runtime, OverlappedRuntime):
                assert runtime.overlapped == (29 if "logprobs" in options else 0)
            others = [engine.submit([i] * 20, SamplingParams(max_tokens=30)) for i in range(3)]
            assert [delta.tokens for delta in engine.submit(list(range(20)), params)] == alone
            assert [tokens_of(other) for other in others] == [expected_greedy([i] * 20, 30) for i in range(3)]
        answers.append(alone)
    assert answers[0] == answers[1]


class OneOf:
    """A grammar of these bytes."""

    finished = False

    def __init__(self, tokens: bytes) -> None:
        self._tokens = list(tokens)

    def allowed(self) -> NDArray[np.bool_]:
        return np.isin(np.arange(VOCABULARY), self._tokens)

    def accept(self, token: int) -> None:
        assert token in self._tokens


def test_a_step_that_fails_late_ends_its_requests_and_no_others() -> None:
    class Failing(OverlappedRuntime):
        def step(self, batch: StepBatch) -> NDArray[np.float32]:
            if len(self.steps) == 4:
                self.steps.append(batch)
                raise MemoryError("no memory for this step")
            return super().step(batch)

    with Engine(Failing(num_pages=20), ByteTokenizer()) as engine:
        with pytest.raises(EngineError, match="no memory for this step"):
            engine.submit([1] * 20, SamplingParams(max_tokens=20)).text()
        assert tokens_of(engine.submit([2] * 20, SamplingParams(max_tokens=20))) == expected_greedy([2] * 20, 20)
        assert engine.load.used_pages == 0


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
