"""Beam search through the engine, on a scripted model, against a plain search over whole texts."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from engines.errors import EngineError, RequestError
from engines.page_size import PAGE_TOKENS
from engines.serving.engine import Engine, EngineConfig
from engines.serving.generation import Generation
from engines.serving.page_table import PageTable
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, OverlappedRuntime, ScriptedRuntime, scripted_logits

RUNTIMES = [ScriptedRuntime, OverlappedRuntime]
ENDS = frozenset(range(0, 40, 5))  # 8 of 256 tokens end an answer


def logprobs(text: list[int]) -> list[float]:
    scores = scripted_logits(text).astype(np.float64)
    return list(scores - math.log(np.exp(scores).sum()))


def searched(prompt: list[int], width: int, count: int, ends: frozenset[int], penalty: float) -> list[list[int]]:
    """The hypotheses of a search that looks at every continuation of every beam, the best one first."""
    running: list[tuple[float, list[int]]] = [(0.0, [])]
    finished: list[tuple[float, list[int]]] = []
    for length in range(1, count + 1):
        found = []
        for score, tokens in running:
            found += [(score + more, [*tokens, token]) for token, more in enumerate(logprobs([*prompt, *tokens]))]
        found.sort(key=lambda one: -one[0])
        last = length == count
        finished += [(s / length**penalty, t) for s, t in found[:width] if last or t[-1] in ends]
        finished = sorted(finished, key=lambda one: -one[0])[:width]
        running = [one for one in found if one[1][-1] not in ends][:width]
        if last or (len(finished) == width and running[0][0] / length**penalty <= finished[-1][0]):
            break
    return [tokens for _, tokens in finished]


def answers(generation: Generation) -> list[list[int]]:
    for _ in generation:
        pass
    assert generation.finished is not None
    return [list(one.tokens) for one in generation.finished.alternatives]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("width", "penalty", "ends"), [(2, 1.0, frozenset()), (5, 1.0, ENDS), (8, 0.3, ENDS)])
@pytest.mark.parametrize("length", [1, PAGE_TOKENS, 2 * PAGE_TOKENS + 7])
def test_the_hypotheses_are_those_of_a_plain_search(
    length: int, width: int, penalty: float, ends: frozenset[int], runtime: Callable[[int], ScriptedRuntime]
) -> None:
    prompt = np.random.default_rng(length).integers(0, 256, length).tolist()
    params = SamplingParams(max_tokens=20, num_beams=width, length_penalty=penalty)
    with Engine(runtime(64), ByteTokenizer(ends)) as engine:
        generation = engine.submit(prompt, params)
        found = answers(generation)
        assert engine.load.used_pages == 0
    assert found == searched(prompt, width, 20, ends, penalty)
    assert generation.finished is not None
    first = generation.finished.alternatives[0]
    total = sum(logprobs([*prompt, *first.tokens[:at]])[token] for at, token in enumerate(first.tokens))
    assert first.logprob == pytest.approx(total, abs=1e-4)
    assert first.reason == ("stop" if first.tokens[-1] in ends else "length")
    assert generation.finished.metrics.generated_tokens == len(first.tokens)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("share", [False, True])
def test_searches_beside_other_requests_with_few_pages(share: bool, runtime: Callable[[int], ScriptedRuntime]) -> None:
    """Others are preempted, searches never; each gives what it gives alone."""
    random = np.random.default_rng(1)
    prompts = [random.integers(0, 256, size).tolist() for size in (5, 40, 16, 70, 33, 9, 50, 21)]
    plain = SamplingParams(max_tokens=60, ignore_eos=True)
    beams = SamplingParams(max_tokens=25, num_beams=4)
    wanted = [searched(prompt, 4, 25, ENDS, 1.0) for prompt in prompts]
    config = EngineConfig(token_budget=64, max_running=12, share_prefixes=share)
    with Engine(runtime(20), ByteTokenizer(ENDS), config) as engine, ThreadPoolExecutor(16) as pool:
        others = [engine.submit(prompt, plain) for prompt in prompts]
        searches = [engine.submit(prompt, beams) for prompt in prompts]
        found = list(pool.map(answers, searches))
        preempted = 0
        for prompt, other in zip(prompts, others, strict=True):
            tokens = [one.token for delta in other for one in delta.tokens]
            text = list(prompt)
            for token in tokens:
                assert token == int(scripted_logits(text).argmax())
                text.append(token)
            assert other.finished is not None
            preempted += other.finished.metrics.preemptions
        assert engine.load.used_pages == 0
    assert found == wanted
    assert preempted > 0


def test_pages_are_shared_and_one_is_copied() -> None:
    """A search takes no more than the prompt's full pages once, and for each beam a few of its own."""
    most, copies = [0], [0]

    class Watching(ScriptedRuntime):
        def step(self, batch):  # type: ignore[no-untyped-def]
            most[0] = max(most[0], len({page for row in batch.page_table.tolist() for page in row if page >= 0}))
            return super().step(batch)

        def copy_pages(self, pairs):  # type: ignore[no-untyped-def]
            copies[0] += len(pairs)
            assert all(source != target for source, target in pairs)
            super().copy_pages(pairs)

    prompt = list(range(10 * PAGE_TOKENS + 3))
    with Engine(Watching(64), ByteTokenizer()) as engine:
        engine.submit(prompt, SamplingParams(max_tokens=12, num_beams=4)).text()
    assert most[0] == 10 + 4
    assert 3 <= copies[0] < 3 * 12


