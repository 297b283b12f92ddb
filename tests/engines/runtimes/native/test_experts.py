"""Mixtures of experts on Docent's own kernels: how rows choose and are put in order, and whole models of them."""

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engines.errors import UnsupportedModel
from engines.model.checkpoint import Checkpoint
from engines.model.formats import awq, gptq
from engines.model.gguf.file import GgufFile
from engines.model.gguf.folder import write_folder
from engines.runtimes.native.kernel_loader import load_kernels
from engines.runtimes.native.kernels.instructions import best, usable
from engines.runtimes.native.kernels.layout import PAIRS, ROWS, STEP, SYNC_WORDS, TILE
from engines.runtimes.native.runtime import NativeRuntime
from engines.runtimes.native.tiles import byte_tiles, four_bit_tiles, group_tiles
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch
from tests.engines.gguf_files import write_model as write_gguf
from tests.engines.models import random_model, write_model
from tests.engines.quantised import in_eight_bits, quantise
from tests.engines.runtimes.steps import Row, assert_close, batch_of, some_tokens

pytestmark = pytest.mark.skipif(not usable(), reason="Docent's own kernels need Linux and an x86 processor with AVX2")
INT8_ACTIVATIONS = 0.05  # root mean square of a row's error, of the logits' standard deviation


def run(kernel: str, rows: int, **fields: NDArray[Any] | int) -> NDArray[np.int64]:
    """Runs one operation and returns the step's words behind it."""
    kernels = load_kernels(best())
    given = {name: v.ctypes.data if isinstance(v, np.ndarray) else v for name, v in fields.items()}
    operation = kernels.words(kernel, **given)
    step, sync = np.zeros(len(STEP), np.int64), np.zeros(SYNC_WORDS, np.int64)
    step[ROWS] = rows
    kernels.run(operation.ctypes.data, 1, step.ctypes.data, sync.ctypes.data, 0, 1, 0)
    return step


@pytest.mark.parametrize("normalised", [0, 1])
@pytest.mark.parametrize(("experts", "chosen"), [(8, 2), (128, 8), (5, 5), (1, 1)])
def test_rows_choose_the_experts_with_the_largest_logits(experts: int, chosen: int, normalised: int) -> None:
    rows, stride = 19, 160
    logits = np.random.default_rng(experts).standard_normal((rows, stride)).astype(np.float32) * 3
    logits[0, :experts] = 0.5  # a tie of all: the first ones
    logits[1, :experts] = -1e30
    shares = logits[:, :experts].astype(np.float64)
    shares = np.exp(shares - shares.max(-1, keepdims=True))
    expected = np.argsort(-shares, axis=-1, kind="stable")[:, :chosen]
    taken = np.take_along_axis(shares, expected, axis=-1)
    taken /= (taken if normalised else shares).sum(-1, keepdims=True)
    choices, weights = np.full((rows, chosen), -1), np.empty((rows, chosen), np.float32)
    sizes = {"experts": experts, "chosen": chosen, "normalised": normalised}
    run("route", rows, rows_at=ROWS, x=logits, x_stride=stride, **sizes, choices=choices, weights=weights)
    assert np.array_equal(choices, expected)
    assert np.abs(weights - taken).max() < 1e-6


def test_numbers_that_are_none_choose_experts_that_are_there() -> None:
    choices, weights = np.full((1, 3), -1), np.empty((1, 3), np.float32)
    logits = np.full((1, 32), np.nan, np.float32)
    sizes = {"experts": 4, "chosen": 3, "normalised": 1}
    run("route", 1, rows_at=ROWS, x=logits, x_stride=32, **sizes, choices=choices, weights=weights)
    assert ((choices >= 0) & (choices < 4)).all()


