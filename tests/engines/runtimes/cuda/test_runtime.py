"""On an NVIDIA card: what is the CUDA runtime's own, beside the suite that it passes with all the others.

Tolerances are relative to the standard deviation of the logits: weights, activations, K and V are float16.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.page_size import KvCache, LmHead
from engines.runtimes.cuda import decoder
from engines.runtimes.cuda import runtime as cuda_runtime
from engines.runtimes.cuda.card.driver import Device, OutOfMemory
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.runtime import CudaRuntime
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.runtimes.selfcheck import compare, replay
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, flat_batch
from tests.engines.quantised import quantise
from tests.engines.runtimes.steps import Row, assert_close, batch_of, some_tokens

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
HALF = 0.02
PAGES = [6, 2, 7, 0, 3, 1, 4, 5, 8, 9, 10, 11, 12]
BORDERS = [0, 21, 48, 64, 67, 68, 69, 70, 100, 101, 117, 149, 181, 200]  # most chunks are graphs, some are not


@contextmanager
def opened(
    checkpoint: Checkpoint, pages: int, cache: Path, kv_cache: KvCache = "fp16", lm_head: LmHead = "stored"
) -> Iterator[CudaRuntime]:
    runtime = CudaRuntime.from_checkpoint(checkpoint, pages, cache=cache, kv_cache=kv_cache, lm_head=lm_head)
    try:
        yield runtime
    finally:
        runtime.close()


@pytest.mark.parametrize("family", ["llama-bias", "qwen3", "gemma2", "phi3"])
def test_int4_in_graphs_of_every_size_agrees_with_the_dequantised_weights(
    family: str, folders: Callable[[str], Path], tmp_path: Path, kernels: Path
) -> None:
    quantise(folders(family), tmp_path / "int4", symmetric=False)
    checkpoint, tokens = Checkpoint(tmp_path / "int4"), some_tokens(200)
    expected = ReferenceRuntime(checkpoint, 13).step(flat_batch(tokens))
    with opened(checkpoint, 13, kernels) as runtime:
        assert_close(runtime.step(flat_batch(tokens)), expected, HALF)
        parts = [
            runtime.step(batch_of(Row(start, tokens[start:stop], PAGES, logits=stop - start)))
            for start, stop in itertools.pairwise(BORDERS)
        ]
        assert_close(np.concatenate(parts), expected, HALF)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("group", [32, 64, 128])
def test_steps_of_single_tokens_agree_with_the_reference(
    group: int, packed: bool, tmp_path: Path, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one kernel, or as packed rows where the card has kernels for them. Wide enough that every multiprocessor has a
    share; contexts within one share of attention and beyond."""
    monkeypatch.setattr(decoder, "packed_is_faster", lambda *_, **__: packed)
    write_checkpoint(tmp_path, Shape(2304, 4096, 3, 18, 6, vocabulary=4096, context=1024), group=group)
    checkpoint, tokens = Checkpoint(tmp_path), np.random.default_rng(0).integers(3, 4096, 640).tolist()
    pages = np.random.default_rng(1).permutation(48).tolist()
    reference, at = ReferenceRuntime(checkpoint, 48), 0
    with opened(checkpoint, 48, kernels) as runtime:
        for count in (37, 1, 1, 1, 9, 1, 500, 1, 1, 16, 1, 30, 1, 1):
            batch = batch_of(Row(at, tokens[at : at + count], pages))
            assert_close(runtime.step(batch), reference.step(batch), HALF)
            at += count
        again = batch_of(Row(at, tokens[at : at + 1], pages))
        first = runtime.step(again)
        assert all((runtime.step(again) == first).all() for _ in range(20)), "the order of sums is always the same"


@pytest.mark.parametrize("family", ["llama-bias", "qwen3", "gemma2"])
def test_an_output_layer_in_8_bits(family: str, folders: Callable[[str], Path], tmp_path: Path, kernels: Path) -> None:
    quantise(folders(family), tmp_path / "int4", symmetric=False)
    checkpoint, tokens = Checkpoint(tmp_path / "int4"), some_tokens(200)
    rounded = ReferenceRuntime(checkpoint, 13, lm_head="int8").step(flat_batch(tokens))
    expected = ReferenceRuntime(checkpoint, 13).step(flat_batch(tokens))
    with opened(checkpoint, 13, kernels, lm_head="int8") as runtime:
        assert [note for note in runtime.notes if "lm_head" in note]
        parts = [
            runtime.step(batch_of(Row(start, tokens[start:stop], PAGES, logits=stop - start)))
            for start, stop in itertools.pairwise(BORDERS)
        ]
        found = np.concatenate(parts)
        assert_close(found, rounded, HALF)
        assert 0 < difference(found, expected) < 0.02


