"""The vector index against plain NumPy, over a fake library."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.store.faiss_index import VectorIndex

DIMENSION = 16


class FakeLibrary:
    """Chunk ids and vectors behind the methods of Library that the index reads."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.centres = self.random.normal(size=(40, DIMENSION))
        self.vectors: dict[int, NDArray[np.float16]] = {}
        self.pending: set[int] = set()
        self.next_id = 1
        self.generation = 0
        self.embedder_name: str | None = "one"
        self.fetched = 0

    def make(self, count: int) -> NDArray[np.float16]:
        rows = self.centres[self.random.integers(0, 40, count)] + 0.3 * self.random.normal(size=(count, DIMENSION))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)

    def add(self, count: int) -> None:
        for vector in self.make(count):
            self.vectors[self.next_id] = vector
            self.next_id += 1
        self.generation += 1

    def remove(self, ids: Sequence[int]) -> None:
        for id_ in ids:
            del self.vectors[id_]
        self.generation += 1

    def chunk_ids(self) -> NDArray[np.int64]:
        return np.array(sorted(self.vectors), dtype=np.int64)

    def embeddings(self, ids: Sequence[int] | None = None) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
        known = sorted(self.vectors if ids is None else set(ids) & set(self.vectors))
        known = [id_ for id_ in known if id_ not in self.pending]
        self.fetched += len(known)
        for first in range(0, len(known), 100):
            batch = known[first : first + 100]
            yield np.array(batch, dtype=np.int64), np.stack([self.vectors[id_] for id_ in batch])

    def nearest(self, query: NDArray[np.float32], k: int, allowed: Sequence[int] | None = None) -> list[int]:
        ids = np.array(sorted(set(self.vectors if allowed is None else allowed) - self.pending))
        scores = np.stack([self.vectors[id_] for id_ in ids]).astype(np.float32) @ query
        return [int(id_) for id_ in ids[np.argsort(-scores, kind="stable")[:k]]]

    def query(self) -> NDArray[np.float32]:
        return self.make(1)[0].astype(np.float32)


def found(index: VectorIndex, query: NDArray[np.float32], k: int, allowed: Sequence[int] | None = None) -> list[int]:
    ids = None if allowed is None else np.array(sorted(allowed), dtype=np.int64)
    return [id_ for id_, _ in index.search(query, k, ids)]


@pytest.fixture
def library() -> FakeLibrary:
    library = FakeLibrary()
    library.add(500)
    return library


def test_finds_what_an_exact_search_finds(library: FakeLibrary) -> None:
    index = VectorIndex(library, None)
    index.refresh()
    for _ in range(20):
        query = library.query()
        results = index.search(query, 10, None)
        assert [id_ for id_, _ in results] == library.nearest(query, 10)
        for id_, score in results:
            assert score == pytest.approx(float(library.vectors[id_].astype(np.float32) @ query), abs=2e-3)


def test_an_empty_library_finds_nothing() -> None:
    index = VectorIndex(FakeLibrary(), None)
    index.refresh()
    assert index.search(np.ones(DIMENSION, dtype=np.float32), 5) == []
    assert (len(index), index.embedder_name) == (0, None)


def test_more_asked_than_there_is(library: FakeLibrary) -> None:
    index = VectorIndex(library, None)
    index.refresh()
    assert len(index.search(library.query(), 10_000)) == 500
    assert index.search(library.query(), 0) == []


def test_a_filter_allows_only_its_chunks(library: FakeLibrary) -> None:
    index = VectorIndex(library, None)
    index.refresh()
    query = library.query()
    for allowed in ([3], list(range(100, 140)), list(range(1, 500, 7))):
        assert found(index, query, 10, allowed) == library.nearest(query, 10, allowed)
    assert found(index, query, 10, []) == []
    assert found(index, query, 10, [9_999_999]) == []


def test_refresh_follows_additions_and_removals_without_reading_the_rest(library: FakeLibrary) -> None:
    index = VectorIndex(library, None)
    index.refresh()
    library.fetched = 0
    library.add(20)
    library.remove([2, 5, 500])
    index.refresh()
    assert library.fetched == 20
    for _ in range(10):
        query = library.query()
        assert found(index, query, 30) == library.nearest(query, 30)


def test_removing_most_of_it(library: FakeLibrary) -> None:
    index = VectorIndex(library, None)
    index.refresh()
    library.remove(list(range(1, 490)))
    index.refresh()
    query = library.query()
    assert found(index, query, 50) == library.nearest(query, 50)
    library.remove(list(library.vectors))
    index.refresh()
    assert index.search(query, 5) == []


def test_chunks_that_wait_for_their_vector_come_later(library: FakeLibrary) -> None:
    library.pending = set(range(1, 100))
    index = VectorIndex(library, None)
    index.refresh()
    assert len(index) == 401
    library.pending = set()
    library.generation += 1
    index.refresh()
    query = library.query()
    assert found(index, query, 20) == library.nearest(query, 20)


def test_another_embedder_replaces_every_vector(library: FakeLibrary) -> None:
    index = VectorIndex(library, None)
    index.refresh()
    library.embedder_name = "two"
    library.vectors = {id_: np.flip(vector) for id_, vector in library.vectors.items()}
    library.generation += 1
    index.refresh()
    assert index.embedder_name == "two"
    query = library.query()
    assert found(index, query, 20) == library.nearest(query, 20)


