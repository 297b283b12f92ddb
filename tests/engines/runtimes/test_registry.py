"""The table of runtimes: light to read, and its entries say what they are."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.entry import OpenOptions
from engines.runtimes.registry import RUNTIMES, automatic
from tests.engines.fakes import flat_batch

HEAVY = ("numpy", "onnx", "onnxruntime", "llvmlite", "torch", "tensorrt", "tensorrt_rtx", "cuda")


def test_reading_the_table_loads_no_library() -> None:
    program = f"import sys, engines.runtimes.registry; print([name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_what_auto_may_take_can_be_used_here_and_the_best_comes_first() -> None:
    for found in (automatic("cpu"), automatic("gpu")):
        priorities = [entry.priority for entry in found if entry.priority is not None]
        assert len(priorities) == len(found)
        assert priorities == sorted(priorities, reverse=True)
        assert all(entry.unavailable() is None for entry in found)
    assert automatic("cpu")[-1].name == "onnx", "the one that runs anywhere comes last"


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNTIMES)
def test_an_entry_opens_its_runtime_or_says_why_not(name: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", Shape(128, 256, 2, 8, 2, vocabulary=256, context=512), group=32)
    entry = RUNTIMES[name]
    reason = entry.unavailable()
    assert reason is None or reason.endswith(".")
    try:
        runtime = entry.open(Checkpoint(tmp_path / "model"), OpenOptions(4, 64, threads=1, cache=tmp_path))
    except RuntimeUnavailable:
        assert entry.device == "gpu" or reason is not None
        return
    assert runtime.name == name
    assert runtime.num_pages == 4 and runtime.max_context == 64
    assert np.isfinite(runtime.step(flat_batch([5, 6, 7]))).all()
