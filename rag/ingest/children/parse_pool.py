"""Parses and chunks files in child processes, so that a hostile or broken file costs itself alone.

Results come in the order in which files are finished; each process has a thread of its own (``parse_process.py``), and
one more watches their time and memory.
"""

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from rag.errors import ClusterError
from rag.ingest.children.parse_job import Chunking, OnProgress, ParseLimits, ParseResult
from rag.ingest.children.parse_process import ParseProcess
from rag.ingest.children.scratch import sweep

_POLL_S = 0.1  # how often time and memory are looked at
_MIB = 1 << 20


class ParseWorker(Protocol):
    """Parses one file after the other; ``parse`` is called on a thread of its own, the rest on others."""

    @property
    def is_lost(self) -> bool:
        """Whether it can parse no more, through no fault of a file."""
        ...

    def parse(self, path: str, size: int) -> ParseResult: ...

    def enforce(self) -> None:
        """Called every ``_POLL_S`` seconds."""
        ...

    def kill_if_busy(self) -> None:
        """Ends what is being read, if anything; nothing is tried again afterwards."""
        ...

    def stop(self) -> None: ...


class ParsePool:
    """Holds the limits, the name of the parser and the folder for temporary files (None: the system's); processes live
    only while ``parse_all`` runs."""

    def __init__(
        self,
        limits: ParseLimits | None = None,
        parser_module: str = "rag.parsers.registry",
        temporary: Path | None = None,
    ) -> None:
        self.limits = limits or ParseLimits()
        self.parser_module = parser_module
        self.temporary = temporary

    @property
    def workers(self) -> int:
        return self.limits.workers or min(4, os.cpu_count() or 1)

    def make_worker(self, chunking: Chunking, on_progress: OnProgress) -> ParseWorker:
        """A worker, which does nothing before its first file. ``on_progress`` is called on any thread."""
        return ParseProcess(self.limits, self.parser_module, self.temporary, chunking, on_progress)

    def parse_all(
        self,
        files: Iterable[tuple[str, int]],
        chunking: Chunking,
        cancel: threading.Event,
        on_idle: Callable[[], None] = lambda: None,
        on_progress: OnProgress = lambda path, done, total: None,
    ) -> Generator[ParseResult, None, None]:
        """Parses (path, size in bytes) pairs, which are drawn as they are needed. Whoever takes a document closes it.
        ``on_idle`` is called while none is finished, ``on_progress`` now and then for one that takes long; both on this
        thread.

        Setting ``cancel`` kills what is being parsed and ends the iteration; so does closing the iterator. Nothing else
        may parse with the same folder for temporary files meanwhile.
        """
        sweep(self.temporary)
        run = _Run(self, chunking, cancel, on_idle, on_progress)
        try:
            yield from run.results(iter(files))
        finally:
            run.stop()


class _Run:
    """One use of the pool: a thread for each worker, and one that watches time and memory."""

    def __init__(
        self,
        pool: ParsePool,
        chunking: Chunking,
        cancel: threading.Event,
        on_idle: Callable[[], None],
        on_progress: OnProgress,
    ) -> None:
        self._limits = pool.limits
        self._cancel = cancel
        self._on_idle = on_idle
        self._on_progress = on_progress
        self._tasks: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[ParseResult | tuple[str, int, int] | BaseException] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._workers = [pool.make_worker(chunking, self._note) for _ in range(pool.workers)]
        self._threads: list[threading.Thread] = []
        self._lost = 0
        self._counting = threading.Lock()

    def results(self, files: Iterator[tuple[str, int]]) -> Iterator[ParseResult]:
        in_flight: dict[str, int] = {}
        upcoming = next(files, None)
        while (upcoming or in_flight) and not self._cancel.is_set():
            while upcoming and self._has_room(in_flight, upcoming[1]):
                self._hand_out(upcoming)
                in_flight[upcoming[0]] = upcoming[1]
                upcoming = next(files, None)
            try:
                result = self._done.get(timeout=_POLL_S)
            except queue.Empty:
                self._on_idle()
                continue
            if isinstance(result, BaseException):
                raise result
            if isinstance(result, tuple):
                self._on_progress(*result)
                continue
            del in_flight[result.path]
            yield result

    def _note(self, path: str, done: int, total: int) -> None:
        self._done.put((path, done, total))

    def _has_room(self, in_flight: dict[str, int], size: int) -> bool:
        if not in_flight:
            return True
        bytes_in_flight = sum(in_flight.values()) + size
        return len(in_flight) < 4 * len(self._workers) and bytes_in_flight <= self._limits.in_flight_mb * _MIB

    def _hand_out(self, task: tuple[str, int]) -> None:
        if not self._threads:
            self._threads.append(threading.Thread(target=self._watch, name="docent-parse-watch", daemon=True))
            self._threads[0].start()
        if len(self._threads) <= len(self._workers):  # no more processes than there are files
            worker = self._workers[len(self._threads) - 1]
            self._threads.append(threading.Thread(target=self._serve, args=(worker,), name="docent-parse", daemon=True))
            self._threads[-1].start()
        self._tasks.put(task)

    def _serve(self, worker: ParseWorker) -> None:
        while not worker.is_lost and (task := self._tasks.get()) is not None and not self._stopped.is_set():
            path, size = task
            try:
                self._done.put(worker.parse(path, size))
            except BaseException as defect:  # noqa: BLE001 - the edge of this thread: raised again where results are taken
                self._done.put(defect)
        worker.stop()
        if worker.is_lost:
            with self._counting:
                self._lost += 1
                if self._lost == len(self._threads) - 1:  # all that have begun: nobody takes what is handed out
                    self._done.put(ClusterError("No worker is left to read documents.", "Sync again to go on."))

    def _watch(self) -> None:
        while not self._stopped.wait(_POLL_S):
            for worker in self._workers:
                worker.enforce()

    def stop(self) -> None:
        self._stopped.set()
        for worker in self._workers:
            self._tasks.put(None)
            worker.kill_if_busy()
        for thread in self._threads:
            thread.join()
        while not self._done.empty():
            left = self._done.get()
            if isinstance(left, ParseResult) and left.document is not None:
                left.document.close()