@pytest.mark.parametrize("clustered_from", [10**9, 300])
def test_the_cache_file_spares_reading_the_library(tmp_path: Path, library: FakeLibrary, clustered_from: int) -> None:
    path = tmp_path / "deep" / "vectors.faiss"
    first = VectorIndex(library, path, clustered_from=clustered_from)
    first.refresh()
    first.save()
    library.fetched = 0
    library.remove([7])
    library.add(3)
    second = VectorIndex(library, path, clustered_from=clustered_from)
    second.refresh()
    assert library.fetched < 50
    query = library.query()
    everything = sorted(library.vectors)
    assert found(second, query, 20, everything) == library.nearest(query, 20)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not an index",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
        lambda content: content[:-60] + b"x" + content[-59:],
        lambda content: content + b"more",
    ],
)
def test_a_damaged_cache_file_is_built_anew(tmp_path: Path, library: FakeLibrary, damage: object) -> None:
    path = tmp_path / "vectors.faiss"
    index = VectorIndex(library, path)
    index.refresh()
    index.save()
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    again = VectorIndex(library, path)
    again.refresh()
    query = library.query()
    assert found(again, query, 20) == library.nearest(query, 20)
    library.add(1)
    again.refresh()
    again.save()
    library.fetched = 0
    VectorIndex(library, path).refresh()
    assert library.fetched < 50


def test_the_cache_of_another_library_is_not_used(tmp_path: Path, library: FakeLibrary) -> None:
    path = tmp_path / "vectors.faiss"
    index = VectorIndex(library, path)
    index.refresh()
    index.save()
    other = FakeLibrary(seed=1)  # the same ids, generation and embedder; other vectors
    other.add(500)
    index = VectorIndex(other, path)
    index.refresh()
    query = other.query()
    assert found(index, query, 20) == other.nearest(query, 20)


def test_the_cache_of_another_embedder_is_not_used(tmp_path: Path, library: FakeLibrary) -> None:
    path = tmp_path / "vectors.faiss"
    index = VectorIndex(library, path)
    index.refresh()
    index.save()
    library.embedder_name = "two"
    library.vectors = {id_: library.make(1)[0] for id_ in library.vectors}
    index = VectorIndex(library, path)
    index.refresh()
    query = library.query()
    assert found(index, query, 20) == library.nearest(query, 20)


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, library: FakeLibrary) -> None:
    path = tmp_path / "vectors.faiss"
    path.mkdir()  # a file cannot replace a folder
    index = VectorIndex(library, path)
    index.refresh()
    with pytest.raises(OSError, match=r"vectors\.faiss"):
        index.save()
    assert list(tmp_path.iterdir()) == [path]


def test_clusters_take_over_when_the_library_is_large() -> None:
    library = FakeLibrary()
    library.add(3000)
    index = VectorIndex(library, None, clustered_from=2000)
    index.refresh()
    assert index.is_clustered
    shared = 0
    for _ in range(30):
        query = library.query()
        shared += len(set(found(index, query, 10)) & set(library.nearest(query, 10)))
        allowed = list(range(1, 3000, 11))
        assert found(index, query, 10, allowed) == library.nearest(query, 10, allowed)
    assert shared >= 0.95 * 300
    library.remove(list(range(1, 200)))
    library.add(100)
    index.refresh()
    everything = sorted(library.vectors)
    query = library.query()
    assert found(index, query, 10, everything) == library.nearest(query, 10)


def test_growing_past_the_limit_changes_the_kind_of_index(library: FakeLibrary) -> None:
    index = VectorIndex(library, None, clustered_from=600)
    index.refresh()
    assert not index.is_clustered
    library.add(150)
    index.refresh()
    assert index.is_clustered
    library.remove(list(range(1, 520)))
    index.refresh()
    assert not index.is_clustered
    query = library.query()
    assert found(index, query, 10) == library.nearest(query, 10)


def test_a_large_library_is_clustered_once_enough_of_it_has_vectors() -> None:
    library = FakeLibrary()
    library.add(3000)
    library.pending = set(range(300, 3001))
    index = VectorIndex(library, None, clustered_from=1000)
    index.refresh()
    assert (index.is_clustered, len(index)) == (False, 299)
    library.fetched = 0
    library.pending = set(range(320, 3001))
    library.generation += 1
    index.refresh()
    assert library.fetched == 20
    library.pending = set(range(1500, 3001))
    library.generation += 1
    index.refresh()
    assert (index.is_clustered, len(index)) == (True, 1499)
    library.pending = set()
    library.generation += 1
    index.refresh()
    query = library.query()
    assert found(index, query, 10, sorted(library.vectors)) == library.nearest(query, 10)


def test_searches_and_refreshes_from_many_threads(library: FakeLibrary) -> None:
    index = VectorIndex(library, None)
    index.refresh()
    query = library.query()
    failures: list[BaseException] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        try:
            for _ in range(20):
                if number == 0:
                    with lock:
                        library.add(5)
                        index.refresh()
                assert len(index.search(query, 10)) == 10
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert found(index, query, 20) == library.nearest(query, 20)
