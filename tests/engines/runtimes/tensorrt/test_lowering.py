"""The graphs that TensorRT is given, run by ONNX Runtime with the runtime's own host code and attention around them.

Compared with the plain float32 reference and with transformers. The tolerance, relative to the logits' standard
deviation, is that of float16 activations; measured differences are 0.003 to 0.01.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from engines.model.checkpoint import Checkpoint
from engines.model.formats.packing import pack_int4
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.runtimes.tensorrt.lowering import write_subgraph
from tests.engines.fakes import flat_batch
from tests.engines.models import ON_CARDS, TinyModel, families
from tests.engines.quantised import quantise
from tests.engines.runtimes.steps import Row, assert_close, batch_of, some_tokens
from tests.engines.runtimes.tensorrt.tensorrt_fakes import fake_tensorrt

HALF = 0.03
GROUP = 32


def act_order(folder: Path, target: Path) -> None:
    """A GPTQ checkpoint whose groups are scattered over the inputs, differently for each projection."""
    tensors, rng = {}, np.random.default_rng(4)
    for name, weight in load_file(folder / "model.safetensors").items():
        if "_proj.weight" not in name:
            tensors[name] = weight
            continue
        inputs = weight.shape[1]
        groups = rng.permutation(np.arange(inputs, dtype=np.int32) // GROUP)
        scale = np.stack([np.abs(weight[:, groups == g]).max(1) for g in range(inputs // GROUP)], 1) / 7
        scale = scale.astype(np.float16).astype(np.float32)
        zero = rng.integers(5, 11, scale.shape, dtype=np.uint8)
        q = np.clip(np.rint(weight / scale[:, groups]) + zero[:, groups], 0, 15).astype(np.uint8)
        stem = name.removesuffix(".weight")
        tensors |= {
            f"{stem}.qweight": np.ascontiguousarray(pack_int4(q).T),
            f"{stem}.qzeros": pack_int4(np.ascontiguousarray(zero.T - 1)),
            f"{stem}.scales": np.ascontiguousarray(scale.T).astype(np.float16),
            f"{stem}.g_idx": groups,
        }
        # pack_int4 packs along the last axis; GPTQ packs the weight along its inputs, which the transpose above makes
        # the first.
    write(folder, target, tensors, {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "sym": False})


def pre_quant_scale(folder: Path, target: Path) -> None:
    """A ModelOpt checkpoint whose inputs are scaled before they are multiplied."""
    tensors, rng = {}, np.random.default_rng(5)
    for name, weight in load_file(folder / "model.safetensors").items():
        if "_proj.weight" not in name:
            tensors[name] = weight
            continue
        out, inputs = weight.shape
        before = rng.uniform(0.5, 2, inputs).astype(np.float16)
        blocks = (weight / before).astype(np.float32).reshape(out, -1, GROUP)
        scale = (np.abs(blocks).max(-1) / 7).astype(np.float16)
        q = np.clip(np.rint(blocks / scale[:, :, None].astype(np.float32)), -8, 7).astype(np.int8).reshape(out, inputs)
        nibbles = q.astype(np.uint8) & 15
        stem = name.removesuffix(".weight")
        tensors |= {
            name: nibbles[0::2] | (nibbles[1::2] << 4),
            f"{stem}.weight_scale": scale,
            f"{stem}.pre_quant_scale": before,
        }
    write(folder, target, tensors, {"quant_method": "modelopt", "quant_algo": "W4A16_AWQ", "group_size": GROUP})


def write(folder: Path, target: Path, tensors: dict[str, np.ndarray], quantization: dict[str, object]) -> None:
    target.mkdir()
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = quantization
    (target / "config.json").write_text(json.dumps(config))
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, target / "model.safetensors")


FORMATS: dict[str, Callable[[Path, Path], None]] = {
    "symmetric": lambda folder, target: quantise(folder, target, symmetric=True),
    "asymmetric": lambda folder, target: quantise(folder, target, symmetric=False),
    "act-order": act_order,
    "pre-quant-scale": pre_quant_scale,
}


@pytest.mark.parametrize("family", families(*ON_CARDS))
def test_full_precision_agrees_with_transformers(
    family: str, tmp_path: Path, models: Callable[[str], TinyModel]
) -> None:
    model, tokens = models(family), some_tokens(100)
    runtime, _ = fake_tensorrt(Checkpoint(model.folder), tmp_path, num_pages=8)
    assert_close(runtime.step(flat_batch(tokens)), model.logits(tokens), HALF)


@pytest.mark.parametrize("storage", FORMATS)
@pytest.mark.parametrize("family", families(*ON_CARDS))
def test_int4_agrees_with_the_dequantised_weights(
    family: str, storage: str, tmp_path: Path, folders: Callable[[str], Path]
) -> None:
    if "phi3" in family and storage in ("act-order", "pre-quant-scale"):
        pytest.skip("these writers would have to fuse Phi-3's projections; Llama's cover the formats")
    FORMATS[storage](folders(family), tmp_path / "int4")
    checkpoint, tokens = Checkpoint(tmp_path / "int4"), some_tokens(60)
    linear = checkpoint.linear(0, "q")
    assert getattr(linear, "input_order", None) is not None or storage != "act-order"
    assert getattr(linear, "input_scale", None) is not None or storage != "pre-quant-scale"
    runtime, _ = fake_tensorrt(checkpoint, tmp_path, num_pages=8)
    assert_close(runtime.step(flat_batch(tokens)), ReferenceRuntime(checkpoint, 8).step(flat_batch(tokens)), HALF)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_zero_term_is_left_out_where_every_zero_point_is_8(
    symmetric: bool, tmp_path: Path, folders: Callable[[str], Path]
) -> None:
    onnx = pytest.importorskip("onnx")
    quantise(folders("llama"), tmp_path / "int4", symmetric=symmetric)
    path, _ = write_subgraph(Checkpoint(tmp_path / "int4"), 1, tmp_path)
    graph = onnx.load(path, load_external_data=False).graph
    assert ("ReduceSum" in {node.op_type for node in graph.node}) == (not symmetric)
    weights = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT4]
    # o, gate and up, down, q and k and v: projections of one input are one product.
    assert [tuple(tensor.dims) for tensor in weights] == [(64, 64), (64, 320), (160, 64), (64, 128)]
    assert all(node.domain == "" for node in graph.node)


def test_a_weight_beyond_half_precision_is_refused(tmp_path: Path, folders: Callable[[str], Path]) -> None:
    from engines.errors import UnsupportedModel

    tensors = load_file(folders("llama") / "model.safetensors")
    tensors["model.layers.0.self_attn.q_proj.weight"][3, 3] = 1e6
    (tmp_path / "big").mkdir()
    save_file(tensors, tmp_path / "big" / "model.safetensors")
    (tmp_path / "big" / "config.json").write_text((folders("llama") / "config.json").read_text())
    with pytest.raises(UnsupportedModel, match=r"0\.q.*16-bit"):
        write_subgraph(Checkpoint(tmp_path / "big"), 0, tmp_path)


@pytest.mark.parametrize("family", families("llama-3", "mistral", "gemma2", "phi3-long"))
def test_sequences_side_by_side_in_steps_larger_than_an_engine_takes(
    family: str, tmp_path: Path, folders: Callable[[str], Path]
) -> None:
    """Prefill in chunks, decoding, drafts; out-of-order pages; rows of logits picked; engines of 24 rows at most."""
    checkpoint = Checkpoint(folders(family))
    prompts = [some_tokens(count, seed) for seed, count in enumerate((40, 33, 18, 7, 52))]
    alone = [ReferenceRuntime(checkpoint, 8).step(flat_batch(prompt)) for prompt in prompts]
    runtime, sessions = fake_tensorrt(checkpoint, tmp_path, num_pages=24, max_rows=24)
    pages = [[20, 1, 5], [2, 3, 9], [4, 11], [6], [7, 8, 10, 12]]
    none = runtime.step(batch_of(Row(0, prompts[1][:32], pages[1], logits=0)))
    assert none.shape == (0, 320)
    assert not sessions[-1].calls, "nobody asked for logits"
    runtime.step(batch_of(Row(0, prompts[0][:39], pages[0]), Row(0, prompts[4][:51], pages[4])))
    assert sessions[0].calls == [24, 8, 24, 24, 24, 18]
    rows = [
        Row(39, prompts[0][39:], pages[0]),
        Row(0, prompts[2], pages[2], logits=18),
        Row(32, prompts[1][32:], pages[1]),
        Row(0, prompts[3], pages[3], logits=7),
        Row(51, prompts[4][51:], pages[4]),
    ]
    expected = np.concatenate([alone[0][-1:], alone[2], alone[1][-1:], alone[3], alone[4][-1:]])
    assert_close(runtime.step(batch_of(*rows)), expected, HALF)
    assert sessions[-1].calls[-2:] == [24, 4]


def test_shared_pages_go_on_differently(tmp_path: Path, folders: Callable[[str], Path]) -> None:
    checkpoint, prefix = Checkpoint(folders("llama")), some_tokens(32)
    ends = [some_tokens(9, 7), some_tokens(9, 8)]
    alone = [ReferenceRuntime(checkpoint, 8).step(flat_batch(prefix + end))[-9:] for end in ends]
    runtime, _ = fake_tensorrt(checkpoint, tmp_path, num_pages=8)
    runtime.step(batch_of(Row(0, prefix, [5, 1])))
    rows = [Row(32, ends[0], [5, 1, 3], logits=9), Row(32, ends[1], [5, 1, 7], logits=9)]
    assert_close(runtime.step(batch_of(*rows)), np.concatenate(alone), HALF)
