"""What it costs docent-nano on this CPU that its work is added up, and that somebody watches it.

    python -m benchmarks.engine.metrics --rounds 40 --answer 64 --every 1

Rounds of one prompt of 256 random tokens and its answer, in turn unwatched and while another thread reads all that
``/metrics`` tells each ``--every`` seconds (Prometheus asks every 15 to 60). It prints by how much the processor time
of a round grows when it is watched (other programs disturb that less than they disturb a clock), and by itself one
reading, and adding up one request that has ended, beside the decoding of that request.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from app.assistant import Assistant
from app.metrics import exposition
from app.pages.syncing import SyncProgress
from app.settings.schema import Settings
from engines.serving.generation import Metrics
from engines.serving.sampling_params import SamplingParams
from engines.serving.totals import Totals

if TYPE_CHECKING:
    from app.models.setup import LocalModel

_PROMPT = 256
_VOCABULARY = 4_000  # ids of ordinary tokens
_CALLS = 1_000


class Watcher:
    """Reads over and over on a thread of its own, within its context and between ``look`` and ``rest``."""

    def __init__(self, read: Callable[[], object], every_s: float) -> None:
        self._read, self._every_s = read, every_s
        self._looks, self._ends = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.look, self.rest = self._looks.set, self._looks.clear

    def _run(self) -> None:
        while not self._ends.wait(self._every_s):
            if self._looks.is_set():
                self._read()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()


def answered(model: "LocalModel", random: np.random.Generator, answer: int) -> Metrics:
    prompt = random.integers(300, _VOCABULARY, _PROMPT).tolist()
    generation = model.submit(prompt, SamplingParams(max_tokens=answer, ignore_eos=True))
    for _delta in generation:
        pass
    assert generation.finished is not None
    return generation.finished.metrics


def each(call: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--answer", type=int, default=64)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between readings")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, Assistant.open(Settings(data_dir=Path(folder))) as assistant:
        model = assistant.language_model()
        assert model is not None, "docent-nano comes with Docent"

        def read() -> bytes:
            return exposition(assistant.opened_models(), assistant.status(), SyncProgress())[0]

        read()
        metrics = answered(model, random, options.answer)

        def took_s() -> float:
            began = time.process_time()
            answered(model, random, options.answer)
            return time.process_time() - began

        def watched_s() -> float:
            watcher.look()
            took = took_s()
            watcher.rest()
            return took

        pairs = list[tuple[float, float]]()
        with Watcher(read, options.every) as watcher:
            for number in range(options.rounds):  # each comes first in half of the pairs
                first = took_s() if number % 2 else watched_s()
                second = watched_s() if number % 2 else took_s()
                pairs.append((first, second) if number % 2 else (second, first))
        reading, totals = each(read, 100), Totals()
        adding = each(lambda: totals.finished("length", metrics), _CALLS)
    decoding = metrics.tpot_s * (options.answer - 1)
    alone_s, longer = statistics.median(one for one, _ in pairs), statistics.median(two / one - 1 for one, two in pairs)
    print(
        f"a round: {1e3 * alone_s:.0f} ms of processor time; watched every {options.every:g} s: {100 * longer:+.2f} %"
    )
    print(f"a reading: {1e3 * reading:.2f} ms, {100 * reading / 15:.3f} % of a core at one in 15 s")
    print(f"adding up a request: {1e6 * adding:.1f} us, {100 * adding / decoding:.4f} % of decoding it")


if __name__ == "__main__":
    main()
