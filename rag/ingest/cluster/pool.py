"""A parse pool whose workers run on a Ray cluster: one for each processor that it has, and one writer here.

Files are handed out as to child processes, a bounded number and size at a time, so what waits stays bounded. A worker
that is lost (its computer, its process) is started again where there is room, and its file given to it anew; without
room the others go on with the rest, and the sync reads that file again at its end. Nothing is stored before it has
arrived here whole, so nothing is lost or stored twice.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docent
from docent import cause_of, install_extra
from rag.errors import ClusterError
from rag.ingest.children.parse_job import Chunking, OnProgress, ParseLimits, ParseResult
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.cluster.worker import ClusterWorker, MakeEmbedder, Packed

_TRIES = 3  # of a file whose worker is lost, one after the other
_REACH_S = 5.0
_START_S = 60.0  # in which a worker must have begun
_STOP_S = 5.0  # for a worker to delete its files
_ASK_S = 1.0  # between two looks at how far a file is
_LOST = "The worker that read it was lost; the next sync tries again."


@contextlib.contextmanager
def connected(
    address: str,
    limits: ParseLimits,
    make_embedder: MakeEmbedder,
    embedder_name: str,
    *,
    parser_module: str = "rag.parsers.registry",
    temporary: Path | None = None,
) -> Iterator["ClusterPool"]:
    """A pool on the cluster at ``address`` (HOST:PORT of its head for a computer of the cluster, ray://HOST:PORT from
    outside), as long as the context lasts. ``make_embedder`` is called on the workers and must give the embedder named
    ``embedder_name``; ``temporary`` is where large documents wait on this computer.

    Raises ClusterError where Ray is not installed or the cluster cannot be reached.
    """
    try:
        import ray
    except ModuleNotFoundError:
        raise ClusterError("Reading on a cluster needs the package ray.", f"{install_extra('ray')} adds it.") from None
    _reach(address)
    try:
        ray.init(address=address, namespace="docent", log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RaySystemError) as error:
        raise _unreachable(address, error) from error
    try:
        yield ClusterPool(limits, make_embedder, embedder_name, parser_module, temporary)
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises ClusterError where nobody listens, which Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_REACH_S):
            return
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> ClusterError:
    return ClusterError(
        f"There is no Ray cluster at {address} ({cause_of(error)}).",
        "Start one with `ray start --head`, with the same versions of Python and Ray, and name its HOST:PORT.",
    )


class ClusterPool(ParsePool):
    """Made by ``connected``. ``limits.workers`` is the number of workers; 0: one for each processor of the cluster."""

    def __init__(
        self,
        limits: ParseLimits,
        make_embedder: MakeEmbedder,
        embedder_name: str,
        parser_module: str,
        temporary: Path | None,
    ) -> None:
        super().__init__(limits, parser_module, temporary)
        self.make_embedder = make_embedder
        self.embedder_name = embedder_name

    @property
    def workers(self) -> int:
        import ray

        return self.limits.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def make_worker(self, chunking: Chunking, on_progress: OnProgress) -> "RemoteWorker":
        return RemoteWorker(self, chunking, on_progress)


class RemoteWorker:
    """A ``ParseWorker`` whose work a ``ClusterWorker`` does, started with the first file."""

    def __init__(self, pool: ClusterPool, chunking: Chunking, on_progress: OnProgress) -> None:
        self._pool = pool
        self._chunking = chunking
        self._on_progress = on_progress
        self._lock = threading.Lock()  # between the thread that serves and those that watch and end it
        self._actor: Any = None  # a handle of a ClusterWorker
        self._cancelled = False
        self._since: float | None = None  # when a file was begun, or last asked about
        self._asked: Any = None  # the answer to come on how far the file is
        self.is_lost = False

    def parse(self, path: str, size: int) -> ParseResult:
        import ray

        self._since = time.monotonic()
        try:
            for _ in range(_TRIES):
                actor = self._started()
                if actor is None:
                    break
                try:
                    packed: Packed = ray.get(actor.parse.remote(path, size))
                except ray.exceptions.RayTaskError as error:
                    raise ClusterError(f"A worker failed ({error.cause}).", "Sync again to go on.") from error
                except ray.exceptions.RayError:
                    self._end()
                    continue
                return packed.unpacked(self._pool.temporary)
        finally:
            self._since = self._asked = None
        return ParseResult(path, interrupted=_LOST)

    def _started(self) -> Any:
        """The actor, which is started where there is none; None where it cannot be, or is not wanted any more."""
        import ray

        with self._lock:
            if self._cancelled or self._actor is not None:
                return None if self._cancelled else self._actor
            pool = self._pool
            remote = ray.remote(ClusterWorker).options(num_cpus=1, max_concurrency=2)
            actor = self._actor = remote.remote(pool.limits, pool.parser_module, self._chunking, pool.make_embedder)
        try:
            version, embedder = ray.get(actor.ready.remote(), timeout=_START_S)
        except ray.exceptions.RayTaskError as error:
            raise ClusterError(
                f"A worker cannot begin ({error.cause}).", "It needs the same models as here."
            ) from error
        except ray.exceptions.RayError:  # nowhere to run within the time
            self._end()
            self.is_lost = not self._cancelled
            return None
        if (version, embedder) != (docent.__version__, self._pool.embedder_name):
            raise ClusterError(
                f"A worker has Docent {version} with the embedder {embedder}.",
                f"Install Docent {docent.__version__} there, with the embedder {self._pool.embedder_name}.",
            )
        return actor

    def enforce(self) -> None:
        """Asks how far a file is that takes long; its limits are kept where it is read."""
        import ray

        with self._lock:
            actor, since = self._actor, self._since
        if actor is None or since is None or time.monotonic() - since < _ASK_S:
            return
        if self._asked is None:
            self._asked = actor.progress.remote()
            return
        if ray.wait([self._asked], timeout=0)[0]:
            with contextlib.suppress(ray.exceptions.RayError):
                path, done, total = ray.get(self._asked)
                if total:
                    self._on_progress(path, done, total)
            self._asked = None
            self._since = time.monotonic()

    def kill_if_busy(self) -> None:
        with self._lock:
            self._cancelled = True
        self._end()

    def stop(self) -> None:
        import ray

        with self._lock:
            actor = self._actor
        if actor is not None:
            with contextlib.suppress(ray.exceptions.RayError):  # it is ended anyhow, and its files swept there later
                ray.get(actor.stop.remote(), timeout=_STOP_S)
        self._end()

    def _end(self) -> None:
        import ray

        with self._lock:
            actor, self._actor = self._actor, None
        if actor is not None:
            ray.kill(actor)
