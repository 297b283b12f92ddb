"""Finds the nearest chunks to a query vector with FAISS.

The index is held in memory, cached in a file, and derived from the library alone. Embeddings are unit vectors, so that
the inner product is the cosine. The library is the truth: ``refresh`` compares chunk ids with it, adds what is new and
removes what is gone. A cache file that is missing, damaged, of another embedder or of another library is dropped and
the index built anew.

Up to CLUSTERED_FROM chunks every vector is compared (16-bit floats, exact); above that the vectors are clustered and a
search looks into the nearest clusters. A search with a filter always looks everywhere, so it never misses an allowed
chunk. Vectors of two embedders are never mixed: when the library changes its embedder, the index starts anew. All
methods may be called from several threads.
"""

import json
import logging
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import faiss as _typed_faiss
import numpy as np
from numpy.typing import NDArray

from files import replacing

# FAISS describes only half of its Python interface, so its types would reject correct calls.
faiss: Any = _typed_faiss

_log = logging.getLogger(__name__)

CLUSTERED_FROM = 300_000  # chunks; up to it a full scan takes at most 15 ms on one core (benchmarks/search/latency.py)
_CLUSTERS_PROBED = 24
_TRAINING_POINTS = 40  # a cluster; FAISS warns below 39
_REBUILD_SHARE = 0.5  # of the index: removing more than that costs more than building it anew
_PROBES = 32  # vectors whose checksums in the cache file tell whether it belongs to this library

_MAGIC = b"DOCENTV1"
_TRAILER = struct.Struct("<I8s")  # length of the JSON stamp before it, magic
_BLOCK = 1 << 20

Ids = NDArray[np.int64]


