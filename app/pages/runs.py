"""Answers questions in the background, so that an answer outlives the page that asked for it.

Any number of runs may be at work at the same time, one in each conversation; a further question in a conversation waits
until the one before it has ended. A run belongs to a conversation from its first moment, so that it is listed at once.
What happens is published to the feed as ``run`` news.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

from app.errors import ConversationError, UsageError
from app.events import Answered, AskEvent, Retrieved, Scope, Searched
from app.feed import ConversationsChanged, Feed, News
from app.process.priority import give_way
from docent import DocentError
from rag.text.markers import AnswerPart
from rag.types import Citation, Filter, Passage, ThoughtDelta

_log = logging.getLogger(__name__)
_AT_ONCE = 8  # answers being written; further ones wait
_WAITING = 100  # questions that have not ended
_EVERYTHING = Scope()
_UNRECORDED = "This answer was not recorded."
_UNKEPT = "unkept-"  # begins the id of a conversation that is not on the disk
State: TypeAlias = Literal["waiting", "searching", "reading", "thinking", "writing", "failed", "done"]


class Asks(Protocol):
    """The part of ``app.assistant.Assistant`` that runs use."""

    def ask(
        self,
        question: str,
        *,
        conversation_id: str | None = None,
        filter: Filter = ...,
        stop: threading.Event | None = None,
        after: int | None = None,
        model: str | None = None,
    ) -> Iterator[AskEvent]: ...

    def start_conversation(self, question: str, scope: Scope = ..., model: str | None = None) -> str: ...


@dataclass(frozen=True, slots=True)
class Run:
    """A question being answered, as it stands now.

    ``searched`` is set when the question was completed before the search. ``message`` and ``remedy`` say why a
    ``failed`` one failed, or was answered and could not be kept; ``is_kept`` is false where its conversation cannot be.
    ``after`` is the exchange in place of whose followers it is asked (0: of all), None at the end of the conversation.
    ``model`` is what answers, None for the model that is set up.
    ``searches`` is what the model searched for besides, ``thought`` what it thinks. ``parts`` are not joined: their
    number tells a page which of them it has.
    """

    id: int
    conversation: str
    question: str
    scope: Filter
    started_at: float
    after: int | None = None
    model: str | None = None
    state: State = "waiting"
    searched: str | None = None
    passages: tuple[Passage, ...] = ()
    searches: tuple[str, ...] = ()
    thought: str = ""
    parts: tuple[AnswerPart, ...] = ()
    citations: tuple[Citation, ...] = ()
    message: str = ""
    remedy: str = ""
    is_kept: bool = True

    @property
    def ended(self) -> bool:
        return self.state in ("failed", "done")


@dataclass(frozen=True, slots=True)
class RunNews(News):
    """A run has begun, reached another state or ended."""

    run: Run


@dataclass(frozen=True, slots=True)
class TextNews(News):
    """Words of a run: ``parts`` follow its first ``at`` parts, with the citations that became known with them."""

    run: int
    at: int
    parts: tuple[AnswerPart, ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class ThoughtNews(News):
    """What a run's model thinks: ``text`` follows the first ``at`` characters."""

    run: int
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class RunForgotten(News):
    """A run that had failed is no longer listed."""

    run: int


