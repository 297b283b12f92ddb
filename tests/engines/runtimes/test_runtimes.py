"""What every runtime must do, in one suite: each test runs on the plain reference, ONNX Runtime, Docent's own kernels
for the processor, these for every set of instructions that it has, and Docent's own kernels on an NVIDIA card.

Tolerances are relative to the standard deviation of the logits (about 0.65 in these models). Full precision: float32
sums in another order; the kernels for processors keep K and V in float16, those for cards the activations as well.
INT4: the runtimes for processors but the reference round activations to 8 bits.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engines.base import Runtime
from engines.errors import EngineError
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cpu_limits import CpuRuntime
from engines.runtimes.entry import OpenOptions, RuntimeEntry
from engines.runtimes.native.kernels.instructions import Instructions, usable
from engines.runtimes.native.runtime import NativeRuntime
from engines.runtimes.onnx.runtime import OnnxRuntime, grouped
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.runtimes.registry import RUNTIMES as REGISTERED
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, flat_batch
from tests.engines.models import FAMILIES, TinyModel, families
from tests.engines.quantised import in_eight_bits, quantise
from tests.engines.runtimes.steps import EXACT, Row, assert_close, batch_of, some_tokens

INT8_ACTIVATIONS = 0.15
NEAR_TIES = 0.02  # of the rows, at most: float16 may turn a near tie between two experts, and the row is another then
Make = Callable[[Checkpoint, int], Runtime]


@dataclass(frozen=True)
class Subject:
    """A runtime as it is opened, and how far its logits may be from float32's (``full``), from its own for the same
    tokens in other steps (``order``) and from the dequantised weights' (``int4``)."""

    open: Make
    full: float = EXACT
    order: float = EXACT
    int4: float = INT8_ACTIVATIONS

    def __call__(self, checkpoint: Checkpoint, pages: int) -> Runtime:
        return self.open(checkpoint, pages)


def native(instructions: Instructions) -> Make:
    return lambda checkpoint, pages: NativeRuntime(checkpoint, pages, threads=2, instructions=instructions)


def registered(entry: RuntimeEntry) -> Make:
    return lambda checkpoint, pages: entry.open(checkpoint, OpenOptions(pages, threads=2))


TOLERANCES = {"native": {"full": 4e-3}, "cuda": {"full": 0.02, "order": 0.02, "int4": 0.02}}
RUNTIMES: dict[str, Subject] = {
    entry.name: Subject(registered(entry), **TOLERANCES.get(entry.name, {}))
    for entry in REGISTERED.values()
    if entry.name == "cuda" or (entry.device == "cpu" and not entry.unavailable())
} | {f"native-{known.name}": Subject(native(known), **TOLERANCES["native"]) for known in usable()[1:]}


def marks(name: str) -> list[pytest.MarkDecorator]:
    """Kernels for other instructions than the best that this processor has are slow to compile and differ in few
    places."""
    if name == "cuda":
        reason = REGISTERED["cuda"].unavailable()
        return [pytest.mark.gpu, pytest.mark.skipif(reason is not None, reason=f"{reason}")]
    return [pytest.mark.slow] if name.startswith("native-") else []


PARAMETERS = [pytest.param(name, marks=marks(name)) for name in RUNTIMES]
ROUNDING = [given for given in PARAMETERS if given.values != ("reference",)]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for compiled kernels."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def subjects(compiled: Path) -> Iterator[Callable[[str], Subject]]:
    """A runtime's subject by name; what is opened on a card is closed after the test, since its memory is not the
    test's own."""
    opened: list[Runtime] = []

    def subject(name: str) -> Subject:
        def on_processor(checkpoint: Checkpoint, pages: int) -> Runtime:
            if name == "onnx" and checkpoint.config.experts is not None:
                pytest.skip("ONNX Runtime refuses this family (tests/engines/model/test_families.py)")
            return RUNTIMES[name](checkpoint, pages)

        if name != "cuda":
            return replace(RUNTIMES[name], open=on_processor)

        def on_card(checkpoint: Checkpoint, pages: int) -> Runtime:
            if checkpoint.config.for_processors_alone(mixtures=True):
                pytest.skip("cards refuse this family (tests/engines/model/test_families.py)")
            opened.append(REGISTERED["cuda"].open(checkpoint, OpenOptions(pages, cache=compiled)))
            return opened[-1]

        return replace(RUNTIMES[name], open=on_card)

    yield subject
    for runtime in opened:
        runtime.close()  # type: ignore[attr-defined]


