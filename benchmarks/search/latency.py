"""Measures the time from a question to its hits in a library of 100,000 chunks, and the size of the index.

    python -m benchmarks.search.latency  # about three minutes, nearly all of it to make the library
    python -m benchmarks.search.latency --chunks 1000000 --keep /tmp/big     # keeps the library for the next run

The chunks are made up: words drawn from a Zipf distribution, unit vectors around 2,000 centres. The questions are ten
words of a chunk; they are embedded by the shipped model, and the vector of a chunk is mixed in so that the dense leg
has near neighbours to find, as it has in real text.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from rag.models.embedder import OnnxEmbedder
from rag.query.query import make_query
from rag.retrieve.retriever import Retriever
from rag.store.faiss_index import VectorIndex
from rag.store.library import Library
from rag.store.protocols import FileState
from rag.store.writer import LibraryWriter
from rag.types import Block, Chunk, ParsedDocument

CHUNKS_A_DOCUMENT = 100
WORDS_A_CHUNK = 150
VOCABULARY = 60_000
CENTRES = 2_000
MIB = 1 << 20


class Made:
    """Makes reproducible text and vectors."""

    def __init__(self, dimension: int) -> None:
        self.random = np.random.default_rng(11)
        letters = self.random.integers(97, 123, (VOCABULARY, 9)).astype(np.uint8)
        lengths = self.random.integers(3, 10, VOCABULARY)
        self.words = np.array([bytes(row[:n]).decode() for row, n in zip(letters, lengths, strict=True)])
        ranks = np.arange(1, VOCABULARY + 1)
        self.cumulative = np.cumsum(1 / ranks) / np.sum(1 / ranks)
        self.centres = self.random.normal(size=(CENTRES, dimension)).astype(np.float32)

    def text(self) -> str:
        picked = np.searchsorted(self.cumulative, self.random.random(WORDS_A_CHUNK))
        return " ".join(self.words[np.minimum(picked, VOCABULARY - 1)])

    def vectors(self, count: int) -> NDArray[np.float16]:
        rows = self.centres[self.random.integers(0, CENTRES, count)]
        noisy = rows + 0.6 * self.random.normal(size=rows.shape)
        return np.asarray(noisy / np.linalg.norm(noisy, axis=1, keepdims=True), dtype=np.float16)


class Steered:
    """The shipped embedder, whose query vector is moved towards a made-up chunk; the work is the same."""

    def __init__(self, embedder: OnnxEmbedder, made: Made) -> None:
        self._embedder, self._made = embedder, made
        self.name, self.dimension, self.max_tokens = embedder.name, embedder.dimension, embedder.max_tokens
        self.embed_passages, self.count_tokens = embedder.embed_passages, embedder.count_tokens
        self.counter = embedder.counter

    def embed_query(self, text: str) -> NDArray[np.float32]:
        vector = 0.3 * self._embedder.embed_query(text) + self._made.vectors(1)[0].astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def fill(library: Library, embedder: OnnxEmbedder, made: Made, chunks: int) -> None:
    writer = LibraryWriter(library)
    for first in range(0, chunks, CHUNKS_A_DOCUMENT):
        texts = [made.text() for _ in range(CHUNKS_A_DOCUMENT)]
        edges = np.cumsum([0] + [len(text) + 2 for text in texts]).tolist()
        pieces = [Chunk(0, n, edges[n], edges[n] + len(text), text) for n, text in enumerate(texts)]
        joined = "\n\n".join(texts)
        parsed = ParsedDocument(joined, (Block(0, len(joined)),), f"Document {first}", "text/plain")
        with writer.transaction():
            source = writer.add_source("folder", "/made")
            if first == 0:
                writer.change_embedder(embedder.name)
            file = FileState(source.id, f"/made/{first:08}.txt", len(joined), 0, str(first))
            contexts = [parsed.title] * len(pieces)
            writer.put_document(file, parsed, pieces, contexts, made.vectors(len(pieces)))
    writer.checkpoint()


def percentiles(milliseconds: list[float]) -> str:
    return f"p50 {np.percentile(milliseconds, 50):6.1f} ms   p95 {np.percentile(milliseconds, 95):6.1f} ms"


def timed(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Returns the time of each call in milliseconds."""
    started = clock()
    action()
    return (clock() - started) * 1e3


def measure(folder: Path, chunks: int, questions: int) -> None:
    embedder = OnnxEmbedder.load()
    made = Made(embedder.dimension)
    with Library.open(folder / "library.db") as library:
        if library.counts()["chunks"] != chunks:
            print(f"making {chunks:,} chunks: {timed(lambda: fill(library, embedder, made, chunks)) / 1e3:.0f} s")
        cache = folder / "vectors.faiss"
        index = VectorIndex(library, cache)
        before = psutil.Process().memory_info().rss
        print(f"index from the library: {timed(index.refresh):.0f} ms, clustered: {index.is_clustered}")
        print(f"index in memory: {(psutil.Process().memory_info().rss - before) / MIB:.0f} MiB")
        print(f"save: {timed(index.save):.0f} ms, load: {timed(VectorIndex(library, cache).refresh):.0f} ms")
        sizes = {name: (folder / name).stat().st_size / MIB for name in ("vectors.faiss", "library.db")}
        print("on disk: " + ", ".join(f"{name} {size:.0f} MiB" for name, size in sizes.items()))

        steered = Steered(embedder, made)
        retriever = Retriever(library, index, steered)
        asked = [" ".join(made.text().split()[:10]) for _ in range(questions)]
        retriever.search(make_query("warm up"), 10)
        legs: dict[str, Callable[[str], object]] = {
            "embed the question": steered.embed_query,
            "keyword search": lambda text: library.full_text_search(text, 50),
            "dense search": lambda text: index.search(vectors[text], 50),
            "embed + retrieve": lambda text: retriever.search(make_query(text), 10),
        }
        vectors = {text: steered.embed_query(text) for text in asked}
        print(f"{'':20}wall clock{'':27}processor time, which other processes disturb less")
        for name, leg in legs.items():
            wall, busy = (
                percentiles([timed(partial(leg, text), clock) for text in asked])
                for clock in (time.perf_counter, time.process_time)
            )
            print(f"{name:20}{wall}    {busy}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="folder for the library, kept and used again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(arguments.keep or Path(scratch), arguments.chunks, arguments.questions)


if __name__ == "__main__":
    main()
