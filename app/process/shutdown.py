"""Ends the process in time, and without aborting its threads.

The interpreter ends a daemon thread when the thread next returns from native code; inside ONNX Runtime that unwinds
C++ frames that forbid it, and the process aborts ("terminate called without an active exception"). So a process that
had threads at work waits for them, and what does not end in time is left to the operating system instead.
"""

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

_WAIT_S = 4.0
_asked_to_end = threading.Event()
_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last one is Windows' (Ctrl-Break)


class EndSignals:
    """Hears the signals that ask a server to end.

    The first one calls ``asked``; from then on the process has ``within_s`` seconds, after which it ends whatever its
    threads do, and ``log`` tells where each of them was. A second signal ends it at once.
    """

    def __init__(self, asked: Callable[[], None], log: Path, within_s: float) -> None:
        self.heard: signal.Signals | None = None
        self._asked = asked
        self._log = log
        self._within_s = within_s

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hears signals while it is open. After one has come, the operating system handles the next also afterwards."""
        numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        before = {number: signal.signal(number, self._hear) for number in numbers}
        try:
            yield
        finally:
            if self.heard is None:
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _hear(self, number: int, _: object) -> None:
        self.heard = signal.Signals(number)
        _asked_to_end.set()
        for name in _SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_DFL)
        self._end_in_time()
        self._asked()

    def _end_in_time(self) -> None:
        # Its thread needs no lock of the interpreter, which a thread in native code may hold for ever.
        try:
            log = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError:
            log = os.open(os.devnull, os.O_WRONLY)
        faulthandler.dump_traceback_later(self._within_s, exit=True, file=log)


def run_and_leave(command: Callable[[], object], wait_s: float = _WAIT_S) -> NoReturn:
    """Runs ``command``, waits up to ``wait_s`` seconds for Docent's threads and ends with the command's exit code."""
    code = 0
    try:
        command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    try:
        busy = _still_busy(wait_s)
    except KeyboardInterrupt:  # whoever presses Ctrl-C again does not want to wait
        busy = True
    if busy or _asked_to_end.is_set():  # a server has closed everything; taking the interpreter apart takes time
        logging.shutdown()
        with contextlib.suppress(OSError, ValueError):  # a pipe that nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _still_busy(wait_s: float) -> bool:
    """Returns whether one of Docent's background threads is still at work after ``wait_s`` seconds.

    Those of requests (AnyIO's) end once their work is done; the interpreter would wait for them without a limit."""
    until = time.monotonic() + wait_s
    threads = [
        thread
        for thread in threading.enumerate()
        if (thread.daemon and thread.name.startswith("docent-")) or thread.name.startswith("AnyIO")
    ]
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return any(thread.is_alive() for thread in threads)