@pytest.fixture(params=PARAMETERS)
def make(request: pytest.FixtureRequest, subjects: Callable[[str], Subject]) -> Subject:
    return subjects(request.param)


@pytest.mark.parametrize("family", families(*FAMILIES))
def test_whole_prompt_agrees_with_transformers(family: str, make: Subject, models: Callable[[str], TinyModel]) -> None:
    model, tokens = models(family), some_tokens(200)
    expected = model.logits(tokens)
    assert expected.std() > 0.1
    checkpoint = Checkpoint(model.folder)
    others = NEAR_TIES if checkpoint.config.experts is not None and make.full > EXACT else 0.0
    assert_close(make(checkpoint, 13).step(flat_batch(tokens)), expected, make.full, others)


@pytest.mark.parametrize("family", families(*FAMILIES))
def test_chunks_and_single_tokens_give_what_the_whole_prompt_gives(
    family: str, make: Subject, folders: Callable[[str], Path]
) -> None:
    """Pages are out of order; chunk borders lie within pages and at their ends; a chunk may ask for no logits."""
    checkpoint, tokens, pages = Checkpoint(folders(family)), some_tokens(70), [6, 2, 7, 0, 3]
    whole = make(checkpoint, 8).step(flat_batch(tokens))
    runtime = make(checkpoint, 8)
    assert len(runtime.step(batch_of(Row(0, tokens[:21], pages, logits=0)))) == 0
    borders = [21, 48, 64, 67, 68, 69, 70]
    for start, stop in itertools.pairwise(borders):
        logits = runtime.step(batch_of(Row(start, tokens[start:stop], pages, logits=stop - start)))
        assert_close(logits, whole[start:stop], make.order * float(whole.std() / whole[start:stop].std()))


def test_sequences_with_wide_keys_in_one_step(make: Subject, tmp_path: Path) -> None:
    """As many numbers in a token's K and V as in ordinary models without shared heads, on which runtimes may branch."""
    write_checkpoint(tmp_path, Shape(512, 512, 2, 8, 8, vocabulary=320))
    prompts = [some_tokens(count, seed) for seed, count in enumerate((40, 18, 33))]
    pages = [[9, 1, 5], [4, 8], [2, 3, 7]]
    reference = ReferenceRuntime(Checkpoint(tmp_path), 8)
    alone = [reference.step(flat_batch(prompt))[-1] for prompt in prompts]
    runtime = make(Checkpoint(tmp_path), 10)
    runtime.step(batch_of(*(Row(0, p[:-1], own, logits=0) for p, own in zip(prompts, pages, strict=True))))
    rows = [Row(len(p) - 1, p[-1:], own) for p, own in zip(prompts, pages, strict=True)]
    assert_close(runtime.step(batch_of(*rows)), np.array(alone), make.int4)


@pytest.mark.parametrize("family", families("llama-3", "llama-gqa", "mistral-gqa", "qwen3", "gemma2"))
def test_several_sequences_in_one_step(family: str, make: Subject, folders: Callable[[str], Path]) -> None:
    """Prefill, decode and verification of drafts side by side; logits come in the order they were asked for."""
    checkpoint = Checkpoint(folders(family))
    prompts = [some_tokens(count, seed) for seed, count in enumerate((40, 33, 18, 7, 52))]
    alone = [make(checkpoint, 8).step(flat_batch(prompt)) for prompt in prompts]
    runtime = make(checkpoint, 24)
    pages = [[20, 1, 5], [2, 3, 9], [4, 11], [6], [7, 8, 10, 12]]
    runtime.step(batch_of(Row(0, prompts[0][:39], pages[0]), Row(0, prompts[1][:32], pages[1], logits=0)))
    runtime.step(batch_of(Row(0, prompts[4][:51], pages[4])))
    rows = [
        Row(39, prompts[0][39:], pages[0]),
        Row(0, prompts[2], pages[2], logits=4),
        Row(32, prompts[1][32:], pages[1]),
        Row(0, prompts[3], pages[3], logits=0),
        Row(51, prompts[4][51:], pages[4]),
    ]
    logits = runtime.step(batch_of(*rows))
    assert_close(logits, np.concatenate([alone[0][-1:], alone[2][-4:], alone[1][-1:], alone[4][-1:]]), make.order)


