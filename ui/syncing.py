"""Runs syncs in the background, one after the other, and keeps the progress that the window shows.

Closing a page ends no sync.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from docent import DocentError
from ui.backend import Backend

if TYPE_CHECKING:
    from rag.ingest.events import SyncEvent

_log = logging.getLogger(__name__)
_STOPPED = "Stopped. What was finished is kept."


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """The state of a sync.

    ``version`` grows with every change, ``documents_version`` when the list of documents may have changed too.
    """

    version: int = 0
    documents_version: int = 0
    running: bool = False
    stage: str = ""
    path: str = ""
    done: int = 0
    total: int = 0
    failed: int = 0
    cancelling: bool = False
    message: str = ""
    remedy: str = ""
    summary: str = ""

    def after(self, event: "SyncEvent") -> "SyncProgress":
        """Returns the progress once ``event`` has happened."""
        finished = event.kind == "document"
        return replace(
            self,
            version=self.version + 1,
            documents_version=self.documents_version + (event.kind in ("document", "done")),
            stage=event.kind,
            path=event.path or self.path,
            done=event.done,
            total=event.total,
            failed=self.failed + (finished and event.status == "failed"),
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """What a sync is asked for; ``locations`` is None for all sources."""

    locations: tuple[str, ...] | None
    anew: bool


class Syncing:
    """The queue of syncs; at most one runs."""

    def __init__(self, assistant: Backend) -> None:
        self._assistant = assistant
        self._lock = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress = SyncProgress()

    @property
    def progress(self) -> SyncProgress:
        return self._progress

    def start(self, locations: Sequence[str] | None = None, *, anew: bool = False) -> None:
        """Syncs after whatever runs now. The same request is not queued twice. ``anew`` reads unchanged documents as
        well."""
        request = _Request(None if locations is None else tuple(locations), anew)
        with self._lock:
            if request not in self._waiting:
                self._waiting.append(request)
            if self._thread is None:
                self._cancel = threading.Event()
                now = self._progress
                self._show(SyncProgress(now.version, now.documents_version, running=True))
                self._thread = threading.Thread(target=self._work, name="docent-sync", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Ends the running sync soon and drops the waiting ones; what is finished stays."""
        with self._lock:
            self._waiting.clear()
            if self._thread is not None:
                self._cancel.set()
                self._show(replace(self._progress, cancelling=True))

    def note(self, event: "SyncEvent") -> None:
        """Records an event of a sync that runs elsewhere (a watched folder)."""
        with self._lock:
            self._progress = self._progress.after(event)

    def touch(self) -> None:
        """Reports that the list of documents has changed by other means than a sync."""
        with self._lock:
            self._show(replace(self._progress, documents_version=self._progress.documents_version + 1))

    def dismiss(self) -> None:
        """Removes the message of the last sync."""
        with self._lock:
            self._show(replace(self._progress, message="", remedy="", summary=""))

    def join(self, timeout_s: float | None = None) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _show(self, progress: SyncProgress) -> None:
        self._progress = replace(progress, version=self._progress.version + 1)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    now = self._progress
                    stopped = self._cancel.is_set() and not now.message
                    self._show(
                        replace(
                            now,
                            running=False,
                            cancelling=False,
                            documents_version=now.documents_version + 1,
                            summary=_STOPPED if stopped else now.summary,
                        )
                    )
                    return
                request = self._waiting.popleft()
            self._run(request)

    def _run(self, request: _Request) -> None:
        message = remedy = summary = ""
        try:
            report = self._assistant.sync(request.locations, self.note, self._cancel, anew=request.anew)
            summary = _STOPPED if report.cancelled else "Up to date."
        except DocentError as error:
            message, remedy = error.message, error.remedy
        except Exception:  # noqa: BLE001 - the thread's edge: a defect must reach the person and the log, not vanish
            _log.exception("sync failed")
            message = "Something went wrong inside Docent while reading."
            remedy = "Try again; the log in the data folder holds the details."
        with self._lock:
            now = self._progress
            if message:
                self._show(replace(now, message=message, remedy=remedy))
            else:
                self._show(replace(now, summary=summary))
