"""Every storage format against its published definition: what a plain loop packed here is read back bit by bit."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.formats import awq, compressed_tensors, gptq, modelopt
from engines.model.formats.quantization import Quantization, read_quantization
from engines.model.tensor_files import TensorFiles

OUT, IN, GROUP = 16, 64, 32
NAME = "layer"


@pytest.fixture
def quantized() -> tuple[NDArray[np.uint8], NDArray[np.float16], NDArray[np.uint8]]:
    """q [OUT, IN], scale [OUT, IN / GROUP], zero [OUT, IN / GROUP]."""
    rng = np.random.default_rng(3)
    groups = (OUT, IN // GROUP)
    return (
        rng.integers(0, 16, (OUT, IN), dtype=np.uint8),
        rng.random(groups).astype(np.float16),
        rng.integers(1, 16, groups, dtype=np.uint8),
    )


def plain_weight(q: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> NDArray[np.float64]:
    weight = np.empty((OUT, IN))
    for o in range(OUT):
        for i in range(IN):
            weight[o, i] = (int(q[o, i]) - int(zero[o, i // GROUP])) * float(scale[o, i // GROUP])
    return weight


def pack(values: list[int]) -> int:
    word = sum(int(v) << (4 * n) for n, v in enumerate(values))
    return word - (1 << 32) if word >= 1 << 31 else word


def files(tmp_path: Path, tensors: dict[str, np.ndarray]) -> TensorFiles:
    save_file(
        {f"{NAME}.{key}": np.ascontiguousarray(value) for key, value in tensors.items()}, tmp_path / "m.safetensors"
    )
    return TensorFiles(tmp_path)


def test_awq_gemm(tmp_path: Path, quantized: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    q, scale, zero = quantized
    order = [0, 2, 4, 6, 1, 3, 5, 7]

    def rows(matrix: np.ndarray) -> np.ndarray:  # [in, out] -> [in, out / 8]
        packed = [[pack([row[8 * c + k] for k in order]) for c in range(OUT // 8)] for row in matrix.T]
        return np.array(packed, np.int32)

    stored = files(tmp_path, {"qweight": rows(q), "qzeros": rows(zero), "scales": scale.T})
    linear = awq.load(stored, NAME, Quantization("awq", GROUP), (OUT, IN), None)
    assert np.array_equal(linear.dense(), plain_weight(q, scale, zero).astype(np.float32))
    again = awq.store(NAME, linear)
    assert all(np.array_equal(again[key], stored[key]) for key in stored)


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("plus_one", [True, False])
def test_gptq(
    tmp_path: Path, quantized: tuple[np.ndarray, np.ndarray, np.ndarray], act_order: bool, plus_one: bool
) -> None:
    q, scale, zero = quantized
    g_idx = np.arange(IN, dtype=np.int32) // GROUP
    if act_order:
        g_idx = np.random.default_rng(5).permutation(g_idx)
    qweight = np.array([[pack(list(q[o, 8 * r : 8 * r + 8])) for o in range(OUT)] for r in range(IN // 8)], np.int32)
    kept = zero.T.astype(int) - int(plus_one)
    qzeros = np.array([[pack(list(row[8 * c : 8 * c + 8])) for c in range(OUT // 8)] for row in kept], np.int32)
    stored = files(tmp_path, {"qweight": qweight, "qzeros": qzeros, "scales": scale.T, "g_idx": g_idx})
    linear = gptq.load(stored, NAME, Quantization("gptq", GROUP, zero_plus_one=plus_one), (OUT, IN), None)
    expected = np.array(
        [[(int(q[o, i]) - int(zero[o, g_idx[i]])) * float(scale[o, g_idx[i]]) for i in range(IN)] for o in range(OUT)]
    )
    assert np.array_equal(linear.dense(), expected.astype(np.float32))
    assert (linear.input_order is not None) == act_order


@pytest.mark.parametrize("symmetric", [True, False])
def test_compressed_tensors(
    tmp_path: Path, quantized: tuple[np.ndarray, np.ndarray, np.ndarray], symmetric: bool
) -> None:
    q, scale, zero = quantized
    if symmetric:
        zero = np.full_like(zero, 8)
    packed = np.array([[pack(list(row[8 * c : 8 * c + 8])) for c in range(IN // 8)] for row in q], np.int32)
    tensors = {"weight_packed": packed, "weight_scale": scale, "weight_shape": np.array([OUT, IN])}
    if not symmetric:
        columns = [[pack(list(zero[8 * r : 8 * r + 8, g])) for g in range(IN // GROUP)] for r in range(OUT // 8)]
        tensors["weight_zero_point"] = np.array(columns, np.int32)
    stored = files(tmp_path, tensors)
    linear = compressed_tensors.load(stored, NAME, Quantization("x", GROUP, symmetric), (OUT, IN), None)  # type: ignore[arg-type]
    assert np.array_equal(linear.dense(), plain_weight(q, scale, zero).astype(np.float32))


def test_modelopt(tmp_path: Path, quantized: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    q, scale, _ = quantized
    signed = q.astype(int) - 8
    packed = np.array(
        [[(signed[2 * r, i] & 15) | ((signed[2 * r + 1, i] & 15) << 4) for i in range(IN)] for r in range(OUT // 2)],
        np.uint8,
    )
    before = np.random.default_rng(1).random(IN).astype(np.float16)
    stored = files(tmp_path, {"weight": packed, "weight_scale": scale, "pre_quant_scale": before})
    linear = modelopt.load(stored, NAME, Quantization("modelopt", GROUP, True), (OUT, IN), None)
    x = np.random.default_rng(2).standard_normal(IN)
    expected = plain_weight(q, scale, np.full((OUT, IN // GROUP), 8)) @ (x * before)
    assert np.allclose(linear.dense() @ x, expected, rtol=1e-5)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": np.zeros((8, 8), np.float32)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged: it ends within weight"):
        TensorFiles(tmp_path)
    path.write_bytes(whole[:5])
    with pytest.raises(CheckpointError, match="damaged"):
        TensorFiles(tmp_path)


def test_missing_shard_missing_tensor_and_wrong_shape(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}))
    with pytest.raises(CheckpointError, match=r"shard .*one\.safetensors is missing"):
        TensorFiles(tmp_path)
    save_file({"a": np.zeros((2, 3), np.float32)}, tmp_path / "one.safetensors")
    with pytest.raises(CheckpointError, match="no tensor b"):
        TensorFiles(tmp_path)["b"]
    with pytest.raises(CheckpointError, match=r"a in .*one\.safetensors has the shape \[2, 3\], not \[3, 2\]"):
        TensorFiles(tmp_path).take("a", (3, 2))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UnsupportedModel, match="pickled"):
        TensorFiles(tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {"quant_method": "awq", "bits": 8},
        {"quant_method": "awq", "bits": 4, "version": "gemv"},
        {"quant_method": "bitsandbytes"},
        {"quant_method": "compressed-tensors", "format": "marlin-24"},
        {"quant_method": "compressed-tensors", "format": "int-quantized"},
        *[
            {
                "quant_method": "compressed-tensors",
                "format": "int-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, **wrong}}},
            }
            for wrong in ({"symmetric": False}, {"strategy": "group"})
        ],
        {"quant_method": "modelopt", "quantization": {"quant_algo": "NVFP4"}},
    ],
)
def test_other_quantisations_are_refused_by_name(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(UnsupportedModel, match="not supported"):
        read_quantization(tmp_path, {"quantization_config": settings})


def test_bfloat16_is_widened_exactly(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, 3.140625, 1e-30], np.float32)
    raw = (values.view(np.uint32) >> 16).astype(np.uint16)
    header = json.dumps({"w": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + raw.tobytes())
    assert np.array_equal(TensorFiles(tmp_path)["w"], (raw.astype(np.uint32) << 16).view(np.float32))
