"""Measures a sync by the workers of a Ray cluster against one by this computer's own processes.

    ray start --head --num-cpus=2 --include-dashboard=false
    python -m benchmarks.library.cluster FOLDER --ray 127.0.0.1:6379 [--rounds 2]
    ray stop

FOLDER is read into fresh libraries with the shipped embedder, turn by turn, each time by as many workers as the cluster
has processors (here: as many parsing processes and threads that embed). The time is that of the sync alone, with its
workers to be started; the embedder here is open already, those of the workers are opened within the time.
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.cluster.pool import connected
from rag.ingest.sync import Syncer, SyncReport, SyncSettings
from rag.models.embedder import OnnxEmbedder
from rag.store.library import Library


def sync(folder: Path, embedder: OnnxEmbedder, pool: ParsePool) -> tuple[float, SyncReport]:
    with tempfile.TemporaryDirectory() as temporary, Library.open(Path(temporary) / "library.db") as library:
        syncer = Syncer(library, embedder, pool, SyncSettings())
        syncer.add(str(folder))
        began = time.perf_counter()
        report = syncer.run()
        return time.perf_counter() - began, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ray", required=True, metavar="ADDRESS")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    make = partial(OnnxEmbedder.load, threads=1)
    with connected(arguments.ray, ParseLimits(), make, OnnxEmbedder.load().name) as cluster:
        workers = cluster.workers
        embedder, here = OnnxEmbedder.load(threads=workers), ParsePool(ParseLimits(workers=workers))
        times: dict[str, list[float]] = {"here": [], "cluster": []}
        for _ in range(arguments.rounds):
            for name, pool in (("here", here), ("cluster", cluster)):
                seconds, report = sync(arguments.folder, embedder, pool)
                times[name].append(seconds)
                print(f"{name}: {seconds:.1f} s, {report.counts['ok']} documents, {report.counts['chunks']} passages")
    medians = {name: statistics.median(own) for name, own in times.items()}
    print(f"{workers} workers: the cluster takes {medians['cluster'] / medians['here']:.2f} times as long")


if __name__ == "__main__":
    main()