@pytest.mark.parametrize("rows", [0, 1, 37])
def test_pairs_of_an_expert_follow_one_another(rows: int) -> None:
    experts, chosen, width = 16, 3, 2 * TILE
    rng = np.random.default_rng(rows)
    choices = np.array([rng.permutation(experts - 2)[:chosen] for _ in range(rows)], np.int64).reshape(rows, chosen)
    active, starts = np.zeros(1 + 3 * experts, np.int64), np.zeros(experts, np.int64)
    places, sources = np.full((rows, chosen), -1), np.full(rows * chosen, -1)
    words = run(
        "dispatch", rows, rows_at=ROWS, experts=experts, chosen=chosen, choices=choices, starts=starts, active=active,
        places=places, sources=sources,
    )  # fmt: skip
    assert words[PAIRS] == rows * chosen
    assert sorted(places.ravel()) == list(range(rows * chosen))
    used, counts = np.unique(choices, return_counts=True)
    stretches = active[1 : 1 + 3 * active[0]].reshape(-1, 3)
    assert np.array_equal(stretches[:, 0], used) and np.array_equal(stretches[:, 2], counts)
    for number, first, count in stretches.tolist():
        of_expert = np.flatnonzero((choices == number).any(-1))
        assert np.array_equal(sources[first : first + count], of_expert)
        assert np.array_equal(np.sort(places[choices == number]), np.arange(first, first + count))
    x = rng.standard_normal((max(rows, 1), width)).astype(np.float32)
    pairs = np.zeros((rows * chosen, width), np.float32)
    run("gather", len(pairs), rows_at=ROWS, x=x, x_stride=width, y=pairs, y_stride=width, width=width, sources=sources)
    assert np.array_equal(pairs, x[sources])
    weights, y = rng.random((rows, chosen)).astype(np.float32), np.zeros((rows, width), np.float32)
    run(
        "combine", rows, rows_at=ROWS, x=pairs, x_stride=width, y=y, y_stride=width, width=width, chosen=chosen,
        places=places, weights=weights,
    )  # fmt: skip
    expected = (pairs[places].astype(np.float64) * weights[:, :, None]).sum(1)
    assert np.abs(y - expected).max(initial=0) < 1e-6


@pytest.mark.parametrize("bits", [4, 8])
def test_products_of_experts_are_those_of_each_alone(bits: int) -> None:
    """To the last bit, whether an expert has one row or many; rows of none stay as they are."""
    inputs, group, tiles, experts = 96, 32, 2, 5
    kernels, rng = load_kernels(best()), np.random.default_rng(bits)
    counts = {0: 1, 1: 21, 3: 4}
    rows = sum(counts.values())
    x = rng.integers(-127, 128, (rows, inputs)).astype(np.int8)
    scales, sums = rng.random((rows, 3)).astype(np.float32), x.reshape(rows, 3, group).sum(-1, dtype=np.int32)
    operations, alone, kept = [], np.full((rows, tiles * TILE), np.nan, np.float32), []
    together = alone.copy()
    starts = dict(zip(counts, itertools.accumulate(counts.values(), initial=0), strict=False))
    for number in range(experts):
        q = rng.integers(0, 2**bits, (tiles * TILE, inputs)).astype(np.uint8)
        zero, worth = rng.integers(0, 2**bits, (len(q), 3)).astype(np.uint8), rng.random((len(q), 3)).astype(np.float32)
        packed = (four_bit_tiles if bits == 4 else byte_tiles)(q)
        arrays = {"weights": packed, "scales": group_tiles(worth), "zeros": group_tiles(zero)}
        kept.append(arrays)
        fields: dict[str, int] = {name: array.ctypes.data for name, array in arrays.items()}
        fields |= {"rows_at": ROWS, "scales_half": 0, "bias": 0, "tiles": tiles, "groups": 3, "group": group}
        fields |= {"x_stride": inputs, "y_stride": tiles * TILE}
        places = {"x": x, "x_scales": scales, "x_sums": sums}
        all_rows = {name: array.ctypes.data for name, array in places.items()}
        operations.append(kernels.words(f"matmul{bits}", **fields, **all_rows, y=together.ctypes.data))
        if number in counts:
            own = {name: array[starts[number] :].ctypes.data for name, array in places.items()}
            operation = kernels.words(f"matmul{bits}", **fields, **own, y=alone[starts[number] :].ctypes.data)
            kernels.do(operation, counts[number])
    active = np.array([len(counts), *(word for n in counts for word in (n, starts[n], counts[n]))])
    run(f"matmul{bits}_experts", rows, operations=np.stack(operations), active=active, tiles=tiles)
    assert not np.isnan(alone).any()
    assert np.array_equal(together, alone)


