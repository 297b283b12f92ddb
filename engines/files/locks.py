"""One process at a time for work that leaves files behind: building, downloading, quantising a model.

The operating system frees the lock when its holder dies, however that happens. Nothing is left beside the work.
"""

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.errors import EngineError

_log = logging.getLogger(__name__)


class AlreadyAtWork(EngineError):
    """Another process, or another thread of this one, does the same work at this moment."""


@contextmanager
def exclusive(path: Path, doing: str, wait_s: float = 0.0) -> Iterator[None]:
    """Holds the lock file ``path``, waiting up to ``wait_s``. ``doing`` completes "Another Docent is ..." in the error,
    an AlreadyAtWork. Raises OSError where the file cannot be made."""
    from filelock import FileLock, Timeout  # brings asyncio along, and most starts lock nothing

    lock = FileLock(path, thread_local=False)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if wait_s <= 0:
                raise
            _log.warning("Waiting: another Docent is %s", doing)
            lock.acquire(timeout=wait_s)
    except Timeout:
        raise AlreadyAtWork(f"Another Docent is {doing}.", "Wait until it has finished, then try again.") from None
    try:
        yield
    finally:
        # Whoever waits for the file that goes away here notices, and takes the lock of a new one.
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()