class Runs:
    """The runs of one process."""

    def __init__(
        self,
        assistant: Asks,
        feed: Feed,
        answered: Callable[[str], None] = lambda conversation: None,
        room: threading.Semaphore | None = None,
    ) -> None:
        """``answered`` is told the conversation of each answer once it is there. ``room`` is what bounds the answers
        at work, where several share that."""
        self._assistant = assistant
        self._answered = answered
        self._feed = feed
        self._lock = threading.Lock()
        self._runs: dict[int, Run] = {}
        self._stops: dict[int, threading.Event] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._numbers = itertools.count(1)
        self.room = room or threading.Semaphore(_AT_ONCE)

    def start(
        self,
        question: str,
        conversation_id: str | None,
        scope: Filter,
        after: int | None = None,
        model: str | None = None,
        chosen: Scope = _EVERYTHING,
    ) -> Run:
        """Begins to answer; None starts a conversation, which keeps ``model`` and the scope that was ``chosen``.
        ``after``, ``model``: see ``Assistant.ask``. UsageError when too many questions are waiting, or a new
        conversation is to follow something."""
        if conversation_id is None and after:
            raise UsageError("A new conversation has nothing to follow.", "Name the conversation as well.")
        with self._lock:
            if sum(not run.ended for run in self._runs.values()) >= _WAITING:
                raise UsageError("Too many questions are waiting.", "Wait until some are answered, or stop them.")
        number = next(self._numbers)
        conversation = conversation_id or self._begun(question, number, chosen, model)
        is_kept = not conversation.startswith(_UNKEPT)
        with self._lock:
            for other in [run for run in self._runs.values() if run.conversation == conversation and run.ended]:
                del self._runs[other.id]  # a failed one gives way to the next question
            run = Run(number, conversation, question, scope, time.time(), after, model, is_kept=is_kept)
            self._runs[run.id] = run
            self._stops[run.id] = threading.Event()
            turn = self._turns.setdefault(conversation, threading.Lock())
        if conversation_id is None:
            self._feed.publish(ConversationsChanged())
        self._feed.publish(RunNews(run))
        threading.Thread(target=self._work, args=(run, turn), name=f"docent-run-{run.id}", daemon=True).start()
        return run

    def _begun(self, question: str, number: int, chosen: Scope, model: str | None) -> str:
        """Returns the id of a new conversation, one that is not kept where the disk is full or read-only."""
        try:
            return self._assistant.start_conversation(question, chosen, model)
        except ConversationError:
            return f"{_UNKEPT}{number}"

    def all(self) -> list[Run]:
        """Those at work and those that failed, oldest first."""
        with self._lock:
            return list(self._runs.values())

    def stop(self, run_id: int) -> None:
        """Ends a run soon; the text and the citations so far are kept. One that has ended is let be."""
        with self._lock:
            stop = self._stops.get(run_id)
        if stop is not None:
            stop.set()

    def dismiss(self, run_id: int) -> None:
        """Forgets a run that failed."""
        with self._lock:
            if run_id in self._runs and self._runs[run_id].ended:
                del self._runs[run_id]
        self._feed.publish(RunForgotten(run_id))

    def stop_conversation(self, conversation: str) -> None:
        """Stops whatever is answered in a conversation, and forgets what failed there."""
        for run in self.all():
            if run.conversation == conversation:
                self.stop(run.id)
                self.dismiss(run.id)

    def stop_all(self) -> None:
        """Ends all runs soon."""
        with self._lock:
            stops = list(self._stops.values())
        for stop in stops:
            stop.set()

    def is_busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return any(not run.ended for run in self.all())

    def join(self, timeout_s: float) -> None:
        """Waits that long for all runs to end."""
        end = time.monotonic() + timeout_s
        while self.is_busy() and time.monotonic() < end:
            time.sleep(0.02)

    def _work(self, run: Run, turn: threading.Lock) -> None:
        give_way()
        stop = self._stops[run.id]
        try:
            while not turn.acquire(timeout=0.05):
                if stop.is_set():
                    self._end(run, "done")
                    return
            try:
                with self.room:
                    self._answer(run, stop)
            finally:
                turn.release()
        finally:
            with self._lock:
                self._stops.pop(run.id, None)
        if not stop.is_set() and run.is_kept:
            self._tell(run.conversation)

    def _tell(self, conversation: str) -> None:
        try:
            self._answered(conversation)
        except DocentError as error:
            _log.info("after an answer: %s", error)
        except Exception:  # noqa: BLE001 - the thread's edge; the answer is there
            _log.exception("after an answer")

    def _answer(self, run: Run, stop: threading.Event) -> None:
        if stop.is_set():
            self._end(run, "done")
            return
        run = self._show(replace(run, state="searching"))
        try:
            events = self._assistant.ask(
                run.question,
                conversation_id=run.conversation if run.is_kept else None,
                filter=run.scope,
                stop=stop,
                after=run.after,
                model=run.model,
            )
            for event in events:
                after = self._after(run, event)
                if after.state != run.state or after.searches != run.searches:
                    self._show(after)
                elif len(after.thought) > len(run.thought):
                    self._tell_thought(after)
                elif len(after.parts) > len(run.parts):
                    self._tell_text(after)
                run = after
        except DocentError as error:
            self._end(replace(run, message=error.message, remedy=error.remedy), "failed")
        except Exception:  # noqa: BLE001 - the thread's edge: a defect must reach the person and the log, not vanish
            _log.exception("answering failed")
            failed = replace(
                run,
                message="Something went wrong inside Docent while answering.",
                remedy="Try again; the log in the data folder holds the details.",
            )
            self._end(failed, "failed")
        else:
            self._end(run, "failed" if run.message else "done")

    def _after(self, run: Run, event: AskEvent) -> Run:
        if isinstance(event, Retrieved):
            completed = event.question if event.question.strip() != run.question.strip() else None
            return replace(run, state="reading", searched=completed, passages=event.passages)
        if isinstance(event, Searched):
            return replace(run, searches=(*run.searches, event.question), passages=(*run.passages, *event.passages))
        if isinstance(event, ThoughtDelta):
            return replace(run, state="thinking", thought=run.thought + event.text)
        if isinstance(event, Answered):
            return replace(run, message=event.unrecorded and _UNRECORDED, remedy=event.unrecorded)
        parts = run.parts + event.parts
        state: State = "writing" if parts else run.state
        return replace(run, state=state, parts=parts, citations=run.citations + event.citations)

    def _show(self, run: Run) -> Run:
        with self._lock:
            self._runs[run.id] = run
        self._feed.publish(RunNews(run))
        return run

    def _tell_text(self, run: Run) -> None:
        """Publishes the words and citations that have come since the run was last shown."""
        with self._lock:
            before = self._runs[run.id]
            self._runs[run.id] = run
        known, cited = len(before.parts), len(before.citations)
        self._feed.publish(TextNews(run.id, known, run.parts[known:], run.citations[cited:]))

    def _tell_thought(self, run: Run) -> None:
        with self._lock:
            known = len(self._runs[run.id].thought)
            self._runs[run.id] = run
        self._feed.publish(ThoughtNews(run.id, known, run.thought[known:]))

    def _end(self, run: Run, state: State) -> None:
        run = replace(run, state=state)
        with self._lock:
            if state == "failed":
                self._runs[run.id] = run
            else:
                self._runs.pop(run.id, None)
        self._feed.publish(RunNews(run))
        if state == "done":
            self._feed.publish(ConversationsChanged(run.conversation))
