"""Measures on an NVIDIA card what a long context costs a decode step, for each way of keeping keys and values.

    python -m benchmarks.engine.long_contexts --shape mistral-7b --context 32000
    python -m benchmarks.engine.long_contexts --shape mistral-7b --layers 8 --requests 8 --context 16000

A step behind ``--context`` tokens less one behind 100 reads the K and V between them; their bytes over that time are
compared with a copy within the card's memory. Weights, K and V are made up.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from engines.base import Int64, StepBatch
from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS, KvCache
from engines.runtimes.cuda.bench import SHAPES, config_of, copy_speed
from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.random_fill import Fill
from engines.runtimes.cuda.runtime import CudaRuntime
from engines.runtimes.cuda.weights import RandomSource

_NEAR = 100
_STEPS = 32
_SPREAD = {"fp16": 1.0, "fp8": 0.5, "int8": 0.5}  # of the halves that the pool is filled with; codes may be any bytes


def measured(config: ModelConfig, kind: KvCache, requests: int, context: int, cache: Path) -> tuple[float, ...]:
    """Seconds of a step near and far, bytes of K and V between them, GB/s of a copy."""
    width = -(-(context + 2 * _STEPS) // PAGE_TOKENS)
    runtime = CudaRuntime(
        config, RandomSource(config), requests * width, width * PAGE_TOKENS, cache=cache, kv_cache=kind, largest_run=64
    )
    runtime.near = 0  # never a token as one kernel, which there is for float16 alone: the difference is attention's
    try:
        copied, pool = copy_speed(runtime.device), runtime.pool
        rows = runtime.device.load(compile_kernels("rows", runtime.device.capability, {}, cache))
        fill = Fill(runtime.device, rows)
        for address in (pool.keys(), pool.values()):
            fill.halves(address, pool.nbytes // 4, _SPREAD[kind])
        tables = np.random.default_rng(0).permutation(requests * width).reshape(requests, width)
        near, far = (_seconds(runtime, tables, tokens) for tokens in (_NEAR, context))
    finally:
        runtime.close()
    read = pool.form.page_bytes(config) * config.num_layers / PAGE_TOKENS * (context - _NEAR) * requests
    return near, far, read, copied


def _seconds(runtime: CudaRuntime, tables: Int64, tokens: int) -> float:
    count = len(tables)
    none, position = np.zeros(count, np.int64), np.full(count, tokens)
    slots = tables[:, tokens // PAGE_TOKENS] * PAGE_TOKENS + tokens % PAGE_TOKENS
    batch = StepBatch(none, position, slots, np.arange(count + 1), position + 1, tables, np.arange(count))
    return min(runtime.decode_chained(batch, _STEPS) for _ in range(3))


def lines(config: ModelConfig, requests: int, context: int, cache: Path) -> Iterator[str]:
    whole = None
    for kind in get_args(KvCache):
        near, far, read, copied = measured(config, kind, requests, context, cache)
        seconds = far - near
        whole = whole or seconds
        yield (
            f"{kind:5} step {1e3 * near:.3f} -> {1e3 * far:.3f} ms; K and V {read / seconds / 1e9:.0f} GB/s, "
            f"{read / seconds / 1e9 / copied:.0%} of the copy ({copied:.0f}); {whole / seconds:.2f} times fp16"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="mistral-7b")
    parser.add_argument("--layers", type=int, help="fewer than the model has, for contexts that would not fit")
    parser.add_argument("--requests", type=int, default=1)
    parser.add_argument("--context", type=int, default=32000)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/docent-kernels"), help="where kernels are kept")
    options = parser.parse_args()
    config = config_of(options.shape)
    if options.layers:
        config = replace(config, num_layers=options.layers)
    for line in lines(config, options.requests, options.context, options.cache):
        print(line, flush=True)


if __name__ == "__main__":
    main()
