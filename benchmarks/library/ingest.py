"""python -m benchmarks.library.ingest [--folder FOLDER] [--small-files N] [--threads N] [--card] [--json]

Measures how fast the whole pipeline takes documents in (parse, chunk, embed, store), how long the second sync of
unchanged files takes, and how much memory the process and its parsers need at most. Two folders: real reports (any
folder of documents; pages are counted where the format has pages), and small files that it writes itself. The library
goes to a temporary folder; nothing else is written. With ``--card`` an NVIDIA card embeds.
"""

import argparse
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from app.models.encoders import CardEncoders
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncReport, SyncSettings
from rag.models.embedder import OnnxEmbedder
from rag.store.library import Library

_DEFAULT_FOLDER = Path("../shared/data/qa/sec-10-q")
_MIB = 1 << 20
_WORDS = (
    "harbour lantern keeper signal winter boat ledger coal oil glass tide storm reef rope letter visit repair paint "
    "engine wick shore gull cliff path garden stone window stair clock weather report supply order invoice account"
)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    files: int
    pages: int
    chunks: int
    seconds: float
    pages_per_s: float
    chunks_per_s: float
    second_sync_s: float
    peak_mib: float
    parent_mib: float
    library_mib: float


class PeakMemory:
    """The largest resident size of this process and its children, sampled, while the context is open."""

    def __enter__(self) -> "PeakMemory":
        self.total_mib = self.parent_mib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        parent = psutil.Process()
        while not self._stop.wait(0.05):
            own = parent.memory_info().rss / _MIB
            children = 0.0
            for child in parent.children(recursive=True):
                try:
                    children += child.memory_info().rss / _MIB
                except psutil.Error:
                    continue
            self.parent_mib = max(self.parent_mib, own)
            self.total_mib = max(self.total_mib, own + children)


def measure(what: str, folder: Path, embedder: OnnxEmbedder) -> Row:
    with tempfile.TemporaryDirectory() as data, Library.open(Path(data) / "library.db") as library:
        syncer = Syncer(library, embedder, ParsePool(), SyncSettings())
        syncer.add(str(folder))
        with PeakMemory() as memory:
            first, seconds = _timed(syncer.run)
        second, second_seconds = _timed(syncer.run)
        assert second.counts["unchanged"] == sum(first.counts[status] for status in ("ok", "failed", "skipped"))
        pages = _pages(library)
        return Row(
            what=what,
            files=first.counts["ok"],
            pages=pages,
            chunks=first.counts["chunks"],
            seconds=seconds,
            pages_per_s=pages / seconds,
            chunks_per_s=first.counts["chunks"] / seconds,
            second_sync_s=second_seconds,
            peak_mib=memory.total_mib,
            parent_mib=memory.parent_mib,
            library_mib=library.path.stat().st_size / _MIB,
        )


def _timed(run: Callable[[], SyncReport]) -> tuple[SyncReport, float]:
    began = time.perf_counter()
    report = run()
    return report, time.perf_counter() - began


def _pages(library: Library) -> int:
    pages = 0
    for document in library.documents():
        found = [chunk.page for chunk in library.chunk_range(document.id, 0, document.chunks) if chunk.page]
        pages += max(found, default=0)
    return pages


def write_small_files(folder: Path, count: int) -> None:
    """Notes of 20 to 120 words in a hundred subfolders, the same at every run."""
    rng, words = random.Random(7), _WORDS.split()
    for number in range(count):
        path = folder / f"{number % 100:02d}" / f"note {number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = [rng.choice(words) for _ in range(rng.randrange(20, 120))]
        path.write_text(f"Note {number}. " + " ".join(text) + ".\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help=f"documents to read (default: {_DEFAULT_FOLDER}, if it is there)")
    parser.add_argument("--small-files", type=int, default=10_000, help="0 leaves this part out")
    parser.add_argument("--threads", type=int, help="that embed on the processor (default: one a physical core)")
    parser.add_argument("--card", action="store_true", help="embed on an NVIDIA card")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    folder: Path | None = arguments.folder or (_DEFAULT_FOLDER if _DEFAULT_FOLDER.is_dir() else None)
    builds = tempfile.TemporaryDirectory()
    cards = CardEncoders(Path(builds.name)) if arguments.card else None
    embedder = OnnxEmbedder.load(threads=arguments.threads, on_card=cards.sentences if cards else None)
    if cards is not None and cards.card is None:
        raise SystemExit("No card computes the embedder here; the log says why.")
    rows = []
    if folder is not None:
        rows.append(measure(folder.name, folder, embedder))
    if arguments.small_files:
        with tempfile.TemporaryDirectory() as small:
            write_small_files(Path(small), arguments.small_files)
            rows.append(measure(f"{arguments.small_files:,} small files", Path(small), embedder))
    if arguments.json:
        print(json.dumps({"cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}))
        return
    print_table(rows)


def print_table(rows: Sequence[Row]) -> None:
    columns: dict[str, Callable[[Row], str]] = {
        "": lambda row: row.what,
        "files": lambda row: f"{row.files:,}",
        "pages": lambda row: f"{row.pages:,}",
        "chunks": lambda row: f"{row.chunks:,}",
        "seconds": lambda row: f"{row.seconds:.1f}",
        "pages/s": lambda row: f"{row.pages_per_s:.1f}",
        "chunks/s": lambda row: f"{row.chunks_per_s:.1f}",
        "second sync, s": lambda row: f"{row.second_sync_s:.3f}",
        "peak MiB": lambda row: f"{row.peak_mib:.0f}",
        "of which parent": lambda row: f"{row.parent_mib:.0f}",
        "library MiB": lambda row: f"{row.library_mib:.1f}",
    }
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for row in rows:
        print("| " + " | ".join(cell(row) for cell in columns.values()) + " |")


if __name__ == "__main__":
    main()
