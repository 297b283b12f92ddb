"""On two NVIDIA cards: a model shared out over both gives what it gives on one."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cuda.driver import Device, find_cards
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.parallel import ParallelRuntime
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, flat_batch
from tests.engines.runtimes.steps import Row, assert_close, batch_of, some_tokens

CARDS = 0 if ENTRY.unavailable() is not None else len(find_cards())
two_cards = pytest.mark.skipif(CARDS < 2, reason=f"{CARDS} NVIDIA cards are here, and two are needed")
pytestmark = pytest.mark.gpu
HALF = 0.02
PAGES = [6, 2, 7, 0, 3, 1, 4, 5, 8, 9, 10, 11, 12]


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("builds")


@two_cards
@pytest.mark.parametrize("family", ["llama-3", "mistral-gqa", "qwen3", "gemma2", "phi3"])
def test_prompts_and_single_tokens_agree_with_the_reference(
    family: str, folders: Callable[[str], Path], builds: Path
) -> None:
    checkpoint, tokens = Checkpoint(folders(family)), some_tokens(200)
    expected = ReferenceRuntime(checkpoint, 13).step(flat_batch(tokens))
    runtime = ParallelRuntime.from_checkpoint(checkpoint, 2, 13, None, builds)
    assert_close(runtime.step(flat_batch(tokens)), expected, HALF)
    parts = [
        runtime.step(batch_of(Row(start, tokens[start:stop], PAGES, logits=stop - start)))
        for start, stop in itertools.pairwise([0, 21, 48, 64, 67, 68, 69, 70, 100, 101, 170, 200])
    ]
    runtime.close()
    assert_close(np.concatenate(parts), expected, HALF)


@two_cards
def test_the_engine_answers_a_crowd_and_all_memory_comes_back(tmp_path: Path, builds: Path) -> None:
    """Tokens go from step to step on the cards; some sequences are preempted."""
    write_checkpoint(tmp_path, Shape(256, 512, 3, 8, 4, vocabulary=256, context=512), group=32)
    checkpoint, random = Checkpoint(tmp_path), np.random.default_rng(0)
    watchers = [Device(ordinal) for ordinal in range(2)]
    prompts = [random.integers(3, 256, count).tolist() for count in random.integers(1, 90, 60)]
    left = []
    for _ in range(3):
        runtime = ParallelRuntime.from_checkpoint(checkpoint, 2, 24, None, builds)
        with Engine(runtime, ByteTokenizer(), EngineConfig(token_budget=64, max_running=8)) as engine:
            running = [engine.submit(prompt, SamplingParams(max_tokens=20, ignore_eos=True)) for prompt in prompts]
            answers = [[one.token for delta in generation for one in delta.tokens] for generation in running]
        runtime.close()
        left.append([_free(device) for device in watchers])
    for device in watchers:
        device.close()
    assert max(abs(a - b) for a, b in zip(left[1], left[2], strict=True)) < 4 << 20
    reference = ReferenceRuntime(checkpoint, 16)
    for prompt, answer in zip(prompts, answers, strict=True):
        logits = reference.step(flat_batch([*prompt, *answer]))[len(prompt) - 1 : -1]
        chosen = np.take_along_axis(logits, np.array(answer)[:, None], axis=1)[:, 0]
        assert len(answer) == 20 and (logits.max(axis=1) - chosen <= HALF * logits.std()).all()


def _free(device: Device) -> int:
    device.activate()
    return device.free_bytes


@pytest.mark.skipif(CARDS == 0, reason=f"{ENTRY.unavailable()}")
def test_more_cards_than_there_are_is_refused_in_words(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", Shape(256, 512, 1, 8, 8, vocabulary=256), group=32)
    with pytest.raises(RuntimeUnavailable, match=rf"there are {CARDS}"):
        ParallelRuntime.from_checkpoint(Checkpoint(tmp_path / "model"), 8, 24, None, tmp_path)