KINDS = [("fp8", 0.06), ("int8", 0.02)]  # and the root mean square of what they change
SAME_CODES = 0.02  # against the reference with the same rounding: some codes are turned by float16


def difference(logits: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Root mean square, in standard deviations of the expected logits."""
    return float(np.sqrt(((logits - expected) ** 2).mean()) / expected.std())


@pytest.mark.parametrize(("kind", "tolerance"), KINDS)
@pytest.mark.parametrize("family", ["llama-3", "llama-gqa", "qwen3", "gemma2", "phi3"])
def test_keys_and_values_in_8_bits(
    family: str, kind: KvCache, tolerance: float, folders: Callable[[str], Path], kernels: Path
) -> None:
    checkpoint, tokens = Checkpoint(folders(family)), some_tokens(200)
    expected = ReferenceRuntime(checkpoint, 13).step(flat_batch(tokens))
    as_kept = ReferenceRuntime(checkpoint, 13, kv_cache=kind).step(flat_batch(tokens))
    with opened(checkpoint, 13, kernels, kind) as runtime, opened(checkpoint, 13, kernels) as whole:
        assert runtime.cache_bytes < 0.6 * whole.cache_bytes
        found = [runtime.step(flat_batch(tokens))]
        parts = [
            runtime.step(batch_of(Row(start, tokens[start:stop], PAGES, logits=stop - start)))
            for start, stop in itertools.pairwise(BORDERS)
        ]
    for logits in (*found, np.concatenate(parts)):
        assert difference(logits, as_kept) < SAME_CODES
        assert 1e-3 < difference(logits, expected) < tolerance


@pytest.mark.parametrize(("kind", "tolerance"), KINDS)
def test_long_contexts_in_8_bits(kind: KvCache, tolerance: float, tmp_path: Path, kernels: Path) -> None:
    """Prompt in chunks, single tokens, drafts and several sequences at once, behind contexts that are cut."""
    write_checkpoint(tmp_path, Shape(256, 512, 3, 8, 2, vocabulary=512, context=1024), group=64)
    checkpoint, tokens = Checkpoint(tmp_path), np.random.default_rng(0).integers(3, 512, 900).tolist()
    expected = ReferenceRuntime(checkpoint, 57).step(flat_batch(tokens))
    as_kept = ReferenceRuntime(checkpoint, 57, kv_cache=kind).step(flat_batch(tokens))
    pages = np.random.default_rng(1).permutation(120).tolist()
    own = [pages[:60], pages[60:]]
    with opened(checkpoint, 120, kernels, kind) as runtime:
        for table in own:
            runtime.step(batch_of(Row(0, tokens[:600], table)))
            runtime.step(batch_of(Row(600, tokens[600:830], table)))
        found, at = [], 830
        for count in (1, 1, 5, 1, 9, 17, 1):
            logits = runtime.step(batch_of(*(Row(at, tokens[at : at + count], table, logits=count) for table in own)))
            assert_close(logits[:count], logits[count:], HALF)
            found.append(logits[:count])
            at += count
    assert difference(np.concatenate(found), as_kept[830:at]) < SAME_CODES
    assert difference(np.concatenate(found), expected[830:at]) < tolerance


def test_far_contexts_are_computed_kernel_by_kernel(
    tmp_path: Path, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single tokens go over from one kernel to several where these are faster; both see the same K and V."""
    monkeypatch.setattr(decoder, "packed_is_faster", lambda *_, **__: False)
    monkeypatch.setattr(cuda_runtime, "single_up_to", lambda *_, **__: 40)
    write_checkpoint(tmp_path, Shape(2304, 4096, 2, 18, 6, vocabulary=4096, context=1024), group=128)
    checkpoint, tokens = Checkpoint(tmp_path), np.random.default_rng(0).integers(3, 4096, 700).tolist()
    expected = ReferenceRuntime(checkpoint, 48).step(flat_batch(tokens))
    with opened(checkpoint, 48, kernels) as runtime:
        runtime.step(batch_of(Row(0, tokens[:630], list(range(48)))))
        for at in range(630, 660):
            logits = runtime.step(batch_of(Row(at, tokens[at : at + 1], list(range(48)))))
            assert_close(logits, expected[at : at + 1], HALF)


def test_it_passes_the_check_at_the_first_start(tmp_path: Path, kernels: Path) -> None:
    write_checkpoint(tmp_path, Shape(128, 256, 3, 8, 2, vocabulary=256, context=512), group=32)
    checkpoint = Checkpoint(tmp_path)
    with opened(checkpoint, 8, kernels) as runtime:
        difference, reason = compare(replay(ReferenceRuntime(checkpoint, 8)), replay(runtime))
    assert reason is None and difference < 0.01


def test_more_memory_than_the_card_has_is_refused_in_words_and_all_is_given_back() -> None:
    device = Device()
    free = device.free_bytes
    with pytest.raises(OutOfMemory, match=r"lacks .* GB .*model\.cache_mb"):
        device.allocate(1 << 45)
    device.allocate(1 << 30)
    device.close()
    device = Device()
    assert device.free_bytes > free - (256 << 20)
    device.close()


def test_models_one_after_another_leave_nothing_behind(tmp_path: Path, kernels: Path) -> None:
    write_checkpoint(tmp_path, Shape(512, 1024, 4, 8, 8, vocabulary=4096, context=1024), group=32)
    watcher = Device()
    left: list[int] = []
    for _ in range(6):
        with opened(Checkpoint(tmp_path), 512, kernels) as runtime:
            runtime.step(flat_batch(some_tokens(100)))
            assert watcher.free_bytes < (left[-1] if left else 1 << 60)
        left.append(watcher.free_bytes)
    watcher.close()
    assert max(left[1:]) - min(left[1:]) < 4 << 20, "after the first one, which the driver keeps something for"


def test_a_card_that_another_program_fills_up_goes_on_computing(tmp_path: Path, kernels: Path) -> None:
    """Prompts and crowds of every size, with more sequences than the pool holds, so that some are preempted."""
    write_checkpoint(tmp_path, Shape(128, 256, 3, 8, 2, vocabulary=256, context=1024), group=32)
    prompts = [np.random.default_rng(seed).integers(3, 256, 30 + 40 * seed).tolist() for seed in range(12)]
    params = SamplingParams(max_tokens=24, repetition_penalty=1.1, ignore_eos=True)
    config = EngineConfig(token_budget=256, max_running=8, share_prefixes=False)
    answers = []
    for filled in (False, True):
        other = Device()
        with opened(Checkpoint(tmp_path), 60, kernels) as runtime:
            size = 1 << 30
            while filled and size >= 1 << 20:
                try:
                    other.allocate(size)
                except OutOfMemory:
                    size >>= 1
            assert not filled or other.free_bytes < 4 << 20
            with Engine(runtime, ByteTokenizer(), config) as engine:
                running = [engine.submit(prompt, params) for prompt in prompts]
                answers.append([[one.token for delta in generation for one in delta.tokens] for generation in running])
        other.close()
    assert sum(one == two for one, two in zip(*answers, strict=True)) >= 10, "float16 may turn a near tie"
    assert all(len(answer) == 24 for answer in answers[1])


@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_beams_beside_other_requests(kind: KvCache, tmp_path: Path, kernels: Path) -> None:
    """Their log probabilities are the reference's, at the length that was asked for."""
    write_checkpoint(tmp_path, Shape(128, 256, 3, 8, 2, vocabulary=256, context=512), group=32)
    checkpoint, prompt = Checkpoint(tmp_path), some_tokens(37)
    prompt = [token % 256 for token in prompt]
    reference = ReferenceRuntime(checkpoint, 8, kv_cache=kind)
    with opened(checkpoint, 60, kernels, kind) as runtime, Engine(runtime, ByteTokenizer()) as engine:
        others = [engine.submit(prompt[:at], SamplingParams(max_tokens=40, ignore_eos=True)) for at in (5, 20)]
        generation = engine.submit(prompt, SamplingParams(max_tokens=30, num_beams=5))
        generation.text()
        assert all(other.text() for other in others)
        assert engine.load.used_pages == 0
    assert generation.finished is not None
    found = generation.finished.alternatives
    assert len({one.tokens for one in found}) == 5
    for one in found:
        logits = reference.step(flat_batch([*prompt, *one.tokens]))[len(prompt) - 1 : -1].astype(np.float64)
        chosen = np.take_along_axis(logits, np.array(one.tokens)[:, None], axis=1)[:, 0]
        total = (chosen - np.log(np.exp(logits).sum(axis=1))).sum()
        assert one.logprob == pytest.approx(total, abs=0.3 if kind == "int8" else 0.1)