class VectorSource(Protocol):
    """The part of ``rag.store.library.Library`` that the index reads."""

    @property
    def generation(self) -> int: ...
    @property
    def embedder_name(self) -> str | None: ...
    def chunk_ids(self) -> Ids: ...
    def embeddings(self, ids: Sequence[int] | None = None) -> Iterator[tuple[Ids, NDArray[np.float16]]]: ...


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What the end of a cache file says about the index before it. ``probes`` maps chunk ids to checksums."""

    generation: int
    embedder: str
    count: int
    checksum: int
    probes: list[tuple[int, int]]


class VectorIndex:
    """Dense retrieval. Call ``refresh`` before searching; it is cheap when nothing has changed."""

    def __init__(self, library: VectorSource, cache_path: Path | None, *, clustered_from: int = CLUSTERED_FROM) -> None:
        """Without a ``cache_path`` the index is kept in memory only."""
        self._library = library
        self._cache_path = cache_path
        self._clustered_from = clustered_from
        self._lock = threading.RLock()
        self._index: Any = None
        self._ids: Ids = np.empty(0, dtype=np.int64)  # sorted
        self._generation = -1
        self._embedder: str | None = None
        self._cache_tried = False
        self._saved_generation = -1

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def embedder_name(self) -> str | None:
        """The name of the embedder whose vectors the index holds; None while it is empty."""
        return self._embedder if len(self) else None

    @property
    def is_clustered(self) -> bool:
        return isinstance(self._index, faiss.IndexIVF)

    def refresh(self) -> None:
        """Brings the index in line with the library."""
        with self._lock:
            self._load_once()
            generation, embedder = self._library.generation, self._library.embedder_name
            if generation == self._generation and embedder == self._embedder:
                return
            if embedder != self._embedder:
                self._clear()
            wanted = self._library.chunk_ids()
            gone = np.setdiff1d(self._ids, wanted, assume_unique=True)
            new = np.setdiff1d(wanted, self._ids, assume_unique=True)
            if len(gone) >= _REBUILD_SHARE * len(self._ids) or self._misfits(len(wanted)):
                self._rebuild(wanted)
            else:
                self._remove(gone)
                for ids, vectors in self._library.embeddings(new.tolist()) if len(new) else ():
                    self._add(ids, vectors)
            if not self.is_clustered and len(self._ids) > self._clustered_from:
                self._rebuild(self._ids)
            self._generation, self._embedder = generation, embedder

    def search(self, query: NDArray[np.float32], k: int, allowed: Ids | None = None) -> list[tuple[int, float]]:
        """Returns the ``k`` nearest chunks as (chunk id, cosine), best first; of ``allowed`` only, when given."""
        with self._lock:
            k = min(k, len(self._ids) if allowed is None else len(allowed))
            if k <= 0 or self._index is None or not len(self._ids):
                return []
            assert query.shape == (self._index.d,), "the query comes from another embedder than the index"
            row = np.ascontiguousarray(query[None], dtype=np.float32)
            # A second thread gains little for one query, and waiting for it on a busy machine costs more than the scan.
            faiss.omp_set_num_threads(1)
            scores, ids = self._index.search(row, k, params=self._parameters(allowed))
        found = [(int(id_), float(score)) for id_, score in zip(ids[0], scores[0], strict=True) if id_ >= 0]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def save(self) -> None:
        """Writes the cache file, whole or not at all, if the index has changed since it was read or written."""
        with self._lock:
            if self._cache_path is None or self._index is None or self._saved_generation == self._generation:
                return
            assert self._embedder is not None, "an index with vectors has an embedder"
            with replacing(self._cache_path) as temporary, temporary.open("wb") as file:
                checksum = _write_index(self._index, file)
                stamp = _Stamp(self._generation, self._embedder, len(self), checksum, self._probe(self._ids))
                encoded = json.dumps(asdict(stamp)).encode()
                file.write(encoded + _TRAILER.pack(len(encoded), _MAGIC))
            self._saved_generation = self._generation

    # -- the cache file ------------------------------------------------------------------------------------------------

    def _load_once(self) -> None:
        if self._cache_tried or self._cache_path is None:
            return
        self._cache_tried = True
        try:
            stamp, index = _read_cache(self._cache_path)
            if stamp.embedder != self._library.embedder_name or stamp.generation > self._library.generation:
                raise _UnusableCacheError("it was made for other vectors")
            if not self._is_of_this_library(stamp):
                raise _UnusableCacheError("it was made for another library")
        except FileNotFoundError:
            return
        except (_UnusableCacheError, OSError) as error:
            _log.info("Building the vector index anew; %s cannot be used: %s", self._cache_path, error)
            return
        self._index, self._ids = index, _ids_in(index)
        self._generation = self._saved_generation = stamp.generation
        self._embedder = stamp.embedder

    def _probe(self, ids: Ids) -> list[tuple[int, int]]:
        """Returns checksums of the vectors of some chunks spread over ``ids``, as the library holds them."""
        step = max(1, len(ids) // _PROBES)
        sample = ids[::step].tolist()
        batches = self._library.embeddings(sample)
        return [
            (int(id_), zlib.crc32(vector.tobytes())) for batch in batches for id_, vector in zip(*batch, strict=True)
        ]

    def _is_of_this_library(self, stamp: _Stamp) -> bool:
        """Compares checksums of vectors: chunk ids of two libraries are alike, their vectors are not."""
        there = dict(self._probe(np.array([id_ for id_, _ in stamp.probes], dtype=np.int64)))
        known = [there[id_] == checksum for id_, checksum in stamp.probes if id_ in there]
        return bool(known) and all(known)

    # -- changes -------------------------------------------------------------------------------------------------------

    def _clear(self) -> None:
        self._index, self._ids = None, np.empty(0, dtype=np.int64)

    def _misfits(self, count: int) -> bool:
        """Tells whether the clusters no longer suit that many chunks, with slack against going back and forth."""
        if not self.is_clustered:
            return False
        return count < self._clustered_from // 2 or count > 8 * int(self._index.nlist) ** 2

    def _rebuild(self, wanted: Ids) -> None:
        self._clear()
        if len(wanted) > self._clustered_from:
            self._index = self._new_clustered(wanted)
        for ids, vectors in self._library.embeddings():
            self._add(ids, vectors)

    def _new_clustered(self, wanted: Ids) -> Any:
        """Returns an empty clustered index trained on a sample of the library; None while most of it waits for its
        vectors.
        """
        clusters = 1 << round(np.log2(np.sqrt(len(wanted))))
        sample = np.random.default_rng(0).choice(wanted, min(len(wanted), _TRAINING_POINTS * clusters), replace=False)
        batches = [vectors.astype(np.float32) for _, vectors in self._library.embeddings(sample.tolist())]
        if sum(map(len, batches)) < _TRAINING_POINTS * clusters // 2:
            return None
        training = np.concatenate(batches)
        dimension = training.shape[1]
        coarse = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFScalarQuantizer(
            coarse, dimension, clusters, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        )
        index.cp.niter = 8
        index.cp.min_points_per_centroid = 1  # half of the sample may be waiting for its vectors
        index.cp.spherical = True
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        index.train(training)
        return index

    def _add(self, ids: Ids, vectors: NDArray[np.float16]) -> None:
        if self._index is None:
            flat = faiss.IndexScalarQuantizer(
                vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            )
            self._index = faiss.IndexIDMap(flat)
        assert vectors.shape[1] == self._index.d, "vectors of two embedders in one library"
        self._index.add_with_ids(vectors.astype(np.float32), ids)
        self._ids = np.union1d(self._ids, ids)

    def _remove(self, ids: Ids) -> None:
        if len(ids):
            self._index.remove_ids(faiss.IDSelectorBatch(ids))
            self._ids = np.setdiff1d(self._ids, ids, assume_unique=True)

    def _parameters(self, allowed: Ids | None) -> Any:
        selector = None if allowed is None else _selector(allowed)
        if self.is_clustered:
            probed = _CLUSTERS_PROBED if selector is None else self._index.nlist
            return faiss.SearchParametersIVF(sel=selector, nprobe=min(probed, self._index.nlist))
        return None if selector is None else faiss.SearchParameters(sel=selector)


def _selector(allowed: Ids) -> Any:
    """Makes a selector of one bit a chunk id: testing an id costs the same however many are allowed."""
    bits = np.zeros(int(allowed.max()) + 1, dtype=bool)
    bits[allowed] = True
    return faiss.IDSelectorBitmap(np.packbits(bits, bitorder="little"))


# -- files ---------------------------------------------------------------------------------------------------------


class _UnusableCacheError(Exception):
    """The cache file must be built anew; the text says why."""


def _write_index(index: Any, file: BinaryIO) -> int:
    """Streams the index into ``file`` and returns the checksum of what was written."""
    checksum = 0

    def write(block: bytes) -> None:
        nonlocal checksum
        checksum = zlib.crc32(block, checksum)
        file.write(block)

    faiss.write_index(index, faiss.PyCallbackIOWriter(write, _BLOCK))
    return checksum


def _read_cache(path: Path) -> tuple[_Stamp, Any]:
    """Reads the cache file. Raises FileNotFoundError, OSError or _UnusableCacheError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        stamp, length = _read_stamp(file, size)
        file.seek(0)
        # FAISS trusts what it reads, down to sizes of arrays, so nothing reaches it unchecked.
        if _checksum(file, length) != stamp.checksum:
            raise _UnusableCacheError("its checksum is wrong")
        file.seek(0)
        try:
            index = faiss.read_index(faiss.PyCallbackIOReader(_limited(file, length), _BLOCK))
        except RuntimeError as error:
            raise _UnusableCacheError("FAISS does not know its format") from error
    if index.ntotal != stamp.count:
        raise _UnusableCacheError("it holds another number of vectors than it says")
    return stamp, index


