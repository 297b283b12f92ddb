"""Keeps work that leaves files behind (building, downloading, quantising a model) to one process at a time."""

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.errors import EngineError
from files import LockHeld, locked

_log = logging.getLogger(__name__)


class AlreadyAtWork(EngineError):
    """Another process, or another thread of this one, does the same work at this moment."""


@contextmanager
def exclusive(path: Path, doing: str, wait_s: float = 0.0) -> Iterator[None]:
    """Holds the lock file ``path``, waiting up to ``wait_s``; the file is gone afterwards. ``doing`` completes "Another
    Docent is ..." in the error, an AlreadyAtWork. Raises OSError where the file cannot be made."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(path, wait_s, lambda: _log.warning("Waiting: another Docent is %s", doing)))
        except LockHeld:
            raise AlreadyAtWork(f"Another Docent is {doing}.", "Wait until it has finished, then try again.") from None
        # Whoever waits for the file that goes away here notices, and takes the lock of a new one.
        held.callback(_remove, path)
        yield


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
