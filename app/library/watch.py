"""Keeps the library's folders in sync while a context is open, also folders that are added meanwhile."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rag.types import Source

if TYPE_CHECKING:
    from rag.ingest.watch import Watcher


class FolderWatch:
    """Watches folders while it is open as a context manager; call ``look_again`` when the sources may have changed."""

    def __init__(self, sources: Callable[[], Sequence[Source]], sync: Callable[[threading.Event], None]) -> None:
        self._sources = sources
        self._sync = sync
        self._lock = threading.Lock()
        self._watched: list[Source] = []
        self._watcher: Watcher | None = None
        self._open = False

    def look_again(self) -> None:
        """Watches the sources as they are now."""
        from rag.ingest.watch import Watcher

        with self._lock:
            now = list(self._sources())
            if not self._open or now == self._watched:
                return
            if self._watcher is not None:
                self._watcher.stop()
            self._watcher = Watcher(now, self._sync) if now else None
            if self._watcher is not None:
                self._watcher.start()
            self._watched = now

    def __enter__(self) -> Self:
        self._open = True
        self.look_again()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._open = False
            watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
