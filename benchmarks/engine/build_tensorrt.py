"""python -m benchmarks.engine.build_tensorrt [--shape 7B] [--group 128] [--workers N] [--json]

Measures how long TensorRT engines of a whole model take to build on this machine's processor, how much memory the
process and its children need at most, and how large the engines are next to the checkpoint. The weights are random INT4
with zero points, written to a temporary folder. Needs no card; nothing is run. Needs the extra gpu.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from engines.model.synthetic import SHAPES, write_checkpoint
from engines.runtimes.tensorrt.build import build_model, find_compiler

_GIB = 1 << 30
_SAMPLE_S = 0.05


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    shape: str
    library: str
    subgraphs: int
    workers: int
    seconds: float
    cpu_s: float
    second_start_s: float
    peak_gib: float
    checkpoint_gib: float
    engines_gib: float


class PeakMemory:
    """The largest sum of the proportional set sizes (shared pages divided among their users) of this process and its
    children, sampled, while the context is open."""

    def __enter__(self) -> "PeakMemory":
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        this = psutil.Process()
        while not self._stop.wait(_SAMPLE_S):
            self.bytes = max(self.bytes, sum(_used(process) for process in [this, *this.children(recursive=True)]))


def _used(process: psutil.Process) -> int:
    try:
        # Mapped files (the checkpoint, the graph's weights) can be dropped at any time, but count here.
        info = process.memory_full_info()
        return int(getattr(info, "pss", info.uss))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def measure(name: str, group: int, workers: int | None) -> Row:
    """Writes a checkpoint, builds it, and opens the finished build again."""
    compiler = find_compiler()
    with tempfile.TemporaryDirectory(prefix="docent-build-") as temporary:
        model, cache = Path(temporary, "model"), Path(temporary, "cache")
        write_checkpoint(model, SHAPES[name], group=group)
        workers = workers or min(os.cpu_count() or 1, 8)
        start, cpu = time.perf_counter(), _cpu_seconds()
        with PeakMemory() as peak:
            build = build_model(model, cache, _show, workers=workers, compiler=compiler)
        built, cpu = time.perf_counter(), _cpu_seconds() - cpu
        build_model(model, cache, workers=workers, compiler=compiler)
        again = time.perf_counter()
        engines = list(build.folder.glob("*.engine"))
        return Row(
            name,
            f"{compiler.name} {compiler.version}",
            len(engines),
            workers,
            built - start,
            cpu,
            again - built,
            peak.bytes / _GIB,
            sum(path.stat().st_size for path in model.iterdir()) / _GIB,
            sum(path.stat().st_size for path in engines) / _GIB,
        )


def _cpu_seconds() -> float:
    """Returns the processor time of this process and its finished children, which a busy machine hardly changes."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _show(done: int, total: int) -> None:
    print(f"\r{done}/{total} subgraphs", end="" if done < total else "\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="7B")
    parser.add_argument("--group", type=int, default=128)
    parser.add_argument("--workers", type=int, help="processes that build at once; one for each core if left out")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    row = measure(arguments.shape, arguments.group, arguments.workers)
    if arguments.json:
        print(json.dumps(asdict(row), indent=1))
        return
    cells = {
        "shape": row.shape,
        "library": row.library,
        "subgraphs": f"{row.subgraphs}",
        "processes": f"{row.workers}",
        "build s": f"{row.seconds:.1f}",
        "CPU s": f"{row.cpu_s:.1f}",
        "reopen s": f"{row.second_start_s:.1f}",
        "peak GiB": f"{row.peak_gib:.2f}",
        "checkpoint GiB": f"{row.checkpoint_gib:.2f}",
        "engines GiB": f"{row.engines_gib:.2f}",
    }
    for line in (list(cells), ["---"] * len(cells), list(cells.values())):
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