def test_shared_pages(make: Subject, folders: Callable[[str], Path]) -> None:
    """Two sequences share two full pages and go on differently, each in a page of its own."""
    checkpoint, ends = Checkpoint(folders("llama")), [some_tokens(9, 7), some_tokens(9, 8)]
    prefix = some_tokens(2 * PAGE_TOKENS)
    alone = [make(checkpoint, 8).step(flat_batch(prefix + end))[-9:] for end in ends]
    runtime = make(checkpoint, 8)
    runtime.step(batch_of(Row(0, prefix, [5, 1])))
    rows = [Row(len(prefix), end, [5, 1, last], logits=9) for end, last in zip(ends, (3, 7), strict=True)]
    assert_close(runtime.step(batch_of(*rows)), np.concatenate(alone), make.order)


def test_copied_pages(make: Subject, folders: Callable[[str], Path]) -> None:
    """Of two sequences with the same beginning one goes on in a copy of the page that is not full."""
    checkpoint, ends = Checkpoint(folders("llama")), [some_tokens(9, 7), some_tokens(9, 8)]
    prefix = some_tokens(2 * PAGE_TOKENS + 5)
    alone = [make(checkpoint, 8).step(flat_batch(prefix + end))[-9:] for end in ends]
    runtime = make(checkpoint, 8)
    runtime.step(batch_of(Row(0, prefix, [5, 1, 4])))
    runtime.copy_pages([(4, 7), (1, 0)])
    rows = [Row(len(prefix), end, pages, logits=9) for end, pages in zip(ends, ([5, 1, 4], [5, 0, 7]), strict=True)]
    assert_close(runtime.step(batch_of(*rows)), np.concatenate(alone), make.order)


def test_rejected_drafts_leave_nothing_behind(make: Subject, folders: Callable[[str], Path]) -> None:
    """Drafts are verified, rejected, and their slots written again with other tokens."""
    checkpoint, tokens, pages = Checkpoint(folders("llama")), some_tokens(30), [2, 0]
    whole = make(checkpoint, 8).step(flat_batch(tokens))
    runtime = make(checkpoint, 8)
    runtime.step(batch_of(Row(0, tokens[:20], pages)))
    verified = runtime.step(batch_of(Row(20, [*tokens[20:22], 5, 5, 5], pages, logits=5)))
    assert_close(verified[:2], whole[20:22], make.order)
    assert_close(runtime.step(batch_of(Row(22, tokens[22:], pages, logits=8))), whole[22:], make.order)


def test_eviction_reuses_pages(make: Subject, folders: Callable[[str], Path]) -> None:
    """A page that held another sequence's tokens holds nothing of them for its next owner."""
    checkpoint, tokens = Checkpoint(folders("gemma2")), some_tokens(20)
    whole = make(checkpoint, 8).step(flat_batch(tokens))
    runtime = make(checkpoint, 2)
    runtime.step(batch_of(Row(0, some_tokens(32, 9), [1, 0])))
    assert_close(runtime.step(batch_of(Row(0, tokens, [0, 1], logits=20))), whole, make.order)


@pytest.fixture(scope="session")
def continuations(models: Callable[[str], TinyModel]) -> Callable[[str], list[tuple[list[int], list[int]]]]:
    """Prompts of a family, each with the 12 tokens that transformers continues it by."""

    @cache
    def of(family: str) -> list[tuple[list[int], list[int]]]:
        prompts = [some_tokens(count, seed) for seed, count in enumerate((45, 20, 31, 8, 37))]
        return [(prompt, models(family).continued(prompt, 12)) for prompt in prompts]

    return of


def assert_likeliest(model: TinyModel, prompt: list[int], answer: list[int], tolerance: float) -> None:
    """Every token is the likeliest one behind those before it, or as likely but for ``tolerance``."""
    logits = model.logits([*prompt, *answer])[len(prompt) - 1 : -1]
    chosen = np.take_along_axis(logits, np.array(answer)[:, None], axis=1)[:, 0]
    assert (logits.max(axis=1) - chosen <= tolerance * logits.std()).all()


