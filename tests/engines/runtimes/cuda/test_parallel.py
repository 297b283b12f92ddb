"""On two NVIDIA cards: a model shared out over both gives what it gives on one. Single tokens as one kernel on each
card are tested on two halves of one card as well."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cuda import runtime as cuda_runtime
from engines.runtimes.cuda.card.driver import Device, find_cards
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.packed_weights import PackedSource, build
from engines.runtimes.cuda.parallel import ParallelRuntime
from engines.runtimes.cuda.sharding import Shard
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, flat_batch
from tests.engines.runtimes.steps import Row, assert_close, batch_of, some_tokens

CARDS = 0 if ENTRY.unavailable() is not None else len(find_cards())
two_cards = pytest.mark.skipif(CARDS < 2, reason=f"{CARDS} NVIDIA cards are here, and two are needed")
one_card = pytest.mark.skipif(CARDS == 0, reason=f"{ENTRY.unavailable()}")
on_one_or_two = pytest.mark.parametrize(
    "apart", [pytest.param(False, marks=one_card, id="halves"), pytest.param(True, marks=two_cards, id="cards")]
)
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


class HalfCard(Device):
    """Kernels whose blocks all run at once, of which a card would not run two, are launched like the others. Steps of
    several kernels that wait for one another are not for halves: a card loads kernels only while none runs."""

    def __init__(self) -> None:
        super().__init__()
        self.multiprocessors //= 2

    def launch(self, *arguments: Any, together: bool = False, **others: Any) -> None:
        super().launch(*arguments, **others)


def shared_out(checkpoint: Checkpoint, pages: int, builds: Path, *, apart: bool) -> ParallelRuntime:
    """On two cards, or on two halves of one."""
    sources = [PackedSource(build(checkpoint, builds, shard=Shard(rank, 2))) for rank in range(2)]
    devices = [Device(rank) if apart else HalfCard() for rank in range(2)]
    return ParallelRuntime(checkpoint.config, sources, pages, cache=builds / "kernels", devices=devices)


def wide_model(folder: Path, group: int) -> Checkpoint:
    """Every multiprocessor of either card has a share of every product."""
    write_checkpoint(folder, Shape(2304, 4096, 3, 18, 18, vocabulary=4096, context=1024), group=group)
    return Checkpoint(folder)


def residual(runtime: ParallelRuntime, card: int) -> NDArray[np.float32]:
    device, found = runtime.ranks[card].device, np.empty(runtime.config.hidden_size, np.float32)
    device.activate()
    device.synchronize()
    device.download(runtime.ranks[card].buffers.residual, found)
    device.synchronize()
    return found


@on_one_or_two
@pytest.mark.parametrize("group", [32, 128])
def test_a_token_in_one_kernel_on_each_card_agrees_with_the_reference(
    group: int, apart: bool, tmp_path: Path, builds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_runtime, "single_up_to", lambda *_, **__: 1000)
    if not apart:
        monkeypatch.setattr(ParallelRuntime, "_warm", lambda _: None)
    checkpoint, tokens = wide_model(tmp_path, group), np.random.default_rng(0).integers(3, 4096, 300).tolist()
    pages = np.random.default_rng(1).permutation(20).tolist()
    reference, at = ReferenceRuntime(checkpoint, 20), 0
    runtime = shared_out(checkpoint, 20, builds, apart=apart)
    try:
        assert all(rank.single is not None and rank.near == 1000 for rank in runtime.ranks)
        for count in (37, 1, 1, 1, 9, 1, 60, 1, 60, 1, 1, 32, 1, 60, 1, 1, 1) if apart else [1] * 40:
            batch = batch_of(Row(at, tokens[at : at + count], pages))
            assert_close(runtime.step(batch), reference.step(batch), HALF)
            at += count
        again = batch_of(Row(at, tokens[at : at + 1], pages))
        first = runtime.step(again)
        for _ in range(20):
            assert (runtime.step(again) == first).all(), "the order of sums is always the same"
            assert (residual(runtime, 0) == residual(runtime, 1)).all(), "both cards have the same bits"
    finally:
        runtime.close()


LEFT_ALONE = """
import os, sys
from pathlib import Path
from engines.errors import EngineError
from engines.runtimes.cuda import runtime as cuda_runtime
from engines.runtimes.cuda.parallel import ParallelRuntime
from tests.engines.runtimes.cuda.test_parallel import shared_out, wide_model
from tests.engines.runtimes.steps import Row, batch_of
cuda_runtime.single_up_to = lambda *_, **__: 1000
ParallelRuntime._warm = lambda _: None
folder = Path(sys.argv[1])
runtime = shared_out(wide_model(folder / "model", 128), 20, folder, apart=sys.argv[2] == "True")
try:
    runtime.ranks[0].step(batch_of(Row(0, [5], [0])))
except EngineError as error:
    print("refused", error, flush=True)
os._exit(0)  # the driver takes nothing more from this process
"""


@on_one_or_two
def test_a_card_that_is_left_alone_ends_in_an_error(apart: bool, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEFT_ALONE, str(tmp_path), str(apart)], capture_output=True, text=True, timeout=200
    )
    assert done.stdout.startswith("refused"), done.stdout + done.stderr


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


@one_card
def test_more_cards_than_there_are_is_refused_in_words(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", Shape(256, 512, 1, 8, 8, vocabulary=256), group=32)
    with pytest.raises(RuntimeUnavailable, match=rf"there are {CARDS}"):
        ParallelRuntime.from_checkpoint(Checkpoint(tmp_path / "model"), 8, 24, None, tmp_path)
