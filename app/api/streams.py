"""The two streams of the HTTP API, as JSON objects: an answer while it is written, a sync while it runs.

The Assistant blocks, so it works on a thread. When the client goes away, the answer is stopped and the sync cancelled.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from app.api.shapes import answer_json, citation_json, parts_json, passage_json, report_json, sync_event_json
from app.assistant import Assistant
from app.events import Answered, AskEvent, Retrieved
from docent import DocentError
from rag.types import Filter

_log = logging.getLogger(__name__)
_Emit = Callable[[dict[str, Any]], None]


def answer_lines(
    assistant: Assistant, question: str, conversation_id: str | None, scope: Filter
) -> AsyncIterator[dict[str, Any]]:
    """``retrieved``, ``text`` ..., ``answered``."""

    def work(emit: _Emit, stop: threading.Event) -> None:
        for event in assistant.ask(question, conversation_id=conversation_id, filter=scope, stop=stop):
            emit(_ask_event_json(question, event))

    return _lines(work)


def sync_lines(assistant: Assistant, locations: list[str] | None) -> AsyncIterator[dict[str, Any]]:
    """One line a step, then ``report`` with what the command line prints."""

    def work(emit: _Emit, cancel: threading.Event) -> None:
        report = assistant.sync(locations, lambda event: emit(sync_event_json(event)), cancel)
        emit({"event": "report", **report_json(report, assistant.documents(locations))})

    return _lines(work)


async def _lines(work: Callable[[_Emit, threading.Event], None]) -> AsyncIterator[dict[str, Any]]:
    """What ``work`` emits on its thread. Leaving early sets the event that ``work`` watches."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    stop = threading.Event()

    def put(line: dict[str, Any] | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, line)

    def run() -> None:
        try:
            work(put, stop)
        except DocentError as error:
            put({"event": "error", "error": {"message": error.message, "remedy": error.remedy}})
        except Exception:  # noqa: BLE001 - the thread's edge: the client must learn that the stream is over
            _log.exception("a stream failed")
            put({"event": "error", "error": {"message": "Docent failed unexpectedly.", "remedy": "See the log."}})
        finally:
            put(None)

    threading.Thread(target=run, name="docent-stream", daemon=True).start()
    try:
        while (line := await queue.get()) is not None:
            yield line
    finally:
        stop.set()


def _ask_event_json(question: str, event: AskEvent) -> dict[str, Any]:
    if isinstance(event, Retrieved):
        passages = [passage_json(passage) for passage in event.passages]
        return {"event": "retrieved", "question": event.question, "passages": passages}
    if isinstance(event, Answered):
        return {"event": "answered", "question": question, **answer_json(event)}
    cited = {"citations": [citation_json(citation) for citation in event.citations]} if event.citations else {}
    return {"event": "text", "text": event.text, "parts": parts_json(event.parts), **cited}
