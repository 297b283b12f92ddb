"""Runs syncs in the background, one after the other, and tells the feed how far they are.

Closing a page ends no sync.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from app.feed import DocumentsChanged, Feed, SharedNews
from app.process.priority import give_way
from docent import DocentError

if TYPE_CHECKING:
    from rag.ingest.events import SyncEvent, SyncReport

_log = logging.getLogger(__name__)
_FOLLOWED_S = 3.0
_STOPPED = "stopped"
_UP_TO_DATE = "up to date"


@dataclass(frozen=True, slots=True)
class Within:
    """How far a large file is: ``done`` of ``total`` parts are read, or chunks embedded, as ``stage`` says; those of
    all documents that wait for it where ``path`` is empty. ``since`` is when that began, ``told`` when it got so far,
    Unix times in seconds."""

    path: str
    stage: str
    done: int
    total: int
    since: float
    told: float

    def after(self, event: "SyncEvent", now: float) -> "Within":
        """Several files are read at once; one is followed until nothing has come of it for a while."""
        if (event.path, event.kind, event.total) == (self.path, self.stage, self.total):
            return replace(self, done=event.done, told=now)
        other = event.path != self.path and event.kind == "reading" == self.stage and now - self.told < _FOLLOWED_S
        return self if other else Within.of(event, now)

    @classmethod
    def of(cls, event: "SyncEvent", now: float) -> "Within":
        return cls(event.path, event.kind, event.done, event.total, now, now)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """The state of a sync, and after it its outcome.

    ``version`` grows with every change. ``done`` and ``total`` count documents; ``within`` tells of the
    file at work, where it says how far it is. ``started_at`` is a Unix time in
    seconds. ``paused``: what was not finished waits until a person goes on. ``message`` and ``remedy`` say why a sync
    failed, ``summary`` how one ended that did not.
    """

    version: int = 0
    running: bool = False
    started_at: float = 0.0
    stage: str = ""
    path: str = ""
    done: int = 0
    total: int = 0
    failed: int = 0
    cancelling: bool = False
    paused: bool = False
    message: str = ""
    remedy: str = ""
    summary: str = ""
    within: Within | None = None

    def after(self, event: "SyncEvent", now: float) -> "SyncProgress":
        """Returns the progress once ``event`` has happened, at the Unix time ``now``."""
        if event.kind in ("reading", "embedding"):
            within = Within.of(event, now) if self.within is None else self.within.after(event, now)
            return replace(self, stage=event.kind, path=within.path or self.path, within=within)
        is_over = event.kind != "document" or (self.within is not None and event.path == self.within.path)
        finished = event.kind == "document"
        return replace(
            self,
            stage=event.kind,
            path=event.path or self.path,
            done=event.done,
            total=event.total,
            failed=self.failed + (finished and event.status == "failed"),
            within=None if is_over else self.within,
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """What a sync is asked for; ``locations`` is None for all sources."""

    locations: tuple[str, ...] | None
    anew: bool


@dataclass(frozen=True, slots=True)
class SyncNews(SharedNews):
    """A sync has got further, begun or ended."""

    progress: SyncProgress


class Syncs(Protocol):
    """The part of ``app.assistant.Assistant`` that syncing uses."""

    def sync(
        self,
        locations: Sequence[str] | None = None,
        on_event: "Callable[[SyncEvent], None] | None" = None,
        cancel: threading.Event | None = None,
        *,
        anew: bool = False,
    ) -> "SyncReport": ...


class Syncing:
    """The queue of syncs; at most one runs."""

    def __init__(self, assistant: Syncs, feed: Feed) -> None:
        self._assistant = assistant
        self._feed = feed
        self._lock = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._running: _Request | None = None
        self._paused: list[_Request] = []
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
                self._show(SyncProgress(running=True, started_at=time.time()))
                self._thread = threading.Thread(target=self._work, name="docent-sync", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Ends the running sync soon and drops those that wait or are paused; what is finished stays."""
        with self._lock:
            self._paused = []
            self._end_running()
            if self._thread is None and self._progress.paused:
                self._show(replace(self._progress, paused=False, summary=_STOPPED))

    def pause(self) -> None:
        """Ends the running sync soon; ``go_on`` reads what is left then.

        A watched folder that changes meanwhile is read all the same.
        """
        with self._lock:
            if self._thread is not None and not self._cancel.is_set():
                running = [] if self._running is None else [self._running]
                self._paused += [one for one in [*running, *self._waiting] if one not in self._paused]
                self._end_running()

    def go_on(self) -> None:
        """Reads what a pause has left."""
        with self._lock:
            paused, self._paused = self._paused, []
        for request in paused:
            self.start(request.locations, anew=request.anew)

    def _end_running(self) -> None:
        self._waiting.clear()
        if self._thread is not None:
            self._cancel.set()
            self._show(replace(self._progress, cancelling=True))

    def note(self, event: "SyncEvent") -> None:
        """Records an event of a sync; a watched folder's sync runs elsewhere and reports here too."""
        with self._lock:
            self._show(self._progress.after(event, time.time()))
            if event.kind in ("document", "done"):
                self._feed.publish(DocumentsChanged())

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
        self._feed.publish(SyncNews(self._progress))

    def _work(self) -> None:
        give_way()
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    now = self._progress
                    stopped = self._cancel.is_set() and not now.message
                    summary = "" if self._paused else _STOPPED if stopped else now.summary
                    paused = bool(self._paused)
                    ended = replace(now, running=False, cancelling=False, within=None)
                    self._show(replace(ended, paused=paused, summary=summary))
                    self._feed.publish(DocumentsChanged())
                    return
                request = self._running = self._waiting.popleft()
                if self._cancel.is_set():  # it was asked for after what was ended
                    self._cancel = threading.Event()
                    self._show(SyncProgress(running=True, started_at=time.time()))
            self._run(request)

    def _run(self, request: _Request) -> None:
        message = remedy = summary = ""
        try:
            report = self._assistant.sync(request.locations, self.note, self._cancel, anew=request.anew)
            summary = _STOPPED if report.cancelled else _UP_TO_DATE
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
            self._running = None