def test_a_search_can_be_cancelled_and_fail() -> None:
    class Failing(ScriptedRuntime):
        def copy_pages(self, copies):  # type: ignore[no-untyped-def]
            raise RuntimeError("no memory")

    params = SamplingParams(max_tokens=200, num_beams=3)
    with Engine(ScriptedRuntime(64), ByteTokenizer()) as engine:
        generation = engine.submit([1, 2, 3], params)
        generation.cancel()
        assert generation.text() == ""
        assert generation.finished is not None and generation.finished.reason == "cancelled"
        assert engine.submit([4], SamplingParams(max_tokens=3)).text() is not None
        assert engine.load.used_pages == 0
    with Engine(Failing(64), ByteTokenizer()) as engine:
        with pytest.raises(EngineError, match="no memory"):
            engine.submit([1, 2, 3], params).text()
        engine.submit([4], SamplingParams(max_tokens=3)).text()
        assert engine.load.used_pages == 0


def test_what_cannot_be_searched_is_refused() -> None:
    for wrong in ({"temperature": 1.0}, {"stop": ("x",)}, {"logprobs": 2}, {"presence_penalty": 0.5}, {"regex": "a"}):
        with pytest.raises(RequestError, match="num_beams"):
            SamplingParams(num_beams=2, **wrong)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="between 1 and 16"):
        SamplingParams(num_beams=17)
    cases = [(8, 40, 4, "in 4 beams do not fit"), (64, 4, 13, "to 12 or fewer")]
    for pages, tokens, width, message in cases:
        with Engine(ScriptedRuntime(pages), ByteTokenizer(ENDS)) as engine, pytest.raises(RequestError, match=message):
            engine.submit([1], SamplingParams(max_tokens=tokens, num_beams=width))


def test_a_forked_sequence_shares_full_pages() -> None:
    table = PageTable(6)
    first = table.open([])
    table.extend(first, 2 * PAGE_TOKENS + 1)
    table.seal(first, list(range(2 * PAGE_TOKENS)))
    child, copy = table.fork(first)
    assert child.pages[:2] == first.pages[:2] and copy == (first.pages[2], child.pages[2])
    assert table.available == 2
    table.close(first)
    assert table.available == 3, "what the child has stays"
    table.extend(child, PAGE_TOKENS - 1)
    other, copy = table.fork(child)
    assert copy is None and other.pages == child.pages
    table.close(child)
    table.close(other)
    assert table.available == 6
