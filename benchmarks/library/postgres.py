"""How fast and how exactly a library finds passages, on a PostgreSQL server or in a file.

python -m benchmarks.library.postgres --chunks 100000 --url postgresql://...
python -m benchmarks.library.postgres --chunks 100000

The database must be the caller's own and empty, or filled by this script, which measures it again then; without a URL
the library is a file, kept with --folder. Texts are passages of docs/, or 8,000 of a corpus (--corpus
../shared/data/corpus), with one changed number each, vectors those of the passages with noise (about 0.9 cosine),
questions their first words. Both hold the same. It prints the time to store and to index, the size on the disk, the
median and 95th percentile of search by vectors, by words, and of embedding and retrieving as a question does it, and
how many of the ten nearest by comparing every vector (numpy) are found. Measure a library in a second run: the one that
fills it holds copies.
"""

import argparse
import itertools
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.library import bulk
from benchmarks.library.bulk import numbered
from rag.models.embedder import OnnxEmbedder
from rag.query.query import make_query
from rag.retrieve.retriever import Retriever
from rag.store.opening import open_library
from rag.store.protocols import FileState, LibraryStore
from rag.types import Chunk, ParsedDocument
from training.data.corpus import read_jsonl

DOCS = Path(__file__).parents[2] / "docs"
QUERIES = 100
_NOISE = 0.5  # length of what is added to a vector of length 1
_OF_A_DOCUMENT = 100  # chunks
_PASSAGES = 8_000  # of a corpus
_DOCUMENTS_READ = 2_000  # of each of its files
_SHORTEST, _LONGEST = 200, 1200  # characters of a passage


