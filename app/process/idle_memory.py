"""Gives memory that work has freed back to the system: large pieces at once, the rest when nothing is being done.

ONNX Runtime keeps what the models' runs took (``rag.models.run_memory``). glibc keeps what was freed in the heaps of
the threads that took it, in holes between what is still in use, so a server looks as large as its busiest moment for
good. ``malloc_trim`` gives whole pages of such holes back. A large piece has a mapping of its own, which goes back when
it is freed; but once such have been freed, glibc takes more of that size from its heaps. Other C libraries give memory
back by themselves.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Callable

_LOOK_S = 2.0
_IDLE_SHARE = 0.1  # of a processor, between two looks
_WORTH_S = 1.0  # of processor time since the last time
_LARGE_BYTES = 1 << 20  # of a piece that gets a mapping of its own, and of free memory at a heap's end
_HEAPS = 4  # that threads share
# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


class IdleMemory:
    """Calls ``give_back`` when the process has worked and is idle again. Use it as a context manager."""

    def __init__(
        self,
        give_back: Callable[[], None],
        *,
        look_s: float = _LOOK_S,
        worth_s: float = _WORTH_S,
        processor_s: Callable[[], float] = time.process_time,
    ) -> None:
        """``processor_s`` tells the processor time used so far."""
        self._give_back = give_back
        self._look_s = look_s
        self._worth_s = worth_s
        self._processor_s = processor_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="docent-memory", daemon=True)

    def _run(self) -> None:
        given_back_at = before = self._processor_s()
        while not self._stop.wait(self._look_s):
            now = self._processor_s()
            is_idle = now - before <= _IDLE_SHARE * self._look_s
            before = now
            if is_idle and now - given_back_at >= self._worth_s:
                self._give_back()
                given_back_at = self._processor_s()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def keep_heaps_small() -> None:
    """Has glibc map large pieces by themselves for good, and its threads share few heaps; nothing elsewhere. To be
    called before threads are started: what has a heap keeps it."""
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl
        return
    for option, value in (
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, _LARGE_BYTES),
        (_M_ARENA_MAX, _HEAPS),
    ):
        mallopt(option, value)


def give_back_all() -> None:
    """Gives back what the models' runs hold, then what is free in glibc's heaps."""
    from rag.models import run_memory

    run_memory.give_back()
    trim = heap_trimmer()
    if trim is not None:
        trim()


def heap_trimmer() -> Callable[[], None] | None:
    """What gives glibc's free memory back; None with another C library."""
    if sys.platform != "linux":
        return None
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # musl
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return lambda: trim(0)
