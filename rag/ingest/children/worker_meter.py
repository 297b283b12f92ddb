"""Measures what a child process uses for one file: processor time, memory, and how long it is waited for.

Limits count processor time, so that neither a busy computer nor a pause (Ctrl-Z, a laptop that sleeps) makes a good
file look like a bad one. What waits without computing, such as a drive that does not answer, is given up after a
multiple of that time, of which stopped processes and sleeping computers use none.
"""

import time
from typing import Literal

import psutil

PATIENCE = 5.0  # times the limit on processor time that a file is waited for
_LONGEST_STEP_S = 1.0  # between two looks; what is longer was a pause of this very process
_MIB = 1 << 20
# Stopped, or ready to compute on a busy computer; elsewhere than on Linux a process that waits may be called running.
_NOT_WAITING = frozenset(
    {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP} | ({psutil.STATUS_RUNNING} if psutil.LINUX else set())
)

Excess = Literal["time", "wait", "memory"]


class Meter:
    """What one process uses from now on. ``exceeded`` is to be asked several times a second."""

    def __init__(self, pid: int, seconds: float, memory_mb: float) -> None:
        """``seconds`` is the limit on processor time, ``memory_mb`` that on resident memory."""
        self._seconds = seconds
        self._memory_mb = memory_mb
        self._waited = 0.0  # seconds
        self._looked = time.monotonic()
        self._before = 0.0
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
            self._before = self._processor_time()
        except psutil.Error:
            self._process = None  # it has died: whoever waits for its reply learns that

    def exceeded(self) -> Excess | None:
        """Names the limit that is exceeded, if any."""
        now = time.monotonic()
        step, self._looked = min(now - self._looked, _LONGEST_STEP_S), now
        if self._process is None:
            return None
        try:
            with self._process.oneshot():
                if self._process.status() not in _NOT_WAITING:
                    self._waited += step
                if self._processor_time() - self._before > self._seconds:
                    return "time"
                if self._process.memory_info().rss > self._memory_mb * _MIB:
                    return "memory"
        except psutil.Error:
            return None
        return "wait" if self._waited > PATIENCE * self._seconds else None

    def _processor_time(self) -> float:
        assert self._process is not None
        used = self._process.cpu_times()
        return float(used.user + used.system)
