"""Runs questions in the background, so that an answer outlives the page that asked for it.

Any number of pages may follow an ``AnswerRun`` by its snapshots while the answer is written; closing or reloading a
page ends no run. One answer is written at a time: a new question stops the one before.
"""

import logging
import threading
from dataclasses import dataclass, replace

from app.events import Answered, AskEvent, Retrieved
from docent import DocentError
from rag.text.markers import AnswerPart, joined
from rag.types import Answer, Citation, Filter, Passage, TextDelta
from ui.backend import Backend

_log = logging.getLogger(__name__)
_STOP_WAIT_S = 10.0  # what an answerer may take to notice that it was stopped


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a running answer. ``searched`` is set when the question was completed before the search."""

    question: str
    conversation_id: str | None
    searched: str | None = None
    passages: tuple[Passage, ...] | None = None
    parts: tuple[AnswerPart, ...] = ()
    citations: tuple[Citation, ...] = ()
    answer: Answer | None = None
    stopped: bool = False
    message: str = ""
    remedy: str = ""
    done: bool = False

    def after(self, event: AskEvent) -> "Progress":
        """Returns the progress once ``event`` has happened."""
        if isinstance(event, Retrieved):
            completed = event.question if event.question.strip() != self.question.strip() else None
            return replace(self, searched=completed, passages=event.passages)
        if isinstance(event, TextDelta):
            return replace(self, parts=joined(self.parts + event.parts), citations=self.citations + event.citations)
        if isinstance(event, Answered):
            return replace(
                self,
                answer=event.answer,
                parts=event.answer.parts,
                conversation_id=None if event.unrecorded else event.conversation_id or self.conversation_id,
                stopped=event.stopped,
                message="This answer was not recorded." if event.unrecorded else "",
                remedy=event.unrecorded,
                done=True,
            )
        return self


class AnswerRun:
    """One question being answered on a thread of its own."""

    def __init__(self, assistant: Backend, question: str, conversation_id: str | None, scope: Filter) -> None:
        self.started_in = conversation_id
        self._assistant = assistant
        self._scope = scope
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._version = 0
        self._progress = Progress(question, conversation_id)
        self._thread = threading.Thread(target=self._work, name="docent-answer", daemon=True)
        self._thread.start()

    def snapshot(self, seen: int = -1, timeout_s: float | None = None) -> tuple[int, Progress]:
        """Returns the version and the progress; waits up to ``timeout_s`` for a version other than ``seen``."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen, timeout_s)
            return self._version, self._progress

    def stop(self) -> None:
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _publish(self, progress: Progress) -> None:
        with self._changed:
            self._progress = progress
            self._version += 1
            self._changed.notify_all()

    def _work(self) -> None:
        progress = self._progress
        try:
            events = self._assistant.ask(
                progress.question, conversation_id=self.started_in, filter=self._scope, stop=self._stop
            )
            for event in events:
                progress = progress.after(event)
                self._publish(progress)
        except DocentError as error:
            progress = replace(progress, message=error.message, remedy=error.remedy)
        except Exception:  # noqa: BLE001 - the thread's edge: a defect must reach the person and the log, not vanish
            _log.exception("answering failed")
            progress = replace(
                progress,
                message="Something went wrong inside Docent while answering.",
                remedy="Try again; the log in the data folder holds the details.",
            )
        self._publish(replace(progress, done=True))


class Answering:
    """The answer that is being written now, if any."""

    def __init__(self, assistant: Backend) -> None:
        self._assistant = assistant
        self._lock = threading.Lock()
        self._run: AnswerRun | None = None
        self._started = 0
        self._touched = 0

    @property
    def current(self) -> AnswerRun | None:
        """The run in progress, None when nothing is being written."""
        run = self._run
        return run if run is not None and not run.snapshot()[1].done else None

    @property
    def version(self) -> int:
        """Grows with every answer that ends and every ``touch``: then the list of conversations may have changed."""
        return self._started - (self.current is not None) + self._touched

    def touch(self) -> None:
        """Reports that the conversations have changed by other means than an answer."""
        with self._lock:
            self._touched += 1

    @property
    def latest(self) -> AnswerRun | None:
        """The last run, finished or not."""
        return self._run

    def start(self, question: str, conversation_id: str | None, scope: Filter) -> AnswerRun:
        with self._lock:
            if self._run is not None:
                self._run.stop()
                self._run.join(_STOP_WAIT_S)
            self._started += 1
            self._run = AnswerRun(self._assistant, question, conversation_id, scope)
            return self._run

    def stop(self) -> None:
        run = self._run
        if run is not None:
            run.stop()