def passages(corpus: Path | None) -> list[str]:
    """Paragraphs of 200 to 1,200 characters: of this documentation or, given a folder of ``*.jsonl.xz``, as many of
    each file, from all over it."""
    if corpus is None:
        return _paragraphs(path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md")))
    files = sorted(corpus.glob("*.jsonl.xz"))
    found: list[str] = []
    for path in files:
        own = _paragraphs(itertools.islice((text for _, text in read_jsonl(path)), _DOCUMENTS_READ))
        random.Random(0).shuffle(own)
        found += own[: _PASSAGES // len(files)]
    return found


def _paragraphs(texts: Iterable[str]) -> list[str]:
    parts = [part for text in texts for part in re.split(r"\n\s*\n", text)]
    lines = (line for part in parts for line in ([part] if len(part) <= _LONGEST else part.split("\n")))
    return list(dict.fromkeys(line for line in lines if _SHORTEST <= len(line) <= _LONGEST))


def made(count: int, vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """Which paragraphs ``count`` passages are copies of, and vectors of these, [count, dimension]."""
    generator = np.random.default_rng(0)
    chosen = generator.integers(len(vectors), size=count)
    noise = generator.normal(size=(count, vectors.shape[1])).astype(np.float32)
    near = vectors[chosen] + _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    return chosen, near.astype(np.float16)


def store(library: LibraryStore, texts: Sequence[str], vectors: NDArray[np.float16]) -> None:
    writer = library.writer()
    with writer.transaction():
        writer.change_embedder("benchmark")
        source = writer.add_source("folder", "/benchmark")
    for first in range(0, len(texts), _OF_A_DOCUMENT):
        some = slice(first, first + _OF_A_DOCUMENT)
        chunks, at = [], 0
        for ordinal, text in enumerate(texts[some]):
            chunks.append(Chunk(0, ordinal, at, at + len(text), text))
            at += len(text) + 1
        document = ParsedDocument("\n".join(texts[some]), (), "benchmark", "text/plain")
        with writer.transaction():
            file = FileState(source.id, f"/benchmark/{first}", at, 0, str(first))
            writer.put_document(file, document, chunks, [""] * len(chunks), vectors[some])


def timed(name: str, search: Callable[[int], object]) -> None:
    """Prints how long each question took, and the processor time of this process alone."""
    wall, busy = [], []
    for number in range(QUERIES):
        began, busy_before = time.perf_counter(), time.process_time()
        search(number)
        wall.append(1000 * (time.perf_counter() - began))
        busy.append(1000 * (time.process_time() - busy_before))
    (median, most), (own_median, own_most) = (np.percentile(times, (50, 95)) for times in (wall, busy))
    own = f"this process's processor time {own_median:.1f}, {own_most:.1f}"
    print(f"  {name}: median {median:.1f} ms, 95 % {most:.1f} ms ({own})", flush=True)


def filled(library: LibraryStore, fill: Callable[[], None]) -> tuple[float, float]:
    """Returns the seconds to fill a library, and those to index its vectors."""
    began = time.perf_counter()
    fill()
    stored = time.perf_counter()
    library.writer().checkpoint()
    index = library.vectors()
    index.refresh()
    index.save()
    return stored - began, time.perf_counter() - stored


def nearest(library: LibraryStore, queries: NDArray[np.float32], k: int) -> list[set[int]]:
    """The chunks of the ``k`` nearest vectors to each query, by comparing all."""
    ids = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for some, vectors in library.embeddings():
        ids = np.concatenate([ids, np.broadcast_to(some, (len(queries), len(some)))], axis=1)
        scores = np.concatenate([scores, queries @ vectors.astype(np.float32).T], axis=1)
        best = np.argpartition(-scores, min(k, scores.shape[1] - 1), axis=1)[:, :k]
        ids, scores = np.take_along_axis(ids, best, axis=1), np.take_along_axis(scores, best, axis=1)
    return [set(row) for row in ids.tolist()]


class Asked:
    """The shipped embedder, which gives a question the vector that is near a passage's; its work is the same."""

    def __init__(self, name: str | None, vectors: dict[str, NDArray[np.float32]]) -> None:
        self._embedder, self._vectors = OnnxEmbedder.load(), vectors
        self.name, self.dimension, self.max_tokens = name or "", self._embedder.dimension, self._embedder.max_tokens
        self.embed_passages, self.count_tokens = self._embedder.embed_passages, self._embedder.count_tokens
        self.counter = self._embedder.counter

    def embed_query(self, text: str) -> NDArray[np.float32]:
        self._embedder.embed_query(text)
        return self._vectors[text]


def asked(library: LibraryStore) -> dict[str, NDArray[np.float32]]:
    """Questions, the first words of passages, with vectors near theirs."""
    generator = np.random.default_rng(1)
    chosen = np.sort(generator.choice(library.chunk_ids(), QUERIES, replace=False)).tolist()
    vectors = np.concatenate([some for _, some in library.embeddings(chosen)]).astype(np.float32)
    noise = generator.normal(size=vectors.shape)
    queries = (vectors + _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    texts = (f"{' '.join(chunk.text.split()[:12])} {chunk.id}" for chunk, _ in library.chunks(chosen).values())
    return dict(zip(texts, queries, strict=True))


def measure(library: LibraryStore) -> None:
    print(f"  {library.size_bytes() / 1e6:.0f} MB, of the file or on the server; load {os.getloadavg()[0]:.1f}")
    before = psutil.Process().memory_info().rss
    index = library.vectors()
    index.refresh()
    print(f"  {(psutil.Process().memory_info().rss - before) / 1e6:.0f} MB of memory for the index of vectors")
    by_question = asked(library)
    questions, queries = list(by_question), np.stack(list(by_question.values()))
    exact = nearest(library, queries, 10)
    found = [{id_ for id_, _ in index.search(query, 100)[:10]} for query in queries]
    recall = sum(len(one & other) for one, other in zip(exact, found, strict=True)) / (10 * QUERIES)
    print(f"  recall@10 {recall:.3f}")
    timed("100 nearest", lambda number: index.search(queries[number], 100))
    timed("100 by words", lambda number: library.full_text_search(questions[number], 100))
    retriever = Retriever(library, index, Asked(library.embedder_name, by_question))
    retriever.search(make_query(questions[0]), 10)
    timed("embed + retrieve", lambda number: retriever.search(make_query(questions[number]), 10))
    print(f"  {psutil.Process().memory_info().rss / 1e6:.0f} MB of memory in all; load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", help="postgresql://...; a file without it")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where the file is kept")
    parser.add_argument("--corpus", type=Path, help="a folder of *.jsonl.xz to take passages from instead of docs/")
    parser.add_argument("--bulk", action="store_true", help="fill the server by COPY")
    arguments = parser.parse_args()
    name = "PostgreSQL" if arguments.url else "SQLite and FAISS"
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_library((arguments.folder or Path(folder)) / "library.db", arguments.url)) as library,
    ):
        if not library.counts()["chunks"]:
            store_s, index_s = filled(library, partial(fill, library, arguments))
            print(
                f"{name}: {arguments.chunks:,} chunks stored in {store_s:.0f} s, indexed in {index_s:.0f} s", flush=True
            )
        measure(library)


def fill(library: LibraryStore, arguments: argparse.Namespace) -> None:
    base = passages(arguments.corpus)
    chosen, vectors = made(arguments.chunks, OnnxEmbedder.load(None, None).embed_passages(base))
    if arguments.bulk:
        bulk.fill(arguments.url, base, chosen, vectors, _OF_A_DOCUMENT)
    else:
        store(library, [numbered(base[index], number) for number, index in enumerate(chosen)], vectors)


if __name__ == "__main__":
    main()
