"""Measures the throughput of concurrent requests against the same requests one at a time, and the latency of each.

    python -m benchmarks.engine.batching  # 100M shape, 32 requests, prompts of 64, answers of 128 tokens
    python -m benchmarks.engine.batching --shape 1B --prompt 64 --answer 128
    python -m benchmarks.engine.batching --temperature 0.8      # sampling takes its share

One engine, no drafting, no prompt shared. In each round all requests are asked one at a time (the next one when the
last is done), then all at once from as many threads; every answer must be complete. Throughput counts answer tokens
over the time from the first submit to the last token. Least, median and greatest time of a request show whether one
starves: all at once, the slowest should not be far behind the median. Weights are random INT4.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.engine.parts import machine, model_folder, synthetic_engine
from benchmarks.engine.runtimes import RUNTIMES
from engines.model.synthetic import SHAPES
from engines.serving.engine import Engine, EngineConfig
from engines.serving.generation import Metrics
from engines.serving.sampling_params import SamplingParams

FIRST_TOKEN = 5  # below lie the special tokens


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of all requests, sent in one of the two ways."""

    seconds: float
    requests: tuple[Metrics, ...]

    @property
    def throughput(self) -> float:
        return sum(row.generated_tokens for row in self.requests) / self.seconds


def ask(engine: Engine, prompt: list[int], params: SamplingParams) -> Metrics:
    generation = engine.submit(prompt, params)
    generation.text()
    assert generation.finished is not None and generation.finished.metrics.generated_tokens == params.max_tokens
    return generation.finished.metrics


def run(engine: Engine, prompts: list[list[int]], params: SamplingParams, at_once: int) -> Run:
    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        requests = tuple(pool.map(lambda prompt: ask(engine, prompt, params), prompts))
    return Run(time.perf_counter() - start, requests)


def measure(engine: Engine, arguments: argparse.Namespace) -> tuple[list[Run], list[Run]]:
    """Alternates between one at a time and all at once; the first round is a short warm-up."""
    random = np.random.default_rng(5)
    alone: list[Run] = []
    together: list[Run] = []
    for round_number in range(arguments.rounds + 1):
        shape = (arguments.requests, arguments.prompt)
        prompts = random.integers(FIRST_TOKEN, SHAPES[arguments.shape].vocabulary, shape).tolist()
        answer = arguments.answer if round_number else 2
        params = SamplingParams(
            max_tokens=answer, temperature=arguments.temperature, ignore_eos=True, seed=round_number
        )
        # New prompts for each way: those of the other would lie in the cache.
        first, second = run(engine, prompts, params, 1), run(engine, _others(prompts), params, arguments.requests)
        if round_number:
            alone.append(first)
            together.append(second)
    return alone, together


def _others(prompts: list[list[int]]) -> list[list[int]]:
    return [prompt[::-1] for prompt in prompts]


def report(arguments: argparse.Namespace, alone: list[Run], together: list[Run]) -> None:
    print(machine(arguments.threads))
    print(
        f"{arguments.shape} on {arguments.runtime}, {arguments.requests} requests, prompts of {arguments.prompt},"
        f" answers of {arguments.answer}, temperature {arguments.temperature}, median of {arguments.rounds} rounds:"
    )
    rates = []
    for name, runs in (("one at a time", alone), ("all at once", together)):
        rates.append(statistics.median(row.throughput for row in runs))
        latencies = [request.latency_s for row in runs for request in row.requests]
        first = [request.ttft_s for row in runs for request in row.requests]
        print(
            f"  {name:14} {rates[-1]:7.1f} tok/s   a request takes {min(latencies):.2f} / "
            f"{statistics.median(latencies):.2f} / {max(latencies):.2f} s (least / median / greatest), its first token"
            f" {min(first):.2f} / {statistics.median(first):.2f} / {max(first):.2f} s"
        )
    preempted = sum(request.preemptions for row in together for request in row.requests)
    print(f"  {rates[1] / rates[0]:.2f} times the throughput; {preempted} preemptions")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="100M")
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=64, help="tokens of a prompt")
    parser.add_argument("--answer", type=int, default=128, help="tokens of an answer")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runtime", choices=RUNTIMES, default="native")
    parser.add_argument("--folder", type=Path, help="where models are kept between runs")
    arguments = parser.parse_args()
    tokens = arguments.requests * (arguments.prompt + arguments.answer + 16)
    config = EngineConfig(max_running=max(32, arguments.requests), prompt_lookup=False)
    with (
        model_folder(arguments.folder, arguments.shape) as folder,
        synthetic_engine(folder, arguments.shape, tokens, arguments.threads, config, arguments.runtime) as engine,
    ):
        alone, together = measure(engine, arguments)
    report(arguments, alone, together)


if __name__ == "__main__":
    main()