@pytest.mark.parametrize("family", families("llama-3", "gemma2", "phi3", "qwen3", "mixtral"))
def test_the_engine_continues_like_transformers(
    family: str,
    make: Subject,
    folders: Callable[[str], Path],
    models: Callable[[str], TinyModel],
    continuations: Callable[[str], list[tuple[list[int], list[int]]]],
) -> None:
    """Greedy, with chunked prefill, five requests at once, and pages so few that sequences are preempted. Float16 may
    turn a near tie."""
    prompts, expected = zip(*continuations(family), strict=True)
    config = EngineConfig(token_budget=24, max_running=4)
    with Engine(make(Checkpoint(folders(family)), 9), ByteTokenizer(), config) as engine:
        params = SamplingParams(max_tokens=12, ignore_eos=True, logprobs=0)
        running = [engine.submit(prompt, params) for prompt in prompts]
        produced = [[sampled.token for delta in one for sampled in delta.tokens] for one in running]
    if make.order == EXACT:
        assert produced == list(expected)
    for prompt, answer in zip(prompts, produced, strict=True):
        assert len(answer) == 12
        assert_likeliest(models(family), prompt, answer, make.full)


@pytest.mark.parametrize(("beams", "penalty", "ends"), [(2, 1.0, 0), (4, 1.0, 1), (3, 0.0, 2), (4, 2.0, 1)])
@pytest.mark.parametrize("family", families("llama-3", "gemma2", "qwen3"))
def test_beams_are_those_of_transformers(
    family: str, beams: int, penalty: float, ends: int, make: Subject, models: Callable[[str], TinyModel]
) -> None:
    """All hypotheses and their order, beside another request; at half precision as likely ones. Prompts end within a
    page and with one, and the answers reach the next."""
    model, params = models(family), SamplingParams(max_tokens=14, num_beams=beams, length_penalty=penalty)
    for length in (PAGE_TOKENS - 5, 2 * PAGE_TOKENS):
        prompt = some_tokens(length, length)
        found = model.beams(prompt, 14, beams, penalty, ())
        # Tokens that likely answers hold, so that some answers end early.
        end_tokens = tuple(dict.fromkeys(token for tokens, _ in found for token in tokens[4:6]))[:ends]
        expected = model.beams(prompt, 14, beams, penalty, end_tokens)
        tokenizer = ByteTokenizer(eos_ids=frozenset(end_tokens))
        with Engine(make(Checkpoint(model.folder), 24), tokenizer, EngineConfig(max_running=6)) as engine:
            other = engine.submit(some_tokens(20, 9), SamplingParams(max_tokens=30, ignore_eos=True))
            generation = engine.submit(prompt, params)
            sampled = [one.token for delta in generation for one in delta.tokens]
            assert other.text()
            assert engine.load.used_pages == 0
        assert generation.finished is not None
        answers = generation.finished.alternatives
        assert list(answers[0].tokens) == sampled
        if make.full == EXACT:
            assert [list(one.tokens) for one in answers] == [tokens for tokens, _ in expected]
        best = answers[0]
        assert abs(model.logprob(prompt, list(best.tokens)) - best.logprob) < 0.05 * make.full / EXACT + 1e-3
        score = best.logprob / len(best.tokens) ** penalty
        assert score > expected[0][1] - 0.05


@pytest.mark.parametrize("name", ROUNDING)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(
    "family", families("llama", "llama-3", "llama-bias", "qwen2", "qwen3", "phi3", "gemma2", "mixtral", "qwen3-moe")
)
def test_int4_agrees_with_the_dequantised_weights(
    family: str,
    symmetric: bool,
    name: str,
    tmp_path: Path,
    folders: Callable[[str], Path],
    subjects: Callable[[str], Subject],
) -> None:
    quantise(folders(family), tmp_path / "int4", symmetric=symmetric)
    checkpoint, tokens = Checkpoint(tmp_path / "int4"), some_tokens(60)
    expected = ReferenceRuntime(checkpoint, 8).step(flat_batch(tokens))
    subject = subjects(name)
    runtime = subject(checkpoint, 8)
    logits = runtime.step(flat_batch(tokens))
    assert_close(logits, expected, subject.int4, 0.0 if checkpoint.config.experts is None else 5 * NEAR_TIES)
    # A row's mean error tells a wrong zero point or scale from rounding; the maximum alone would not.
    assert np.median(np.abs(logits - expected).mean(-1)) < 0.02 * expected.std()
    if isinstance(runtime, CpuRuntime):
        assert [note for note in runtime.notes if "lm_head" in note]