@pytest.fixture(scope="module")
def cache(kernels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of builds with the kernels in it."""
    folder = tmp_path_factory.mktemp("builds")
    shutil.copytree(kernels, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def int4(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("experts")
    write_model("qwen3-moe", folder / "full")
    quantise(folder / "full", folder / "int4", symmetric=False)
    return Checkpoint(folder / "int4")


def test_a_row_does_not_depend_on_what_else_is_computed(int4: Checkpoint, cache: Path) -> None:
    """To the last bit: neither companions, which share its experts, nor chunks and threads change it."""
    prompts, pages = [some_tokens(37, 1), some_tokens(30, 2)], [[0, 1, 2], [5, 4]]
    alone = [NativeRuntime(int4, 4, threads=1, cache=cache).step(flat_batch(prompt)) for prompt in prompts]
    runtime = NativeRuntime(int4, 8, threads=2, cache=cache)
    for start, stop in itertools.pairwise((0, 1, 16, 19, 30)):
        spans = [Row(start, p[start:stop], own, stop - start) for p, own in zip(prompts, pages, strict=True)]
        logits = runtime.step(batch_of(*spans))
        assert np.array_equal(logits, np.concatenate([whole[start:stop] for whole in alone]))


def test_a_chunk_without_logits_leaves_the_last_layers_experts_alone(int4: Checkpoint, cache: Path) -> None:
    tokens = some_tokens(20)
    runtime = NativeRuntime(int4, 4, threads=2, cache=cache)
    whole = NativeRuntime(int4, 4, threads=1, cache=cache).step(flat_batch(tokens))
    assert len(runtime.step(batch_of(Row(0, tokens[:9], [1, 0], 0)))) == 0
    assert np.array_equal(runtime.step(batch_of(Row(9, tokens[9:], [1, 0], 11))), whole[9:])


@pytest.mark.parametrize("kind", ["Q4_K", "Q6_K", "Q8_0"])
@pytest.mark.parametrize("family", ["mixtral", pytest.param("qwen3-moe", marks=pytest.mark.slow)])
def test_experts_in_blocks_compute_like_their_dequantised_weights(
    family: str, kind: str, tmp_path: Path, cache: Path
) -> None:
    sizes = {"hidden_size": 256, "head_dim": 64} | ({} if family == "mixtral" else {"moe_intermediate_size": 256})
    model = random_model(family, intermediate_size=512, **sizes)
    write_gguf(model, tmp_path / "model.gguf", kind, kind)
    write_folder(GgufFile(tmp_path / "model.gguf"), tmp_path)
    checkpoint, tokens = Checkpoint(tmp_path), some_tokens(60)
    expected = ReferenceRuntime(checkpoint, 4).step(flat_batch(tokens))
    logits = NativeRuntime(checkpoint, 4, threads=2, cache=cache).step(flat_batch(tokens))
    rows = np.sqrt(((logits - expected) ** 2).mean(-1))
    # Some rows choose another one of two experts that are as likely.
    assert np.median(rows) < INT8_ACTIVATIONS * expected.std()


def test_of_equal_experts_the_first_ones_are_chosen(tmp_path: Path, cache: Path) -> None:
    """A router that prefers nobody: so the model is one with these experts alone."""
    model = random_model("mixtral")
    for layer in model.model.layers:
        layer.mlp.gate.weight.data.zero_()
    model.save_pretrained(tmp_path)
    few = random_model("mixtral", num_local_experts=2)
    weights = {n: w[:2] if "experts" in n or ".gate." in n else w for n, w in model.state_dict().items()}
    few.load_state_dict(weights)
    tokens, checkpoint = some_tokens(50), Checkpoint(tmp_path)
    few.save_pretrained(tmp_path / "few")
    expected = ReferenceRuntime(Checkpoint(tmp_path / "few"), 4).step(flat_batch(tokens))
    assert_close(ReferenceRuntime(checkpoint, 4).step(flat_batch(tokens)), expected)
    assert_close(NativeRuntime(checkpoint, 4, cache=cache).step(flat_batch(tokens)), expected, 4e-3)


@pytest.mark.parametrize("family", ["mixtral", "qwen3-moe"])
def test_experts_in_one_tensor_are_the_same_model(family: str, tmp_path: Path) -> None:
    """The layout that transformers computes with, as it may be saved."""
    model = write_model(family, tmp_path / "apart")
    (tmp_path / "fused").mkdir()
    (tmp_path / "fused" / "config.json").write_text((tmp_path / "apart" / "config.json").read_text())
    tensors = {name: np.ascontiguousarray(weight.numpy()) for name, weight in model.state_dict().items()}
    assert any(name.endswith("mlp.experts.gate_up_proj") for name in tensors)
    save_file(tensors, tmp_path / "fused" / "model.safetensors")
    tokens = some_tokens(40)
    apart, fused = (ReferenceRuntime(Checkpoint(tmp_path / n), 4).step(flat_batch(tokens)) for n in ("apart", "fused"))
    assert np.array_equal(apart, fused)
    tensors |= {n: w.astype(np.int8) for n, w in tensors.items() if "experts" in n}
    save_file(tensors, tmp_path / "fused" / "model.safetensors")
    with pytest.raises(UnsupportedModel, match=r"experts\.gate_up_proj .* as I8"):
        Checkpoint(tmp_path / "fused").expert(0, 0, "gate")


@pytest.mark.parametrize("kind", ["fp8-block", "int8"])
def test_experts_in_eight_bits_are_what_their_codes_stand_for(kind: str, tmp_path: Path, cache: Path) -> None:
    write_model("qwen3-moe", tmp_path / "full")
    meant = in_eight_bits(tmp_path / "full", tmp_path / "eight", kind)
    assert sum("experts" in name for name in meant) == 3 * 16 * 3
    tensors = load_file(tmp_path / "full" / "model.safetensors")
    save_file(tensors | {name: w.numpy() for name, w in meant.items()}, tmp_path / "full" / "model.safetensors")
    tokens, checkpoint = some_tokens(40), Checkpoint(tmp_path / "eight")
    expected = ReferenceRuntime(Checkpoint(tmp_path / "full"), 4).step(flat_batch(tokens))
    assert_close(ReferenceRuntime(checkpoint, 4).step(flat_batch(tokens)), expected)
    logits = NativeRuntime(checkpoint, 4, threads=2, cache=cache).step(flat_batch(tokens))
    assert np.median(np.sqrt(((logits - expected) ** 2).mean(-1))) < INT8_ACTIVATIONS * expected.std()


def test_experts_that_differ_in_how_they_are_stored_are_refused(int4: Checkpoint, tmp_path: Path) -> None:
    tensors = load_file(int4.folder / "model.safetensors")
    name = "model.layers.0.mlp.experts.7.gate_proj"
    dense = int4.expert(0, 7, "gate").dense()
    kept = {key: tensor for key, tensor in tensors.items() if not key.startswith(name)}
    save_file(kept | {f"{name}.weight": dense}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(json.loads((int4.folder / "config.json").read_text())))
    with pytest.raises(UnsupportedModel, match="experts of layer 0 differ"):
        NativeRuntime(Checkpoint(tmp_path), 4, threads=1)


@pytest.mark.parametrize("reordered", [False, True])
def test_experts_of_gptq_are_read_and_refused_where_inputs_are_reordered(
    reordered: bool, int4: Checkpoint, tmp_path: Path, cache: Path
) -> None:
    settings = json.loads((int4.folder / "config.json").read_text())
    settings["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": False}
    settings["quantization_config"]["checkpoint_format"] = "gptq_v2"
    (tmp_path / "config.json").write_text(json.dumps(settings))
    stored = load_file(int4.folder / "model.safetensors")
    tensors = {name: tensor for name, tensor in stored.items() if name.endswith(".weight")}
    for name in {name.removesuffix(".qweight") for name in stored if name.endswith(".qweight")}:
        out, inputs = 8 * stored[f"{name}.qweight"].shape[1], stored[f"{name}.qweight"].shape[0]
        linear = awq.load(int4.files, name, int4.quantization, (out, inputs), None)
        tensors |= gptq.store(name, linear)
    if reordered:
        groups = "model.layers.1.mlp.experts.2.down_proj.g_idx"
        tensors[groups] = np.ascontiguousarray(tensors[groups][::-1])
    save_file(tensors, tmp_path / "model.safetensors")
    tokens, checkpoint = flat_batch(some_tokens(20)), Checkpoint(tmp_path)
    if reordered:
        with pytest.raises(UnsupportedModel, match=r"experts of layer 1 differ .* reordered"):
            NativeRuntime(checkpoint, 4, threads=1, cache=cache)
        ReferenceRuntime(checkpoint, 4).step(tokens)
    else:
        expected = NativeRuntime(int4, 4, threads=1, cache=cache).step(tokens)
        assert np.array_equal(NativeRuntime(checkpoint, 4, threads=1, cache=cache).step(tokens), expected)
