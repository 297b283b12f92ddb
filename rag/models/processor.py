"""The processor that the models compute on: how many cores it has, and who computes on them now.

More runs at once than there are cores take no less time altogether, need more memory, and keep those threads from a
core that have little to do and should do it soon, such as the one that answers requests.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache


@cache
def physical_cores() -> int:
    import psutil

    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


@cache
def turns() -> "Turns":
    """Those of this process: as many runs at once as there are cores."""
    return Turns(physical_cores())


class Turns:
    """So many at once, the others in the order in which they came. (With ``threading.Semaphore`` who comes back at once
    passes those that wait.)"""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for a turn, which ends with the block."""
        self._wait()
        try:
            yield
        finally:
            self._pass_on()

    def _wait(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Lock()
            called.acquire()
            self._waiting.append(called)
        try:
            called.acquire()
        except BaseException:  # Ctrl-C
            self._leave(called)
            raise

    def _leave(self, called: threading.Lock) -> None:
        with self._lock, suppress(ValueError):
            self._waiting.remove(called)
            return
        self._pass_on()  # it was called already

    def _pass_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
