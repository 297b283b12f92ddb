"""Measures the engine's tokens per second on this CPU, beside llama.cpp with the same shape, threads and bits.

    python -m benchmarks.engine.cpu                                    # ours alone
    python -m benchmarks.engine.cpu --llama-python OTHER/bin/python    # both, alternating
    python -m benchmarks.engine.cpu --shapes 100M 1B --runtimes onnx --threads 2 --rounds 5 --past 64

Weights are random INT4: ours in groups of 128 with zero points (AWQ), llama.cpp's Q4_0 (groups of 32). Each side has a
process of its own and is idle while the other runs. Medians over rounds: a prompt of 512 tokens, and 64 tokens of
decoding one by one behind ``--past`` tokens of context. Peak memory is that of our process, the interpreter included,
with every page of the cache written once.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from engines.base import Runtime

PROMPT, ANSWER = 512, 64
INSTALL = "python -m venv other && CMAKE_ARGS=-DGGML_NATIVE=ON other/bin/pip install llama-cpp-python gguf"


@dataclass(frozen=True, slots=True)
class Side:
    """The figures of one engine: tokens per second, and bytes."""

    prefill: float
    decode: float
    peak_bytes: int


class Worker:
    """A process that measures on request, see llama_cpp_worker.py for the protocol. How its threads wait is its own
    choice: with OMP_WAIT_POLICY=PASSIVE those of llama.cpp decode at a quarter of their speed."""

    def __init__(self, command: Sequence[str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.hello = self._read()

    def ask(self, op: str, tokens: int, past: int) -> float:
        """Returns seconds: of the whole prompt, or the median of a single token."""
        return float(statistics.median(self.call({"op": op, "tokens": tokens, "past": past})["seconds"]))

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> int:
        """Ends the process; returns the peak of its resident memory in bytes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        peak = int(self._read()["peak_bytes"])
        self._process.wait()
        return peak

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("A measuring process ended early; its message is above.")
        return dict(json.loads(line))


def read_bandwidth(threads: int) -> float:
    """Measures the bytes per second that this many threads read from memory; best of several passes over 256 MB
    each."""
    blocks = [np.ones(64 << 20, np.float32) for _ in range(threads)]
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(7):
            start = time.perf_counter()
            list(pool.map(lambda block: np.dot(block, block), blocks))
            best = max(best, sum(block.nbytes for block in blocks) / (time.perf_counter() - start))
    return best


