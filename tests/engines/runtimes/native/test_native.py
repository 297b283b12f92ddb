"""What Docent's own kernels promise beyond the suite that every runtime passes (test_runtimes.py)."""

import gc
import itertools
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engines.base import StepBatch
from engines.errors import EngineError, RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.native.kernel_loader import load_kernels
from engines.runtimes.native.kernels.instructions import usable
from engines.runtimes.native.kernels.layout import LARGEST_HEAD
from engines.runtimes.native.kernels.team import cores
from engines.runtimes.native.packed_weights import PackedWeights, pack
from engines.runtimes.native.program_builder import Kernels, ProgramBuilder
from engines.runtimes.native.runtime import NativeRuntime
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch

pytestmark = pytest.mark.skipif(not usable(), reason="Docent's own kernels need Linux and an x86 processor with AVX2")

SHAPE = Shape(128, 256, 2, 8, 2, vocabulary=320)
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A small INT4 model with random weights."""
    folder = tmp_path_factory.mktemp("int4")
    write_checkpoint(folder, SHAPE)
    return Checkpoint(folder)


def some_tokens(count: int, seed: int) -> list[int]:
    return [int(t) for t in np.random.default_rng(seed).integers(3, 320, count)]


def together(parts: list[tuple[list[int], int, int]], pages: list[list[int]]) -> StepBatch:
    """Tokens ``start:stop`` of several sequences; logits of all."""
    positions = [np.arange(start, stop) for _, start, stop in parts]
    slots = [np.array(own)[at // 16] * 16 + at % 16 for own, at in zip(pages, positions, strict=True)]
    starts = np.cumsum([0, *(len(at) for at in positions)])
    table = np.full((len(parts), max(map(len, pages))), -1)
    for i, own in enumerate(pages):
        table[i, : len(own)] = own
    return StepBatch(
        tokens=np.concatenate([np.array(tokens[start:stop]) for tokens, start, stop in parts]),
        positions=np.concatenate(positions),
        slots=np.concatenate(slots),
        sequence_starts=starts,
        context_lengths=np.array([stop for _, _, stop in parts]),
        page_table=table,
        logits_for=np.arange(starts[-1]),
    )


@pytest.mark.slow
def test_a_row_does_not_depend_on_what_else_is_computed(model: Checkpoint) -> None:
    """To the last bit: chunks of any size, companions, their number and that of threads change nothing."""
    prompts = [some_tokens(count, seed) for seed, count in enumerate((61, 40, 23, 37, 58))]
    alone = [NativeRuntime(model, 4, threads=1).step(flat_batch(prompt)) for prompt in prompts]
    pages = [[4 * i + j for j in range(4)] for i in range(5)]
    for threads, cuts in ((2, (0, 16, 17, 18, 20, 99)), (3, (0, 7, 22, 99)), (1, (0, 1, 2, 3, 4, 9, 99))):
        runtime = NativeRuntime(model, 20, threads=threads)
        parts: list[list[NDArray[np.float32]]] = [[] for _ in prompts]
        for start, stop in itertools.pairwise(cuts):
            chosen = [i for i, prompt in enumerate(prompts) if start < len(prompt)]
            spans = [(prompts[i], start, min(stop, len(prompts[i]))) for i in chosen]
            logits = runtime.step(together(spans, [pages[i] for i in chosen]))
            at = 0
            for i, (_, first, last) in zip(chosen, spans, strict=True):
                parts[i].append(logits[at : at + last - first])
                at += last - first
        for expected, found in zip(alone, parts, strict=True):
            assert np.array_equal(np.concatenate(found), expected)


@pytest.mark.slow
def test_rows_asked_for_here_and_there(model: Checkpoint) -> None:
    tokens = some_tokens(40, 7)
    whole = NativeRuntime(model, 4, threads=2).step(flat_batch(tokens))
    batch = flat_batch(tokens)
    for wanted in ([3, 17, 39], [39], [], [0, 39]):
        chosen = StepBatch(
            batch.tokens, batch.positions, batch.slots, batch.sequence_starts, batch.context_lengths,
            batch.page_table, np.array(wanted, np.int64),
        )  # fmt: skip
        assert np.array_equal(NativeRuntime(model, 4, threads=2).step(chosen), whole[wanted])


@pytest.mark.slow
def test_threads_end_with_the_runtime(model: Checkpoint) -> None:
    earlier = set(threading.enumerate())
    closed, dropped = NativeRuntime(model, 4, threads=3), NativeRuntime(model, 4, threads=2)
    started = set(threading.enumerate()) - earlier
    assert len(started) == 3
    closed.step(flat_batch([1, 2, 3]))
    closed.close()
    closed.close()
    del dropped
    gc.collect()
    for thread in started:
        thread.join(30)
        assert not thread.is_alive()


def test_no_more_threads_than_a_container_may_use(tmp_path: Path) -> None:
    quota, everything = tmp_path / "cpu.max", cores(tmp_path / "missing")
    assert everything >= 1
    for text, expected in (("max 100000", everything), ("100000 100000", 1), ("50000 100000", 1), ("odd", everything)):
        quota.write_text(text, encoding="ascii")
        assert cores(quota) == expected


@pytest.mark.slow
def test_a_second_start_needs_no_compiler(model: Checkpoint, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engines.model.checkpoint import Checkpoint;"
        "from engines.runtimes.native.runtime import NativeRuntime;"
        "NativeRuntime(Checkpoint(Path(sys.argv[1])), 4, threads=2, cache=Path(sys.argv[2]));"
        "print('llvmlite' in sys.modules, 'onnx' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(model.folder), str(tmp_path)]
    first, second = (subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True) for _ in range(2))
    assert first.stdout.split() == ["True", "False", "False"]
    assert second.stdout.split() == ["False", "False", "False"]


def test_packed_weights_are_kept_and_used_again(model: Checkpoint, kernels: Path, tmp_path: Path) -> None:
    shutil.copytree(kernels, tmp_path, dirs_exist_ok=True)
    first = NativeRuntime(model, 4, threads=1, cache=tmp_path)
    (built,) = tmp_path.glob("native-*/weights.bin")
    written = built.stat().st_mtime_ns
    again = NativeRuntime(model, 4, threads=1, cache=tmp_path)
    assert built.stat().st_mtime_ns == written
    assert again.notes == first.notes
    tokens = flat_batch(some_tokens(9, 3))
    assert np.array_equal(again.step(tokens), first.step(tokens))


def changed(model: Checkpoint, folder: Path, **config: object) -> Checkpoint:
    folder.mkdir()
    text = json.loads((model.folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(text | config), encoding="utf-8")
    for path in model.folder.glob("*.safetensors*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return Checkpoint(folder)


def test_heads_too_wide_are_refused_in_words(model: Checkpoint, tmp_path: Path) -> None:
    wide = Shape(2 * (LARGEST_HEAD + 64), 128, 1, 2, 2, vocabulary=64)
    write_checkpoint(tmp_path / "wide", wide)
    with pytest.raises(RuntimeUnavailable, match=f"{LARGEST_HEAD + 64} features"):
        NativeRuntime(Checkpoint(tmp_path / "wide"), 4, threads=1)


def test_a_cache_larger_than_memory_is_refused_in_words(model: Checkpoint) -> None:
    with pytest.raises(EngineError, match=r"KV cache of .* GB does not fit"):
        NativeRuntime(model, 1 << 48, threads=1)


def test_values_of_different_widths_never_share_room(model: Checkpoint, tmp_path: Path) -> None:
    """A layer whose V has more bits than its Q and K computes it apart, so what one product gives in that layer is
    narrower than in others."""
    pack(model, tmp_path)
    builder = ProgramBuilder(model.config, PackedWeights(tmp_path), Kernels(load_kernels(usable()[0], None)), 256)
    narrow, wide = (builder.place("out", features) for features in (64, 192))
    assert builder.place("out", 64) == narrow
    spans = sorted((rows.address, rows.address + 256 * 4 * rows.stride) for rows in (narrow, wide))
    assert spans[0][1] <= spans[1][0]


def test_scales_stay_exact(model: Checkpoint, tmp_path: Path) -> None:
    """In float16 where they are stored so, in float32 where that would change them."""
    pack(model, tmp_path)
    assert PackedWeights(tmp_path).dtype("0.q_k_v.scales") == "float16"
    fine = changed(model, tmp_path / "fine")
    for path in fine.folder.glob("*.safetensors"):
        tensors = load_file(path)
        scales = {name: (t.astype(np.float32) * 1.0001) for name, t in tensors.items() if name.endswith(".scales")}
        save_file(tensors | scales, path)
    fine = Checkpoint(fine.folder)
    (tmp_path / "packed").mkdir()
    pack(fine, tmp_path / "packed")
    assert PackedWeights(tmp_path / "packed").dtype("0.q_k_v.scales") == "float32"
    tokens = flat_batch(some_tokens(30, 5))
    expected = ReferenceRuntime(fine, 4).step(tokens)
    assert np.abs(NativeRuntime(fine, 4, threads=2).step(tokens) - expected).mean() < 0.02 * expected.std()
