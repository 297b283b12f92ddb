"""A model's memory is given back while nobody asks."""

import threading
import time
from collections.abc import Callable

import pytest

from app.models.sleeping_engine import SleepingEngine
from engines.base import Runtime
from engines.errors import EngineError
from engines.serving.engine import Engine
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, ScriptedRuntime

FEW = SamplingParams(max_tokens=3)


class Counted(ScriptedRuntime):
    """Counts how many of its kind hold memory."""

    open = 0
    opened = 0

    def __init__(self, gate: threading.Event | None = None) -> None:
        super().__init__(gate=gate)
        Counted.open += 1
        Counted.opened += 1

    def close(self) -> None:
        Counted.open -= 1


@pytest.fixture(autouse=True)
def nothing_open() -> None:
    Counted.open = Counted.opened = 0


def engine_of(runtime: Runtime) -> Engine:
    return Engine(runtime, ByteTokenizer())


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_it_is_unloaded_on_request_and_loaded_by_the_next_one() -> None:
    engine = SleepingEngine(Counted, engine_of, idle_s=0)
    first = engine.submit([1, 2, 3], FEW).text()
    until(engine.unload)
    assert (Counted.open, engine.loaded, engine.load.num_pages) == (0, False, 0)
    assert engine.unload(), "nothing is left"
    assert engine.max_context == 1024, "known all the same"
    assert engine.submit([1, 2, 3], FEW).text() == first
    assert (Counted.open, Counted.opened) == (1, 2)
    assert engine.totals.sums().generated_tokens == 6, "counted through its sleep"
    engine.close()
    assert Counted.open == 0
    with pytest.raises(EngineError, match="closed"):
        engine.submit([1], FEW)


def test_it_is_not_unloaded_while_it_answers() -> None:
    gate = threading.Event()
    engine = SleepingEngine(lambda: Counted(gate), engine_of, idle_s=0)
    answer = engine.submit([1, 2, 3], FEW)
    assert not engine.unload()
    gate.set()
    answer.text()
    until(engine.unload)
    engine.close()


def test_it_unloads_itself_after_a_while() -> None:
    now = [0.0]
    engine = SleepingEngine(Counted, engine_of, idle_s=0.01, clock=lambda: now[0])
    engine.submit([1, 2, 3], FEW).text()
    time.sleep(0.05)
    assert engine.loaded, "by its own clock no time has passed"
    now[0] = 1.0
    until(lambda: not engine.loaded)
    engine.submit([1, 2, 3], FEW).text()
    assert engine.loaded
    engine.close()


def test_many_askers_meet_one_model() -> None:
    engine = SleepingEngine(Counted, engine_of, idle_s=0)
    until(engine.unload)
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(engine.submit([9], FEW).text())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(texts)) == 1 and len(texts) == 8
    assert (Counted.open, Counted.opened) == (1, 2)
    engine.close()


def test_a_retired_engine_ends_what_it_answers_and_gives_its_memory_back() -> None:
    gate = threading.Event()
    engine = SleepingEngine(lambda: Counted(gate), engine_of, idle_s=0)
    generation = engine.submit([1, 2, 3], FEW)
    engine.retire()
    assert engine.loaded, "it is answering"
    gate.set()
    assert generation.text()
    until(lambda: not engine.loaded)
    assert engine.submit([1, 2, 3], FEW).text(), "who still holds it gets an answer"
    until(lambda: Counted.open == 0)
    engine.close()