@pytest.mark.parametrize("kind", ["fp8", "fp8-tensor", "fp8-block", "int8"])
@pytest.mark.parametrize("family", families("llama-bias", "gemma2", "phi3"))
def test_8_bit_weights_agree_with_transformers(
    family: str, kind: str, make: Subject, tmp_path: Path, models: Callable[[str], TinyModel]
) -> None:
    """With the weights that the codes stand for. Runtimes that compute these in float32 are held to that; the output
    layer, and activations with INT8, may be rounded."""
    meant = in_eight_bits(models(family).folder, tmp_path / "eight", kind)
    tokens = some_tokens(60)
    expected = models(family).changed(meant).logits(tokens)
    runtime = make(Checkpoint(tmp_path / "eight"), 8)
    logits = runtime.step(flat_batch(tokens))
    assert_close(logits, expected, EXACT if isinstance(runtime, ReferenceRuntime) else 1.5 * make.int4)
    # As with INT4 the mean tells a wrong scale from rounding.
    assert np.abs(logits - expected).mean() < 0.02 * expected.std()


@pytest.mark.parametrize("name", ROUNDING)
def test_int4_chunks_and_batches_change_little(
    name: str, tmp_path: Path, folders: Callable[[str], Path], subjects: Callable[[str], Subject]
) -> None:
    """Activations are rounded token by token, so that companions change the order of sums and nothing else."""
    quantise(folders("llama"), tmp_path / "int4", symmetric=False)
    checkpoint = Checkpoint(tmp_path / "int4")
    prompts = [some_tokens(30, 1), some_tokens(30, 2)]
    alone = [subjects(name)(checkpoint, 8).step(flat_batch(prompt)) for prompt in prompts]
    runtime = subjects(name)(checkpoint, 8)
    for start, stop in ((0, 17), (17, 29), (29, 30)):
        rows = [Row(start, p[start:stop], pages) for p, pages in zip(prompts, ([3, 1], [0, 2]), strict=True)]
        logits = runtime.step(batch_of(*rows))
    assert_close(logits, np.stack([alone[0][-1], alone[1][-1]]), 0.05)


def test_a_long_step_of_several_sequences_gives_what_short_ones_give(
    folders: Callable[[str], Path], make: Subject
) -> None:
    """More tokens than a runtime takes in one run, so that it cuts in the midst of a sequence."""
    checkpoint = Checkpoint(folders("mistral-gqa"))
    prompts = [some_tokens(count, seed) for seed, count in enumerate((190, 30, 150))]
    alone = [make(checkpoint, 16).step(flat_batch(prompt))[-2:] for prompt in prompts]
    runtime, at = make(checkpoint, 30), iter(range(29, -1, -1))
    rows = [Row(0, p, [next(at) for _ in range(-(-len(p) // PAGE_TOKENS))], logits=2) for p in prompts]
    assert_close(runtime.step(batch_of(*rows)), np.concatenate(alone), make.order)


def test_a_cache_larger_than_memory_is_refused_in_words(folders: Callable[[str], Path]) -> None:
    with pytest.raises(EngineError, match=r"KV cache of .* GB does not fit"):
        OnnxRuntime(Checkpoint(folders("llama")), 1 << 48, threads=1)


def test_a_cached_build_is_used_again(tmp_path: Path, folders: Callable[[str], Path]) -> None:
    quantise(folders("llama"), tmp_path / "int4", symmetric=False)
    checkpoint, tokens = Checkpoint(tmp_path / "int4"), some_tokens(20)
    first = OnnxRuntime(checkpoint, 8, threads=1, cache=tmp_path / "cache")
    (built,) = (tmp_path / "cache").glob("onnx-*")
    written = (built / "weights.bin").stat().st_mtime_ns
    again = OnnxRuntime(checkpoint, 8, threads=1, cache=tmp_path / "cache")
    assert (built / "weights.bin").stat().st_mtime_ns == written
    assert again.notes == first.notes and again.notes
    np.testing.assert_array_equal(again.step(flat_batch(tokens)), first.step(flat_batch(tokens)))


def test_groups_hold_every_sequence_once_and_pad_little() -> None:
    counts = np.array([1, 1, 400, 1, 5, 1])
    contexts = np.array([10, 12, 400, 4000, 30, 9])
    groups = grouped(counts, contexts, context_cost=0.001)
    assert sorted(np.concatenate(groups).tolist()) == list(range(6))
    assert [2] in [group.tolist() for group in groups], "a chunk of prefill is padded to by nobody"
    assert [3] in [group.tolist() for group in groups], "a long context is padded to by nobody"
    together = next(group.tolist() for group in groups if 0 in group)
    assert {0, 1, 5} <= set(together)