def _read_stamp(file: BinaryIO, size: int) -> tuple[_Stamp, int]:
    """Returns the stamp at the end of the file and the number of bytes of the index before it."""
    if size < _TRAILER.size:
        raise _UnusableCacheError("it is cut short")
    file.seek(size - _TRAILER.size)
    stamp_length, magic = _TRAILER.unpack(file.read(_TRAILER.size))
    length = size - _TRAILER.size - stamp_length
    if magic != _MAGIC or length < 0:
        raise _UnusableCacheError("it has no stamp")
    file.seek(length)
    try:
        fields = json.loads(file.read(stamp_length))
        return _Stamp(**{**fields, "probes": [tuple(probe) for probe in fields["probes"]]}), length
    except (ValueError, TypeError, KeyError) as error:
        raise _UnusableCacheError("its stamp is damaged") from error


def _limited(file: BinaryIO, length: int) -> Callable[[int], bytes]:
    """Returns a ``file.read`` that ends after ``length`` bytes."""
    left = length

    def read(size: int) -> bytes:
        nonlocal left
        block = file.read(min(size, left))
        left -= len(block)
        return block

    return read


def _checksum(file: BinaryIO, length: int) -> int:
    read = _limited(file, length)
    checksum = 0
    while block := read(_BLOCK):
        checksum = zlib.crc32(block, checksum)
    return checksum


def _ids_in(index: Any) -> Ids:
    """Returns the ids that an index holds, ascending."""
    if isinstance(index, faiss.IndexIVF):
        lists = index.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(n), lists.list_size(n)).copy()
            for n in range(index.nlist)
            if lists.list_size(n)
        ]
        ids = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    else:
        ids = faiss.vector_to_array(index.id_map)
    return np.asarray(np.sort(ids), dtype=np.int64)
