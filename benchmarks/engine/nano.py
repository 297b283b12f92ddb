"""Measures a small model on this CPU: TTFT of a prompt of 1,000 tokens, and tokens per second after it.

    python -m benchmarks.engine.nano MODEL_FOLDER --threads 2 --prompt 1000 --answer 64 --rounds 5
    python -m benchmarks.engine.nano MODEL_FOLDER --cache FOLDER --runtime onnx

Random tokens (speed does not depend on them), through the engine as the application uses it, nothing cached: every
round's prompt is new. Medians; peak memory is that of the whole process.
"""

import argparse
import resource
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.engine.runtimes import RUNTIMES, open_runtime
from engines.model.checkpoint import Checkpoint
from engines.model.tokenizer import ModelTokenizer
from engines.serving.engine import Engine
from engines.serving.sampling_params import SamplingParams


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=1000)
    parser.add_argument("--answer", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runtime", choices=RUNTIMES, default="native")
    parser.add_argument("--cache", type=Path, help="keeps what is built, so that a second run opens a prepared model")
    options = parser.parse_args()
    checkpoint = Checkpoint(options.model)
    size = sum(file.stat().st_size for file in options.model.iterdir())
    began = time.perf_counter()
    runtime = open_runtime(options.runtime, checkpoint, 256, 2048, threads=options.threads, cache=options.cache)
    loaded = time.perf_counter() - began
    tokenizer = ModelTokenizer.from_folder(options.model)
    rng = np.random.default_rng(0)
    first: list[float] = []
    speed: list[float] = []
    with Engine(runtime, tokenizer) as engine:
        for _ in range(options.rounds + 1):
            prompt = rng.integers(300, checkpoint.config.vocab_size, options.prompt).tolist()
            generation = engine.submit(prompt, SamplingParams(max_tokens=options.answer, ignore_eos=True))
            for _delta in generation:
                pass
            assert generation.finished is not None
            metrics = generation.finished.metrics
            first.append(metrics.ttft_s)
            speed.append(1 / metrics.tpot_s)
    print(f"{options.model.name}: {size / 1e6:.1f} MB, loaded in {loaded:.1f} s, {options.threads} threads")
    print(f"first token of {options.prompt}: {statistics.median(first[1:]):.2f} s")
    print(f"decode behind it: {statistics.median(speed[1:]):.0f} tokens/s")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
