"""Random checkpoints are real ones to every reader, and their activations stay in the range of a real model's."""

from pathlib import Path

import numpy as np

from engines.model.checkpoint import PROJECTIONS, Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.model.weights import QuantizedLinear
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch

SHAPE = Shape(hidden=128, inner=256, layers=3, heads=4, kv_heads=2, vocabulary=512, context=64)


def test_it_is_an_int4_checkpoint_of_the_shape(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", SHAPE, group=64)
    checkpoint = Checkpoint(tmp_path / "model")
    linears = [checkpoint.linear(layer, name) for layer in range(3) for name in PROJECTIONS] + [checkpoint.lm_head()]
    assert all(isinstance(linear, QuantizedLinear) and linear.group == 64 for linear in linears)
    counted = sum(int(np.prod(linear.shape)) for linear in linears) + int(np.prod(checkpoint.embedding().shape))
    assert counted == SHAPE.parameters


def test_logits_are_of_ordinary_size(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", SHAPE, group=64)
    logits = ReferenceRuntime(Checkpoint(tmp_path / "model"), 4).step(flat_batch(range(5, 45)))
    assert 0.3 < logits.std() < 3
    assert len({int(row.argmax()) for row in logits}) > 5


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_checkpoint(tmp_path / name, SHAPE, seed=4)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