def peak_bytes() -> int:
    """Returns the most memory that this process has held so far; ``getrusage`` would begin with the peak of its
    parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def serve(name: str, folder: Path, cache: Path, threads: int, context: int, cache_mb: int) -> None:
    """Answers requests on standard input with Docent's engine, in a process of its own."""
    from benchmarks.engine.runtimes import kv_bytes, open_runtime, sized
    from engines.base import StepBatch
    from engines.model.checkpoint import Checkpoint
    from engines.page_size import PAGE_TOKENS

    checkpoint = Checkpoint(folder)
    page_bytes = 2 * kv_bytes(name) * checkpoint.config.num_layers * checkpoint.config.kv_size * PAGE_TOKENS
    pages = max(-(-context // PAGE_TOKENS), (cache_mb << 20) // page_bytes)
    idle = peak_bytes()
    runtime = sized(open_runtime(name, checkpoint, pages, context, threads=threads, cache=cache))
    table = np.arange(pages)[None]
    for page in range(pages):
        _write_page(runtime, page)

    def step(start: int, count: int) -> float:
        at = np.arange(start, start + count)
        began = time.perf_counter()
        batch = StepBatch(
            tokens=5 + at % 1000,
            positions=at,
            slots=at,
            sequence_starts=np.array([0, count]),
            context_lengths=np.array([start + count]),
            page_table=table[:, : -(-(start + count) // PAGE_TOKENS)],
            logits_for=np.array([count - 1]),
        )
        runtime.step(batch)
        return time.perf_counter() - began

    sizes = {"weight_bytes": runtime.weight_bytes, "cache_bytes": runtime.cache_bytes, "idle_bytes": idle}
    print(json.dumps(sizes), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        past, tokens = request["past"], request["tokens"]
        if past:
            step(0, past)
        seconds = [step(past, tokens)] if request["op"] == "prefill" else [step(past + i, 1) for i in range(tokens)]
        print(json.dumps({"seconds": seconds}), flush=True)
    print(json.dumps({"peak_bytes": peak_bytes()}), flush=True)


def _write_page(runtime: "Runtime", page: int) -> None:
    """Fills one page of the cache, so that the system hands out its memory."""
    from engines.base import StepBatch
    from engines.page_size import PAGE_TOKENS

    at = np.arange(PAGE_TOKENS)
    batch = StepBatch(
        tokens=5 + at,
        positions=at,
        slots=page * PAGE_TOKENS + at,
        sequence_starts=np.array([0, PAGE_TOKENS]),
        context_lengths=np.array([PAGE_TOKENS]),
        page_table=np.array([[page]]),
        logits_for=np.zeros(0, np.int64),
    )
    runtime.step(batch)


def measure(workers: Sequence[Worker], rounds: int, past: int) -> list[Side]:
    """Alternates between the workers; the first round warms up and does not count."""
    times: list[dict[str, list[float]]] = [{"prefill": [], "decode": []} for _ in workers]
    for round_number in range(rounds + 1):
        for op, tokens, before in (("prefill", PROMPT, 0), ("decode", ANSWER, past)):
            for worker, taken in zip(workers, times, strict=True):
                seconds = worker.ask(op, tokens, before)
                time.sleep(0.1)  # threads that spin for more work fall asleep
                if round_number:
                    taken[op].append(seconds)
    return [
        Side(PROMPT / statistics.median(t["prefill"]), 1 / statistics.median(t["decode"]), worker.close())
        for worker, t in zip(workers, times, strict=True)
    ]


def compare(name: str, arguments: argparse.Namespace, folder: Path) -> None:
    from engines.model.synthetic import SHAPES, write_checkpoint

    shape = SHAPES[name]
    checkpoint, cache = folder / name, folder / "cache"
    if not (checkpoint / "model.safetensors.index.json").exists():
        write_checkpoint(checkpoint, shape)
    threads, context = str(arguments.threads), str(arguments.context)
    options = [str(checkpoint), str(cache), threads, context, str(arguments.cache_mb)]
    ours = [[sys.executable, "-m", "benchmarks.engine.cpu", "--serve", name, *options] for name in arguments.runtimes]
    # First processes build; the others find the builds, so that their peak memory is that of running the model.
    for command in ours:
        Worker(command).close()
    workers = [Worker(command) for command in ours]
    if arguments.llama_python:
        (folder / f"{name}.json").write_text(json.dumps(asdict(shape)), encoding="utf-8")
        script = str(Path(__file__).with_name("llama_cpp_worker.py"))
        files = [str(folder / f"{name}.json"), str(folder / f"{name}.gguf")]
        workers.append(Worker([arguments.llama_python, script, *files, threads, context]))
    bandwidth = read_bandwidth(arguments.threads)
    sides = measure(workers, arguments.rounds, arguments.past)
    weights = workers[0].hello["weight_bytes"]
    print(f"{name}: {shape.parameters / 1e6:,.0f} M parameters, {weights / 1e6:,.0f} MB of weights")
    theirs = sides[-1] if arguments.llama_python else None
    for label, worker, side in zip(arguments.runtimes, workers, sides, strict=False):
        report(label, worker.hello, side, theirs, bandwidth)
    if theirs is not None:
        print(f"  {'llama.cpp':10} {_speeds(theirs)}")


def report(label: str, hello: dict[str, Any], ours: Side, theirs: Side | None, bandwidth: float) -> None:
    weights, cache = hello["weight_bytes"], hello["cache_bytes"]
    print(f"  {label:10} {_speeds(ours)}")
    if theirs is not None:
        prefill, decode = ours.prefill / theirs.prefill, ours.decode / theirs.decode
        print(f"  {'':10} prefill {prefill:7.2f} x llama.cpp's, decode {decode:6.2f} x")
    read = ours.decode * weights
    share = f"{read / bandwidth:.0%} of the {bandwidth / 1e9:.1f} GB/s measured"
    print(f"  {'':10} decode reads {read / 1e9:.1f} GB/s, {share}")
    above = ours.peak_bytes - hello["idle_bytes"]
    print(
        f"  {'':10} peak memory {ours.peak_bytes / (weights + cache):.2f} x (weights + {cache / 1e6:.0f} MB of cache),"
        f" {above / (weights + cache):.2f} x without the {hello['idle_bytes'] / 1e6:.0f} MB of an idle process"
    )


def _speeds(side: Side) -> str:
    return (
        f"prefill {side.prefill:7,.0f} tok/s   decode {side.decode:6.1f} tok/s   peak memory"
        f" {side.peak_bytes / 1e6:6,.0f} MB"
    )


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        name, folder, cache, threads, context, cache_mb = sys.argv[2:]
        serve(name, Path(folder), Path(cache), int(threads), int(context), int(cache_mb))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["100M", "1B", "3B"])
    parser.add_argument("--runtimes", nargs="+", default=["native", "onnx"], help="ours, in this order")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--past", type=int, default=64, help="tokens of context before decoding")
    parser.add_argument("--context", type=int, default=1024, help="longest context in tokens")
    parser.add_argument("--cache-mb", type=int, default=512, help="size of the KV cache, by default that of the app")
    parser.add_argument("--llama-python", help="a Python with llama-cpp-python and gguf")
    parser.add_argument("--folder", type=Path, help="where models are kept between runs")
    arguments = parser.parse_args()
    if not arguments.llama_python:
        print(f"llama.cpp is left out. To add it: {INSTALL}, then --llama-python other/bin/python\n")
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.shapes:
            compare(name, arguments, arguments.folder or Path(temporary))


if __name__ == "__main__":
    main()
