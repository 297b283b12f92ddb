"""Single layers of every kind through ONNX Runtime, against the weights that the checkpoint's classes define."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from engines.model.checkpoint import Checkpoint
from engines.model.config import ModelConfig
from engines.model.formats.quantization import Quantization
from engines.model.weights import DenseLinear, Float, Linear, QuantizedLinear
from engines.runtimes.onnx.lowering import OnnxBuilder
from engines.runtimes.onnx_graph import WEIGHTS_FILE, GraphWriter

HIDDEN, OUT, TOKENS = 384, 48, 5


class OneLinear(Checkpoint):
    """A checkpoint that hands out the given layers instead of reading files."""

    def __init__(self, parts: dict[str, Linear], *, quantized: bool = True) -> None:
        settings = {
            "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN, "intermediate_size": 2 * HIDDEN,
            "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": OUT, "rms_norm_eps": 1e-5,
            "max_position_embeddings": 64,
        }  # fmt: skip
        self.config = ModelConfig.from_dict(settings)
        self.quantization = Quantization("awq" if quantized else "dense", 32)
        self._parts = parts

    def linear(self, layer: int, projection: str) -> Linear:
        return self._parts[projection]

    def lm_head(self) -> Linear:
        return self._parts["head"]


def random_linear(group: int, symmetric: bool = False, seed: int = 0, **changes: Any) -> QuantizedLinear:
    rng = np.random.default_rng(seed)
    groups = (OUT, HIDDEN // group)
    zero = np.full(groups, 8, np.uint8) if symmetric else rng.integers(0, 16, groups, dtype=np.uint8)
    q = rng.integers(0, 16, (OUT, HIDDEN), dtype=np.uint8)
    return QuantizedLinear(q, rng.uniform(0.5, 1, groups).astype(np.float32), zero, group, **changes)


def run(folder: Path, parts: dict[str, Linear], x: Float, *, head: bool = False) -> tuple[list[Float], list[str]]:
    """What the lowered layers compute from x, and the notes."""
    with GraphWriter(folder) as graph:
        builder = OnnxBuilder(graph, OneLinear(parts))
        graph.input("x", np.float32, ("T", HIDDEN))
        names = [builder.head("x")] if head else list(builder.linear("x", 0, *parts))  # type: ignore[arg-type]
        for name in names:
            graph.output(name, np.float32, ("T", "features"))
        path = graph.save()
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rows = np.zeros((1, 2), np.int64)
    feeds = {name.name: rows if name.name == "rows" else x for name in session.get_inputs()}
    return session.run(names, feeds), builder.notes


def expected(linear: Linear, x: Float) -> Float:
    y = x @ linear.dense().T
    return y if linear.bias is None else y + linear.bias


@pytest.fixture
def x() -> Float:
    return np.random.default_rng(9).standard_normal((TOKENS, HIDDEN)).astype(np.float32)


ORDER = np.random.default_rng(5).permutation(HIDDEN)
SCALE = np.random.default_rng(6).uniform(0.2, 2, HIDDEN).astype(np.float32)
BIAS = np.random.default_rng(7).standard_normal(OUT).astype(np.float32) * 50
CASES: dict[str, QuantizedLinear] = {
    "zero points": random_linear(32),
    "symmetric": random_linear(32, True),
    "three groups": random_linear(128),
    "groups of 96 in blocks of 32": random_linear(96),
    "one group of 384 in blocks of 128": random_linear(HIDDEN),
    "bias": random_linear(64, bias=BIAS),
    "bias and symmetric": random_linear(64, True, bias=BIAS),
    "input scale": random_linear(64, True, input_scale=SCALE),
    "input order": random_linear(64, input_order=ORDER),
    "scale and order": random_linear(64, input_scale=SCALE, input_order=ORDER),
    "groups of 8 in float32": random_linear(8),
}


@pytest.mark.parametrize("case", CASES)
def test_one_layer(case: str, x: Float, tmp_path: Path) -> None:
    linear = CASES[case]
    (y,), notes = run(tmp_path, {"o": linear}, x)
    reference = expected(linear, x)
    # 8-bit activations: each product is off by up to 1/254 of its block's largest activation.
    assert np.abs(y - reference).max() < 0.06 * reference.std()
    assert bool(notes) == (linear.group == 8)


@pytest.mark.parametrize("case", ["zero points", "bias", "input scale", "input order"])
def test_projections_of_one_input(case: str, x: Float, tmp_path: Path) -> None:
    """They may be computed as one product, which changes nothing."""
    parts: dict[str, Linear] = {
        name: dataclasses.replace(CASES[case], q=random_linear(32, seed=seed).q)
        for seed, name in enumerate(("q", "k", "v"))
    }
    results, _ = run(tmp_path, parts, x)
    for y, linear in zip(results, parts.values(), strict=True):
        reference = expected(linear, x)
        assert np.abs(y - reference).max() < 0.06 * reference.std()


def test_zero_points_are_exact(tmp_path: Path) -> None:
    """Inputs that 8 bits hold exactly leave float32 rounding alone."""
    x = np.zeros((TOKENS, HIDDEN), np.float32)
    x[np.arange(TOKENS), np.arange(TOKENS) * 70] = 127.0
    linear = CASES["zero points"]
    (y,), _ = run(tmp_path, {"o": linear}, x)
    np.testing.assert_allclose(y, expected(linear, x), rtol=1e-5, atol=1e-3)


def test_a_dense_head_of_an_int4_checkpoint_is_rounded_and_announced(x: Float, tmp_path: Path) -> None:
    head = DenseLinear(np.random.default_rng(3).standard_normal((OUT, HIDDEN)).astype(np.float32))
    (y,), notes = run(tmp_path, {"head": head}, x, head=True)
    reference = expected(head, x)
    assert np.abs(y - reference).max() < 0.06 * reference.std()
    assert len(notes) == 1 and "8 bits" in notes[0]


def test_int4_weights_stay_int4_on_disk(x: Float, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shape = (4096, HIDDEN)
    linear = QuantizedLinear(
        rng.integers(0, 16, shape, dtype=np.uint8), np.ones((4096, 3), np.float32), np.full((4096, 3), 7, np.uint8), 128
    )
    run(tmp_path, {"o": linear}, x)
    assert (tmp_path / WEIGHTS_FILE).stat().st_size < 1.15 * shape[0] * shape[1] / 2
