"""The engine under whatever people and programs do to it at once: no page is lost, no answer changes, nothing hangs."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.errors import EngineBusy, EngineError
from engines.serving.engine import Engine, EngineConfig
from engines.serving.generation import Generation
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, OverlappedRuntime, ScriptedRuntime
from tests.engines.serving.random_requests import Wanted, read, some_requests


def alone(requests: Sequence[Wanted]) -> list[list[int]]:
    """What each request gives with the engine to itself."""
    with Engine(ScriptedRuntime(), ByteTokenizer(), EngineConfig(share_prefixes=False, prompt_lookup=False)) as engine:
        return [
            [sampled.token for delta in engine.submit(w.prompt, w.params) for sampled in delta.tokens] for w in requests
        ]


def settled(engine: Engine) -> None:
    """Waits until cancellations have been carried out: requests are taken in order."""
    engine.submit([1], SamplingParams(max_tokens=1)).text()
    engine.submit([1], SamplingParams(max_tokens=1)).text()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
@pytest.mark.parametrize("pages", [9, 14, 60])
@pytest.mark.parametrize("runtime", [ScriptedRuntime, OverlappedRuntime])
def test_every_answer_is_its_own_and_every_page_comes_back(
    runtime: type[ScriptedRuntime], seed: int, pages: int
) -> None:
    requests = some_requests(80, seed)
    expected = alone(requests)
    config = EngineConfig(token_budget=24, max_running=8, max_waiting=200, prompt_lookup_up_to=seed * 3)
    with Engine(runtime(pages), ByteTokenizer(), config) as engine:

        def ask(wanted: Wanted) -> list[int]:
            return read(engine.submit(wanted.prompt, wanted.params, priority=wanted.priority), wanted)

        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(ask, requests))
        settled(engine)
        assert engine.load.used_pages == 0
        assert engine.load.running == engine.load.waiting == 0
    for wanted, answer, whole in zip(requests, answers, expected, strict=True):
        if wanted.leaves_after is None:
            assert answer == whole
        else:
            assert answer == whole[: len(answer)]


def test_64_event_loop_readers_need_no_threads_and_may_go_at_any_moment() -> None:
    requests = some_requests(64, 7)
    expected = alone(requests)

    async def one(engine: Engine, wanted: Wanted, answer: list[int]) -> None:
        with engine.submit(wanted.prompt, wanted.params) as generation:
            async for delta in generation:
                answer += [sampled.token for sampled in delta.tokens]
                await asyncio.sleep(0)

    async def all_of_them(engine: Engine) -> list[list[int]]:
        blocked = threading.Event()
        asyncio.get_running_loop().set_default_executor(pool := ThreadPoolExecutor(1))
        pool.submit(blocked.wait)  # whoever needed a thread of the loop's would wait for ever
        answers: list[list[int]] = [[] for _ in requests]
        tasks = [asyncio.create_task(one(engine, *pair)) for pair in zip(requests, answers, strict=True)]
        chance = random.Random(1)
        for index in range(0, 64, 2):
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            tasks[index].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        blocked.set()
        assert [result for result in results[1::2] if result is not None] == []
        return answers

    with Engine(ScriptedRuntime(14), ByteTokenizer(), EngineConfig(token_budget=24, max_running=8)) as engine:
        answers = asyncio.run(all_of_them(engine))
        settled(engine)
        assert engine.load.used_pages == 0
    for index, (answer, whole) in enumerate(zip(answers, expected, strict=True)):
        assert answer == (whole if index % 2 else whole[: len(answer)])


def test_submitting_while_the_engine_closes_never_hangs() -> None:
    for _ in range(20):
        engine = Engine(ScriptedRuntime(), ByteTokenizer())
        outcomes: list[str] = []

        def ask(engine: Engine = engine, outcomes: list[str] = outcomes) -> None:
            try:
                while True:
                    engine.submit([1, 2, 3], SamplingParams(max_tokens=2)).text()
            except EngineBusy:
                raise
            except EngineError as error:
                outcomes.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        engine.close()
        for thread in threads:
            thread.join(60)
        assert len(outcomes) == 4
        assert all("closed" in outcome for outcome in outcomes)


def failing_at(step: int) -> ScriptedRuntime:
    class Failing(ScriptedRuntime):
        def step(self, batch: StepBatch) -> NDArray[np.float32]:
            if len(self.steps) == step:
                self.steps.append(batch)
                raise MemoryError("no memory for this step")
            return super().step(batch)

    return Failing(num_pages=20)


def test_a_step_that_fails_ends_its_requests_and_no_others() -> None:
    with Engine(failing_at(3), ByteTokenizer()) as engine:
        with pytest.raises(EngineError, match="no memory for this step"):
            engine.submit([1] * 20, SamplingParams(max_tokens=20)).text()
        assert engine.load.used_pages == 0
        (expected,) = alone([Wanted((1,) * 20, SamplingParams(max_tokens=20), 0, None, False)])
        assert read(engine.submit([1] * 20, SamplingParams(max_tokens=20)), some_reader()) == expected


def some_reader() -> Wanted:
    return Wanted((), SamplingParams(), 0, None, False)


def test_a_tokenizer_that_fails_ends_one_request_alone() -> None:
    class Choking(ByteTokenizer):
        def decode(self, tokens: Sequence[int]) -> str:
            if 201 in tokens:
                raise ValueError("what is this")
            return super().decode(tokens)

    with Engine(ScriptedRuntime(periodic=3), Choking()) as engine:
        bad = engine.submit([201, 65, 66], SamplingParams(max_tokens=50))
        good = engine.submit([67, 65, 66], SamplingParams(max_tokens=50))
        with pytest.raises(EngineError, match="what is this"):
            bad.text()
        assert good.text().startswith("CABCAB")
        settled(engine)
        assert engine.load.used_pages == 0


def test_back_pressure_ends_when_requests_do() -> None:
    gate = threading.Event()
    config = EngineConfig(max_running=2, max_waiting=2)
    submit: Callable[[], Generation]
    with Engine(ScriptedRuntime(gate=gate), ByteTokenizer(), config) as engine:
        submit = lambda: engine.submit([1, 2], SamplingParams(max_tokens=3))  # noqa: E731
        held = [submit() for _ in range(4)]
        with pytest.raises(EngineBusy):
            submit()
        held[0].cancel()
        gate.set()
        for generation in held:
            generation.text()
        assert len([submit().text() for _ in range(8)]) == 8
