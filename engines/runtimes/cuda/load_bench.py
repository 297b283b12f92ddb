"""Measures how long a model's shape takes to load from its packed file, written here with made-up weights."""

import json
import math
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from engines.base import StepBatch
from engines.files.build_cache import Build
from engines.model.config import ModelConfig
from engines.runtimes.cuda.packed_weights import INDEX_FILE, WEIGHTS_FILE, PackedSource, Writer
from engines.runtimes.cuda.packing import CHUNK, TILE, Packed, chunks_of, unit_bytes
from engines.runtimes.cuda.runtime import CudaRuntime
from engines.runtimes.cuda.weights import SETS, output_orders

_GROUP = 128
_PAGES = 64


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds until the first token is there: from a file that lies in the system's cache, with the kernels compiled
    before and with none."""

    shape: str
    file_gb: float
    load_s: float
    first_load_s: float


def measure_load(shape: str, config: ModelConfig, builds: Path) -> Load:
    """The file lies in ``builds`` for so long."""
    builds.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=builds) as name:
        folder = Path(name)
        _write(config, folder)
        first = _seconds(config, folder)
        return Load(
            shape,
            round((folder / WEIGHTS_FILE).stat().st_size / 1e9, 2),
            round(_seconds(config, folder), 2),
            round(first, 2),
        )


def _seconds(config: ModelConfig, folder: Path) -> float:
    started = time.perf_counter()
    runtime = CudaRuntime(config, PackedSource(Build(folder, ())), _PAGES, cache=folder / "kernels")
    try:
        zero, one = np.zeros(1, np.int64), np.array([0, 1])
        runtime.step(StepBatch(zero, zero, zero, one, one[1:], zero[None], zero))
        return time.perf_counter() - started
    finally:
        runtime.close()


def _write(config: ModelConfig, folder: Path) -> None:
    sizes = {name: len(order) for name, order in output_orders(config).items()}
    norm = np.ones(config.hidden_size, np.float32)

    @cache
    def packed(outputs: int, inputs: int) -> Packed:
        shape = (-(-outputs // TILE), chunks_of(inputs), unit_bytes(_GROUP))
        units = np.random.default_rng(outputs).integers(0, 256, shape, np.uint8)
        constants = units[:, :, : unit_bytes(_GROUP) - TILE * CHUNK // 2].copy().view(np.float16)
        constants.reshape(-1, 4)[:] = 0.1 / math.sqrt(inputs), 0.1 / math.sqrt(inputs), 256 + 8, 16 + 8
        units[:, :, : unit_bytes(_GROUP) - TILE * CHUNK // 2] = constants.view(np.uint8)
        return Packed(units, _GROUP, inputs, outputs)

    def product(writer: Writer, outputs: int, inputs: int) -> dict[str, int]:
        return asdict(writer.product(packed(outputs, inputs)))

    with (folder / WEIGHTS_FILE).open("wb") as file:
        writer = Writer(file)
        layers = []
        for _ in range(config.num_layers):
            products = {
                name: product(writer, sizes[name], config.linear_shape(parts[0])[1]) for name, parts in SETS.items()
            }
            norms = {"input": writer.add(norm), "mlp_input": writer.add(norm)}
            layers.append({"products": products, "norms": norms, "end": writer.end})
        index = {"layers": layers, "final_norm": writer.add(norm)}
        index["head"] = product(writer, config.vocab_size, config.hidden_size)
        index["embedding"] = writer.add(np.ones((config.vocab_size, config.hidden_size), np.float16))
        index["size"] = writer.end
    (folder / INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
