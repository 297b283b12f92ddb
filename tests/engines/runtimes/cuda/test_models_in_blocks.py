"""On an NVIDIA card: whole models from GGUF files, and mixtures of experts, against the reference on the processor."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.model.checkpoint import Checkpoint
from engines.model.gguf.file import GgufFile
from engines.model.gguf.folder import write_folder
from engines.runtimes.cuda.card.driver import find_cards
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.parallel import ParallelRuntime
from engines.runtimes.cuda.runtime import CudaRuntime
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch
from tests.engines.gguf_files import write_model
from tests.engines.models import random_model
from tests.engines.runtimes.steps import Row, batch_of, some_tokens

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
CARDS = 0 if ENTRY.unavailable() is not None else len(find_cards())
two_cards = pytest.mark.skipif(CARDS < 2, reason=f"{CARDS} NVIDIA cards are here, and two are needed")
SIZES = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3}
PAGES = [6, 2, 7, 0, 3, 1, 4, 5, 8, 9, 10, 11, 12]
BORDERS = [0, 21, 48, 64, 67, 68, 69, 70, 71, 73, 78, 100, 101, 117, 149, 181, 200]
TOLERANCE = 0.005  # root mean square in standard deviations of the logits: activations are float16
OTHER_EXPERTS = 0.03  # of the rows, at most: float16 may turn a near tie between two experts
NEW_TOKENS, NEAR_TIE = 32, 0.05
V_AND_DOWN = [
    f"model.layers.{layer}.{name}.weight" for layer in (0, 2) for name in ("self_attn.v_proj", "mlp.down_proj")
]
# Types of projections, of embedding and output layer, of V and down in two of three layers.
FILES = {
    "Q4_K_M": ("llama", "Q4_K", "Q6_K", "Q6_K"),
    "Q5_K_M": ("llama", "Q5_K", "Q6_K", "Q6_K"),
    "Q6_K": ("llama", "Q6_K", "Q6_K", "Q6_K"),
    "Q8_0": ("llama", "Q8_0", "Q8_0", "Q8_0"),
    "Q4_0": ("llama", "Q4_0", "Q6_K", "Q4_0"),
    "scales of two kinds": ("llama", "Q4_K", "Q4_K", "Q8_0"),
    "Q3_K": ("llama", "Q3_K", "Q2_K", "Q5_K"),
    "Gemma 2": ("gemma2", "Q4_K", "Q6_K", "Q6_K"),
    "Qwen 3": ("qwen3", "Q4_K", "Q6_K", "Q6_K"),
    "Mixtral": ("mixtral", "Q4_K", "Q6_K", "Q6_K"),
}
MIXTURES = ("mixtral", "mixtral-sliding", "qwen3-moe", "qwen3-moe-mixed")


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("builds")


def written(name: str, folder: Path, inner: int = SIZES["intermediate_size"]) -> Checkpoint:
    family, kind, table, other = FILES[name]
    heads = {"query_pre_attn_scalar": 64, "head_dim": 64} if family == "gemma2" else {"head_dim": 64}
    model = random_model(family, **SIZES | heads | {"intermediate_size": inner})
    write_model(model, folder / "model.gguf", kind, table, dict.fromkeys(V_AND_DOWN, other))
    (own := folder / "model").mkdir()
    write_folder(GgufFile(folder / "model.gguf"), own)
    shutil.move(folder / "model.gguf", own / "model.gguf")
    return Checkpoint(own)


def assert_computes_the_same(checkpoint: Checkpoint, cache: Path, others: float = 0.0, cards: int = 1) -> None:
    """A prompt as a whole and in parts of all sizes, all rows but a share of ``others``, and greedy text."""
    tokens, reference = some_tokens(200), ReferenceRuntime(checkpoint, 13)
    expected = reference.step(flat_batch(tokens))
    runtime: CudaRuntime | ParallelRuntime
    if cards == 1:
        runtime = CudaRuntime.from_checkpoint(checkpoint, 13, cache=cache)
    else:
        runtime = ParallelRuntime.from_checkpoint(checkpoint, cards, 13, None, cache, in_units=True)
    try:
        assert not runtime.notes, "everything is computed as it is stored"
        assert_near(runtime.step(flat_batch(tokens)), expected, others)
        parts = [
            runtime.step(batch_of(Row(start, tokens[start:stop], PAGES, logits=stop - start)))
            for start, stop in itertools.pairwise(BORDERS)
        ]
        assert_near(np.concatenate(parts), expected, others)
        text = tokens[:40]
        logits = runtime.step(batch_of(Row(0, text, PAGES)))[-1]
        for _ in range(NEW_TOKENS):
            text.append(int(logits.argmax()))
            logits = runtime.step(batch_of(Row(len(text) - 1, text[-1:], PAGES)))[-1]
    finally:
        runtime.close()
    of_reference = reference.step(flat_batch(text))[39:-1]
    for own, chosen in zip(of_reference, text[40:], strict=True):
        assert own.max() - own[chosen] <= NEAR_TIE * of_reference.std(), "the likeliest token, but for near ties"


def assert_near(logits: NDArray[np.float32], expected: NDArray[np.float32], others: float) -> None:
    squares = np.sort(((logits - expected) ** 2).mean(axis=1))
    kept = squares[: len(squares) - int(others * len(squares))]
    assert np.sqrt(kept.mean()) / expected.std() < TOLERANCE


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_computed_exactly(name: str, tmp_path: Path, builds: Path) -> None:
    assert_computes_the_same(written(name, tmp_path), builds)


@pytest.mark.parametrize("family", MIXTURES)
def test_a_mixture_of_experts(family: str, folders: Callable[[str], Path], builds: Path) -> None:
    assert_computes_the_same(Checkpoint(folders(family)), builds, OTHER_EXPERTS)


@two_cards
@pytest.mark.parametrize("name", FILES)
def test_a_file_on_two_cards_is_computed_exactly(name: str, tmp_path: Path, builds: Path) -> None:
    """Each has 384 features and 128 inputs of o: both end within a block of 256."""
    assert_computes_the_same(written(name, tmp_path, inner=768), builds, cards=2)


@two_cards
@pytest.mark.parametrize("family", MIXTURES)
def test_a_mixture_of_experts_on_two_cards(family: str, folders: Callable[[str], Path], builds: Path) -> None:
    assert_computes_the_same(Checkpoint(folders(family)), builds, OTHER_EXPERTS, cards=2)


@two_cards
@pytest.mark.parametrize("name", ["Q4_K_M", "Mixtral"])
def test_both_cards_have_the_same_bits(name: str, tmp_path: Path, builds: Path) -> None:
    """Of the residual stream, by which each of them chooses experts; time after time."""
    checkpoint, tokens = written(name, tmp_path), some_tokens(200)
    runtime = ParallelRuntime.from_checkpoint(checkpoint, 2, 13, None, builds, in_units=True)
    try:
        for rows in (1, 2, 17, 32, 64, 65, 200):
            found = []
            for _ in range(5):
                logits = runtime.step(batch_of(Row(0, tokens[:rows], PAGES)))
                found += [logits, *(residual(runtime, card, rows) for card in range(2))]
            assert all((one == found[0]).all() for one in found[::3])
            assert all((one == found[1]).all() for one in (*found[1::3], *found[2::3]))
    finally:
        runtime.close()


def residual(runtime: ParallelRuntime, card: int, rows: int) -> NDArray[np.float32]:
    device, found = runtime.ranks[card].device, np.empty((rows, runtime.config.hidden_size), np.float32)
    device.activate()
    device.synchronize()
    device.download(runtime.ranks[card].buffers.residual, found)
    device.synchronize()
    return found
