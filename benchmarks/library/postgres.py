"""How fast and how exactly a library finds passages, on a PostgreSQL server or in a file.

python -m benchmarks.library.postgres --chunks 100000 --url postgresql://...
python -m benchmarks.library.postgres --chunks 100000

The database must be the caller's own and empty, or filled by this script, which measures it again then; without a URL
the library is a file, kept with --folder. Texts are passages of docs/ with
one changed number each, vectors those of the passages with noise (about 0.9 cosine), questions their first words. Both
hold the same. It prints the time to store and to index, the size on the disk, the median and 95th percentile of search
by vectors, by words, and of both as a question does them (50 each, and the passages read), and how many of the ten
nearest by comparing every vector (numpy) are found.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.library import bulk
from benchmarks.library.bulk import numbered
from rag.models.embedder import OnnxEmbedder
from rag.store.opening import open_library
from rag.store.protocols import FileState, LibraryStore
from rag.types import Chunk, ParsedDocument

DOCS = Path(__file__).parents[2] / "docs"
QUERIES = 100
_BLOCK = 50_000  # vectors compared at once
_NOISE = 0.5  # length of what is added to a vector of length 1
_OF_A_DOCUMENT = 100  # chunks


def passages() -> list[str]:
    """Paragraphs of the documentation, 200 to 1,200 characters."""
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md")))
    return [part for part in re.split(r"\n\s*\n", text) if 200 <= len(part) <= 1200]


def made(count: int, vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """Which paragraphs ``count`` passages are copies of, and vectors of these, [count, dimension]."""
    random = np.random.default_rng(0)
    chosen = random.integers(len(vectors), size=count)
    noise = random.normal(size=(count, vectors.shape[1])).astype(np.float32)
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


def timed(search: Callable[[int], object]) -> str:
    times = []
    for number in range(QUERIES):
        began = time.perf_counter()
        search(number)
        times.append(1000 * (time.perf_counter() - began))
    return f"median {statistics.median(times):.1f} ms, 95 % {np.percentile(times, 95):.1f} ms"


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


def nearest(vectors: NDArray[np.float16], queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The rows of the ``k`` nearest by comparing all, [queries, k]."""
    blocks = range(0, len(vectors), _BLOCK)
    near = np.concatenate([vectors[at : at + _BLOCK].astype(np.float32) @ queries.T for at in blocks])
    return np.argpartition(-near, k, axis=0)[:k].T


def measure(library: LibraryStore, texts: Sequence[str], vectors: NDArray[np.float16]) -> None:
    print(f"  {library.size_bytes() / 1e6:.0f} MB, of the file or on the server")
    index = library.vectors()
    index.refresh()
    random = np.random.default_rng(1)
    asked = random.integers(len(texts), size=QUERIES)
    noise = random.normal(size=(QUERIES, vectors.shape[1]))
    queries = (vectors[asked] + _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    exact = [set(ids) for ids in library.chunk_ids()[nearest(vectors, queries, 10)].tolist()]
    found = [{id_ for id_, _ in index.search(query, 100)[:10]} for query in queries]
    recall = sum(len(one & other) for one, other in zip(exact, found, strict=True)) / (10 * QUERIES)
    print(f"  recall@10 {recall:.3f}; 100 nearest: {timed(lambda number: index.search(queries[number], 100))}")
    questions = [" ".join(texts[number].split()[:12]) for number in asked]
    print(f"  100 by words: {timed(lambda number: library.full_text_search(questions[number], 100))}")

    def retrieve(number: int) -> None:
        hits = index.search(queries[number], 50) + library.full_text_search(questions[number], 50)
        library.chunks([id_ for id_, _ in hits])

    print(f"  50 by vectors and 50 by words, with their passages: {timed(retrieve)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", help="postgresql://...; a file without it")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where the file is kept")
    parser.add_argument("--bulk", action="store_true", help="fill the server by COPY")
    arguments = parser.parse_args()
    base = passages()
    chosen, vectors = made(arguments.chunks, OnnxEmbedder.load(None, None).embed_passages(base))
    texts = [numbered(base[index], number) for number, index in enumerate(chosen)]
    name = "PostgreSQL" if arguments.url else "SQLite and FAISS"

    def fill() -> None:
        if arguments.bulk:
            bulk.fill(arguments.url, base, chosen, vectors, _OF_A_DOCUMENT)
        else:
            store(library, texts, vectors)

    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_library((arguments.folder or Path(folder)) / "library.db", arguments.url)) as library,
    ):
        if not library.counts()["chunks"]:
            store_s, index_s = filled(library, fill)
            print(f"{name}: {len(texts):,} chunks stored in {store_s:.0f} s, indexed in {index_s:.0f} s", flush=True)
        measure(library, texts, vectors)


if __name__ == "__main__":
    main()
