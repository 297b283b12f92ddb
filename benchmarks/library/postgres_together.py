"""Many Docents that write and read one library on a PostgreSQL server at once.

python -m benchmarks.library.postgres_together --url postgresql://... --seconds 120

The database must be empty and the caller's own. Each writer is a process that syncs a folder of its own over and over:
documents are added, replaced and removed. Readers are threads of further processes that search by vectors and by words.
In the end every document must be there once, with the text its writer gave it last, and the library must be whole. It
prints how many of each there were, the median and the 99th percentile of their times, errors, and what is wrong.
"""

import argparse
import multiprocessing
import random
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import LibraryLocked
from rag.store.opening import open_library
from rag.store.protocols import FileState, LibraryStore
from rag.types import Chunk, ParsedDocument

DIMENSION = 384
WORDS = [f"word{number}" for number in range(5000)]
_OF_A_SYNC = 10  # changes
_FILES = 60  # of a folder
_CHUNKS = 8  # of a document
_THREADS = 4  # of a process of readers


def text_of(random_: random.Random) -> list[str]:
    return [" ".join(random_.choices(WORDS, k=60)) for _ in range(_CHUNKS)]


def write(url: str, number: int, seconds: float, results: Any) -> None:
    """One writer. Puts ("write", times, kept texts by path, errors) into ``results``."""
    random_, vectors = random.Random(number), np.random.default_rng(number)
    kept: dict[str, str] = {}
    times, errors = [], Counter[str]()
    folder = f"/together/{number}"
    with closing(open_library(Path(), url)) as library:
        writer = library.writer()
        with writer.transaction():
            if library.embedder_name is None:
                writer.change_embedder("benchmark")
            source = writer.add_source("folder", folder)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with library.writing(30, [source]):
                for _ in range(_OF_A_SYNC):
                    path = f"{folder}/{random_.randrange(_FILES)}.txt"
                    began = time.perf_counter()
                    try:
                        if path in kept and random_.random() < 0.2:
                            found = library.document_at(path)
                            assert found is not None
                            with writer.transaction():
                                writer.delete([found.id])
                            del kept[path]
                        else:
                            parts = text_of(random_)
                            some = vectors.normal(size=(len(parts), DIMENSION)).astype(np.float16)
                            chunks, at = [], 0
                            for ordinal, part in enumerate(parts):
                                chunks.append(Chunk(0, ordinal, at, at + len(part), part))
                                at += len(part) + 1
                            whole = "\n".join(parts)
                            with writer.transaction():
                                file = FileState(source.id, path, at, 0, str(hash(whole)))
                                document = ParsedDocument(whole, (), path, "text/plain")
                                writer.put_document(file, document, chunks, [""] * len(parts), some)
                            kept[path] = whole
                    except LibraryLocked as error:  # a deadlock, undone by the server
                        errors[str(error)] += 1
                    times.append(time.perf_counter() - began)
                writer.checkpoint()
    results.put(("write", times, kept, errors))


def read(url: str, number: int, seconds: float, results: Any) -> None:
    """A process of readers. Puts ("read", times, {}, errors) into ``results``."""
    times, errors = list[float](), Counter[str]()
    with closing(open_library(Path(), url)) as library:

        def reader(seed: int) -> None:
            random_, vectors = random.Random(seed), np.random.default_rng(seed)
            index = library.vectors()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                began = time.perf_counter()
                nearest = index.search(vectors.normal(size=DIMENSION).astype(np.float32), 50)
                hits = library.full_text_search(" ".join(random_.sample(WORDS, 4)), 50)
                library.chunks([id_ for id_, _ in nearest[:10] + hits[:10]])
                times.append(time.perf_counter() - began)

        running = [threading.Thread(target=reader, args=(1000 * number + seed,)) for seed in range(_THREADS)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    results.put(("read", times, {}, errors))


def wrong(library: LibraryStore, kept: dict[str, str]) -> list[str]:
    """What the library holds otherwise than its writers left it. Raises LibraryError where it is not whole."""
    library.check()
    documents = library.documents()
    there = Counter(document.path for document in documents)
    found = [f"{path} is there {count} times" for path, count in there.items() if count != 1 or path not in kept]
    found += [f"{path} is lost" for path in kept if path not in there]
    for document in documents:
        if library.document_text(document.id) != kept.get(document.path):
            found.append(f"{document.path} has another text")
        if len(library.chunk_range(document.id, 0, 10**6)) != _CHUNKS:
            found.append(f"{document.path} has other passages")
    return found


def shown(times: list[float]) -> str:
    middle, last = np.percentile(times, [50, 99])
    return f"{len(times):,}, median {1000 * middle:.0f} ms, 99 % {1000 * last:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--readers", type=int, default=32, help="threads")
    arguments = parser.parse_args()
    url, seconds = arguments.url, arguments.seconds
    with closing(open_library(Path(), url)):
        pass  # the tables are there
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    given = [(write, (url, number, seconds, results)) for number in range(arguments.writers)]
    given += [(read, (url, number, seconds, results)) for number in range(arguments.readers // _THREADS)]
    processes = [context.Process(target=target, args=some) for target, some in given]
    for process in processes:
        process.start()
    times: dict[str, list[float]] = {"write": [], "read": []}
    kept: dict[str, str] = {}
    errors = Counter[str]()
    for _ in processes:
        kind, some, texts, failed = results.get(timeout=seconds + 120)
        times[kind] += some
        kept |= texts
        errors += failed
    for process in processes:
        process.join()
    with closing(open_library(Path(), url)) as library:
        found = wrong(library, kept)
    print(f"changes: {shown(times['write'])}")
    print(f"searches by vectors and words: {shown(times['read'])}")
    print(f"{len(kept):,} documents in the end; told to try again: {dict(errors)}; wrong: {found or 'nothing'}")


if __name__ == "__main__":
    main()
