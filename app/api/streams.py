"""Streams the lines of an answer while it is written, and of a sync while it runs.

The Assistant blocks, so it works on a thread. When the client goes away, the answer is stopped and the sync cancelled.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from app.api.gate import Ticket
from app.api.shapes.answer import AnswerLine, answer_line
from app.api.shapes.base import ErrorLine, Problem
from app.api.shapes.library import ReportLine, SyncLine, SyncStep
from app.assistant import Assistant
from app.process.priority import give_way
from docent import DocentError
from rag.types import Filter

_log = logging.getLogger(__name__)
_Line = TypeVar("_Line")


def answer_lines(
    assistant: Assistant,
    question: str,
    conversation_id: str | None,
    scope: Filter,
    ticket: Ticket,
    after: int | None = None,
    model: str | None = None,
) -> AsyncIterator[AnswerLine]:
    """Yields ``retrieved``, any number of ``searched``, ``thought`` and ``text``, and ``answered``."""

    def work(emit: Callable[[AnswerLine], None], stop: threading.Event) -> None:
        asked = assistant.ask(
            question, conversation_id=conversation_id, filter=scope, stop=stop, after=after, model=model
        )
        for event in asked:
            emit(answer_line(question, event))

    return _lines(work, ticket)


def sync_lines(
    assistant: Assistant, locations: list[str] | None, ticket: Ticket, *, anew: bool = False
) -> AsyncIterator[SyncLine]:
    """Yields one line a step, then ``report`` with what the command line prints."""

    def work(emit: Callable[[SyncLine], None], cancel: threading.Event) -> None:
        report = assistant.sync(locations, lambda event: emit(SyncStep.of(event)), cancel, anew=anew)
        emit(ReportLine.of(report, assistant.documents(locations)))

    return _lines(work, ticket)


async def _lines(
    work: Callable[[Callable[[_Line], None], threading.Event], None], ticket: Ticket
) -> AsyncIterator[_Line | ErrorLine]:
    """Waits for the ticket's turn, runs ``work`` on a thread and yields what it emits, or its failure.

    Leaving early sets the event that ``work`` watches; the ticket is given back when ``work`` has ended.
    """
    await ticket.turn()
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[_Line | ErrorLine | None] = asyncio.Queue()
    stop = threading.Event()

    def put(line: _Line | ErrorLine | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, line)

    def end() -> None:
        queue.put_nowait(None)
        ticket.give_back()

    def run() -> None:
        give_way()
        try:
            work(put, stop)
        except DocentError as error:
            put(ErrorLine.of(error))
        except Exception:  # noqa: BLE001 - the thread's edge: the client must learn that the stream is over
            _log.exception("a stream failed")
            put(ErrorLine(error=Problem(message="Docent failed unexpectedly.", remedy="See the log.")))
        finally:
            if not loop.is_closed():
                loop.call_soon_threadsafe(end)

    ticket.lent = True
    threading.Thread(target=run, name="docent-stream", daemon=True).start()
    try:
        while (line := await queue.get()) is not None:
            yield line
    finally:
        stop.set()
