"""Controls the middle pane: asks questions, follows the answer while it is written, and keeps conversations.

An answer runs on the desk, not in the page, so a page that is loaded again follows it on.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from docent import DocentError
from rag.types import Citation, Span
from ui import chat_view
from ui.answering import AnswerRun, Progress
from ui.render import notice
from ui.state import Desk

_POLL_S = 1.0  # an upper bound; a change wakes the follower at once
_PAUSE_S = 0.05  # between two pictures of a growing answer: 20 a second read as fluent


@dataclass(frozen=True, slots=True)
class Shown:
    """The contents of the chat as HTML. ``busy`` while an answer is being written."""

    conversation: str | None
    history: str
    live: str
    busy: bool


def conversation(desk: Desk, conversation_id: str | None) -> Shown:
    """Shows a conversation as it is on disk; None or one that is gone is the empty chat."""
    if conversation_id is not None:
        try:
            exchanges = desk.assistant.conversation(conversation_id)
        except DocentError:
            return conversation(desk, None)
        return Shown(conversation_id, chat_view.history(exchanges), "", False)
    try:
        return Shown(None, _greeting(desk), "", False)
    except DocentError as error:  # a damaged library: the list of documents says so as well
        return Shown(None, notice(error.message, error.remedy), "", False)


def _greeting(desk: Desk) -> str:
    documents = desk.assistant.documents()
    ready = sum(document.status == "ok" for document in documents)
    locations = [source.location for source in desk.assistant.status().sources]
    questions = chat_view.sample_questions(desk.samples, locations, documents)
    return chat_view.welcome(
        questions,
        ready,
        reading=desk.syncing.progress.running,
        offer_samples=desk.samples.is_dir() and not locations,
    )


def follow(desk: Desk, run: AnswerRun) -> Iterator[Shown]:
    """Shows the conversation of a run, its answer as it grows, and at the end the finished conversation."""
    started_in = run.started_in
    before = conversation(desk, started_in).history if started_in else ""
    seen, progress = run.snapshot()
    yield Shown(started_in, before, chat_view.live(progress), True)
    while not progress.done:
        version, progress = run.snapshot(seen, _POLL_S)
        if version != seen:
            seen = version
            yield Shown(started_in, before, chat_view.live(progress), not progress.done)
            time.sleep(_PAUSE_S)
    yield _finished(desk, progress, before)


def _finished(desk: Desk, progress: Progress, before: str) -> Shown:
    recorded = progress.answer is not None and progress.conversation_id is not None
    if not recorded:
        return Shown(progress.conversation_id, before, chat_view.live(progress), False)
    kept = progress.conversation_id
    assert kept is not None
    desk.last_conversation = kept
    return conversation(desk, kept)


def citation_of(desk: Desk, conversation_id: str | None, data: dict[str, str]) -> tuple[Citation, Span | None] | None:
    """Finds the citation of a chip or card and the span that was read; None when there is none (any more)."""
    try:
        turn, index = int(data["turn"]), int(data["index"])
    except (KeyError, ValueError):
        return None
    span: Span | None = None
    if turn < 0:
        run = desk.answering.latest
        citations = run.snapshot()[1].citations if run else ()
    elif conversation_id is None:
        return None
    else:
        try:
            exchanges = desk.assistant.conversation(conversation_id)
        except DocentError:
            return None
        if turn >= len(exchanges):
            return None
        citations, span = exchanges[turn].answer.citations, exchanges[turn].answer.span
    return (citations[index], span) if 0 <= index < len(citations) else None


def chats(desk: Desk, current: str | None) -> str:
    """Shows the list of conversations."""
    try:
        return chat_view.conversations_list(desk.assistant.conversations(), current)
    except DocentError as error:
        return notice(error.message, error.remedy)


def chats_pressed(desk: Desk, data: dict[str, str]) -> None:
    """Renames or deletes a conversation. The window handles ``switch``."""
    act, chosen = data.get("act", ""), data.get("id", "")
    if act == "rename" and data.get("value", "").strip():
        desk.assistant.rename_conversation(chosen, data["value"])
    elif act == "delete":
        desk.assistant.delete_conversation(chosen)
    desk.answering.touch()
