"""Watches folders and syncs them after they have changed.

Syncs run on a thread of the watcher, one at a time, a moment after the last of a flurry of changes. Where a folder
cannot be watched (some network drives, too many folders) it is looked through every few minutes instead.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from docent import DocentError
from rag.types import Source

_log = logging.getLogger(__name__)

_QUIET_S = 1.0  # how long nothing may have changed before a sync starts: a program saves in several steps
_LONGEST_WAIT_S = 15.0  # a file that never rests (a log) must not hold the others back
_LOOK_THROUGH_S = 300.0
_IGNORED_EVENTS = frozenset({"opened", "closed_no_write"})  # reading a file, as a sync does, changes nothing


class Watcher:
    """Follows the changes of sources. Use it as a context manager, or call ``start`` and ``stop``."""

    def __init__(
        self,
        sources: Sequence[Source],
        sync: Callable[[threading.Event], None],
        *,
        quiet_s: float = _QUIET_S,
        look_through_s: float = _LOOK_THROUGH_S,
    ) -> None:
        """``sync`` gets an event that is set when it should stop soon. It may raise DocentError, which is logged."""
        self._sources = [source for source in sources if source.kind != "youtube"]
        self._sync = sync
        self._quiet_s = quiet_s
        self._look_through_s = look_through_s
        self._observer = Observer()
        self._stopping = threading.Event()
        self._changes = threading.Condition()
        self._last_change: float | None = None  # monotonic seconds; None when all changes are synced
        self._first_change = 0.0
        self._unwatched = False
        self._thread = threading.Thread(target=self._run, name="docent-watch", daemon=True)

    def start(self) -> None:
        handler = _Handler(self._changed)
        for source in self._sources:
            folder = Path(source.location) if source.kind == "folder" else Path(source.location).parent
            try:
                self._observer.schedule(handler, str(folder), recursive=source.kind == "folder")
            except OSError as error:
                self._cannot_watch(folder, error)
        try:
            self._observer.start()
        except OSError as error:
            self._cannot_watch(None, error)
        self._thread.start()

    def stop(self) -> None:
        """Ends a sync that is running and waits for it."""
        self._stopping.set()
        with self._changes:
            self._changes.notify()
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _cannot_watch(self, folder: Path | None, error: OSError) -> None:
        _log.warning("cannot watch %s (%s); looking through it every %g s", folder or "folders", error, _LOOK_THROUGH_S)
        self._unwatched = True

    def _changed(self) -> None:
        with self._changes:
            now = time.monotonic()
            if self._last_change is None:
                self._first_change = now
            self._last_change = now
            self._changes.notify()

    def _run(self) -> None:
        while self._wait_for_quiet():
            try:
                self._sync(self._stopping)
            except DocentError as error:
                _log.warning("sync after a change failed: %s", error)

    def _wait_for_quiet(self) -> bool:
        """Waits until there are changes and they have come to rest; false when it is time to stop."""
        with self._changes:
            while not self._stopping.is_set():
                if self._last_change is None:
                    if not self._changes.wait(self._look_through_s if self._unwatched else None):
                        return not self._stopping.is_set()
                    continue
                rest = min(self._last_change + self._quiet_s, self._first_change + _LONGEST_WAIT_S) - time.monotonic()
                if rest <= 0:
                    self._last_change = None
                    return True
                self._changes.wait(rest)
            return False


class _Handler(FileSystemEventHandler):
    def __init__(self, changed: Callable[[], None]) -> None:
        self._report = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _IGNORED_EVENTS:
            self._report()
