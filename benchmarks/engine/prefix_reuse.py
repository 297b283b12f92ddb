"""Measures the time to first token (TTFT) of a follow-up question with and without reuse of its prefix's pages.

    python -m benchmarks.engine.prefix_reuse                          # 100M shape, 2,000 shared tokens; a minute
    python -m benchmarks.engine.prefix_reuse --shape 1B --shared 2000 --question 32 --rounds 5

Two engines over the same model, one that shares pages and one that does not. In each round both are asked a first
question behind a new prefix of ``--shared`` tokens (system text, passages, conversation), then a follow-up of
``--question`` tokens behind the same prefix, whose TTFT counts; who goes first alternates. Medians over rounds. The
answers must be the same. Weights are random INT4; the arithmetic is that of a real model.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np

from benchmarks.engine.parts import machine, model_folder, synthetic_engine
from benchmarks.engine.runtimes import RUNTIMES
from engines.model.synthetic import SHAPES
from engines.serving.engine import Engine, EngineConfig
from engines.serving.generation import Metrics
from engines.serving.sampling_params import SamplingParams

ANSWER = 8  # tokens, compared between the two
FIRST_TOKEN = 5  # below lie the special tokens


def ask(engine: Engine, prompt: list[int]) -> tuple[list[int], Metrics]:
    generation = engine.submit(prompt, SamplingParams(max_tokens=ANSWER, ignore_eos=True))
    tokens = [sampled.token for delta in generation for sampled in delta.tokens]
    assert generation.finished is not None
    return tokens, generation.finished.metrics


def follow_up(engine: Engine, prefix: list[int], questions: list[list[int]]) -> tuple[list[int], Metrics]:
    ask(engine, prefix + questions[0])
    return ask(engine, prefix + questions[1])


def measure(engines: dict[str, Engine], arguments: argparse.Namespace) -> dict[str, list[Metrics]]:
    """Returns the metrics of the follow-ups by the engine's name."""
    random = np.random.default_rng(3)
    vocabulary = SHAPES[arguments.shape].vocabulary

    def tokens(count: int) -> list[int]:
        return [int(token) for token in random.integers(FIRST_TOKEN, vocabulary, count)]

    measured: dict[str, list[Metrics]] = {name: [] for name in engines}
    for round_number in range(arguments.rounds + 1):
        prefix, questions = tokens(arguments.shared), [tokens(arguments.question) for _ in range(2)]
        answers = {}
        for name in sorted(engines, reverse=bool(round_number % 2)):
            answers[name], metrics = follow_up(engines[name], prefix, questions)
            if round_number:  # the first round warms up
                measured[name].append(metrics)
        if len(set(map(tuple, answers.values()))) != 1:
            # Prefill in other chunks sums in another order; random weights have near ties.
            print(f"round {round_number}: the answers differ", file=sys.stderr)
    return measured


def report(arguments: argparse.Namespace, measured: dict[str, list[Metrics]]) -> None:
    print(machine(arguments.threads))
    model = f"{arguments.shape} on {arguments.runtime}"
    print(f"{model}, {arguments.shared:,} shared tokens and a follow-up of {arguments.question}:")
    medians = {}
    for name, rows in measured.items():
        times = [row.ttft_s for row in rows]
        medians[name] = statistics.median(times)
        print(
            f"  {name:15} TTFT {1000 * medians[name]:8.1f} ms (least {1000 * min(times):.1f}, most"
            f" {1000 * max(times):.1f}), {statistics.median(row.cached_tokens for row in rows):,.0f} tokens reused"
        )
    print(f"  {medians['without reuse'] / medians['with reuse']:.1f} times less with reuse")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="100M")
    parser.add_argument("--shared", type=int, default=2000, help="tokens of the common prefix")
    parser.add_argument("--question", type=int, default=32, help="tokens of each question")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runtime", choices=RUNTIMES, default="native")
    parser.add_argument("--folder", type=Path, help="where models are kept between runs")
    arguments = parser.parse_args()
    # Room for several rounds, so that pages of old prefixes are evicted as in use.
    tokens = 3 * (arguments.shared + 2 * (arguments.question + ANSWER))

    def config(share: bool) -> EngineConfig:
        return EngineConfig(share_prefixes=share)

    with model_folder(arguments.folder, arguments.shape) as folder:
        options = (folder, arguments.shape, tokens, arguments.threads)
        with (
            synthetic_engine(*options, config(True), arguments.runtime) as reusing,
            synthetic_engine(*options, config(False), arguments.runtime) as plain,
        ):
            measured = measure({"with reuse": reusing, "without reuse": plain}, arguments)
    report(arguments, measured)


if __name__ == "__main__":
    main()
