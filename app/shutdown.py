"""Ends the process without aborting its threads.

The interpreter ends a daemon thread when the thread next returns from native code; inside ONNX Runtime that unwinds
C++ frames that forbid it, and the process aborts ("terminate called without an active exception"). So a process that
had threads at work waits for them, and what does not end in time is left to the operating system instead.
"""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

_WAIT_S = 5.0


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
    if busy:
        logging.shutdown()
        with contextlib.suppress(OSError, ValueError):  # a pipe that nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _still_busy(wait_s: float) -> bool:
    """Returns whether one of Docent's background threads is still at work after ``wait_s`` seconds."""
    until = time.monotonic() + wait_s
    threads = [thread for thread in threading.enumerate() if thread.daemon and thread.name.startswith("docent-")]
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return any(thread.is_alive() for thread in threads)
