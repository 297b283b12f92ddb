"""Runs a program on several threads that go through its operations together."""

import contextlib
import ctypes
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from engines.runtimes.native.kernels.layout import SYNC_WORDS
from engines.runtimes.native.kernels.library import Library

_LINE_WORDS = 8  # of the cache
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


class Team:
    """``operations`` int64 [n, WORDS] and the words of a step, [STEP], may change between steps but not their places.
    Whoever calls ``run`` is one of the ``threads``; only one may at a time. The others end with ``close``, or when
    nobody refers to the team any longer."""

    def __init__(
        self, kernels: Library, operations: NDArray[np.int64], step: NDArray[np.int64], threads: int | None
    ) -> None:
        self.threads = count = threads or cores()
        room = np.zeros(SYNC_WORDS + _LINE_WORDS, np.int64)
        sync = room[-(room.ctypes.data // 8) % _LINE_WORDS :]
        memory = (operations.ctypes.data, len(operations), step.ctypes.data, sync.ctypes.data)
        # What the addresses stand for: kept by the threads too, as long as one works.
        self._kept = kept = (kernels, operations, step, room)

        def part(thread: int) -> Callable[[], None]:
            arguments = (*memory, thread, count, _yield_address())
            return lambda: kernels.run(*arguments)

        self._part, *others = (part(thread) for thread in range(count))
        self._starts = [threading.Semaphore(0) for _ in others]
        closed = threading.Event()
        for number, (start, other) in enumerate(zip(self._starts, others, strict=True), 1):
            arguments = (other, start, closed, kept)
            threading.Thread(target=_serve, args=arguments, name=f"kernels-{number}", daemon=True).start()
        self.close = weakref.finalize(self, _end, self._starts, closed)

    def run(self) -> None:
        """One step."""
        assert self.close.alive, "the team is closed: its threads would be waited for without end"
        for start in self._starts:
            start.release()
        self._part()


def _serve(part: Callable[[], None], start: threading.Semaphore, closed: threading.Event, kept: object) -> None:
    """A thread's life. All threads meet at the end of each operation, so a step ends for all of them at once."""
    while True:
        start.acquire()
        if closed.is_set():
            return
        part()


def _end(starts: list[threading.Semaphore], closed: threading.Event) -> None:
    closed.set()
    for start in starts:
        start.release()


def _yield_address() -> int:
    """Returns the address of the system's function by which a thread lets others run."""
    return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0


def cores(quota: Path = _QUOTA) -> int:
    """Those of the processor that this process may use: two threads of one core would wait for the same units, and
    threads beyond a container's share for each other. ``quota`` is the file in which Linux keeps that share."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = min(allowed, psutil.cpu_count(logical=False) or allowed)
    with contextlib.suppress(OSError, ValueError):
        share, period = quota.read_text(encoding="ascii").split()
        if share != "max":
            allowed = min(allowed, int(share) // int(period))
    return max(1, allowed)
