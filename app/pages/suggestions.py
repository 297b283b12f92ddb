"""Questions to ask next, below an answer: taken from the documents that it cites, and each answered once, so that none
is offered that would be refused.

They are found after the answer, when a page asks for them, and not while a question is being answered.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from app.errors import UnknownDocument
from app.events import DocumentView, Exchange, Layout
from docent import DocentError
from rag.answer.follow_ups import Cited, FollowUp, follow_ups
from rag.types import Answer, Citation

if TYPE_CHECKING:
    from rag.text.table_spans import TableSpans

_log = logging.getLogger(__name__)
_OFFERED = 3
_TRIED = 5
_QUOTES = 3  # of an answer, from which they are taken
_KEPT = 200  # answers whose suggestions are remembered


class Quotes(Protocol):
    """The part of ``app.assistant.Assistant`` that suggestions use."""

    def quoted(self, question: str, conversation_id: str | None) -> Answer: ...

    def conversation(self, conversation_id: str) -> list[Exchange]: ...

    def document_view(self, document_id: int) -> DocumentView: ...

    def document_tables(self, document_id: int, start: int, end: int) -> "tuple[TableSpans, ...]": ...

    def document_layout(self, document_id: int) -> Layout: ...


class Suggestions:
    """``is_busy`` tells whether somebody waits for an answer. Thread-safe."""

    def __init__(self, assistant: Quotes, is_busy: Callable[[], bool]) -> None:
        self._assistant = assistant
        self._is_busy = is_busy
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], tuple[str, ...]] = {}

    def after(self, conversation: str, exchange: int) -> tuple[str, ...]:
        """Questions that lead on from an answer, at most three; none where it found nothing, or while another one is
        being answered. ConversationError for an unknown conversation."""
        key = (conversation, exchange)
        with self._lock:  # one page at a time: this is work for the models
            if key not in self._known and not self._is_busy():
                found = self._found(conversation, exchange)
                if found is None:  # somebody has asked a question meanwhile, or another branch is shown
                    return ()
                self._known = dict([*self._known.items(), (key, found)][-_KEPT:])
            return self._known.get(key, ())

    def _found(self, conversation: str, exchange: int) -> tuple[str, ...] | None:
        exchanges = self._assistant.conversation(conversation)
        answered = next((one for one in exchanges if one.id == exchange), None)
        if answered is None:  # on a branch that is not shown, or unknown
            return None
        if not answered.answer.found:
            return ()
        asked = {one.question.strip().casefold() for one in exchanges}
        tried = [
            one
            for one in follow_ups(answered.question, self._cited(answered.answer.citations))
            if one.question.casefold() not in asked
        ]
        offered: list[str] = []
        for one in tried[:_TRIED]:
            if len(offered) == _OFFERED:
                break
            if self._is_busy():
                return None
            if self._answers(one, conversation):
                offered.append(one.question)
        return tuple(offered)

    def _cited(self, citations: Sequence[Citation]) -> list[Cited]:
        found = []
        for citation in citations[:_QUOTES]:
            try:
                view = self._assistant.document_view(citation.document_id)
                blocks = self._assistant.document_layout(citation.document_id).blocks
                tables = self._assistant.document_tables(citation.document_id, citation.start, citation.end)
            except UnknownDocument:  # removed since
                continue
            headings = [block for block in blocks if block.kind == "heading"]
            title = view.document.title
            found.append(Cited(citation.document_id, title, view.text, citation.start, citation.end, tables, headings))
        return found

    def _answers(self, one: FollowUp, conversation: str) -> bool:
        """Whether the question is answered, first of all from where its answer stands."""
        try:
            answer = self._assistant.quoted(one.question, conversation)
        except DocentError as error:
            _log.info("a suggestion could not be tried: %s", error)
            return False
        first = answer.citations[0] if answer.found and answer.citations else None
        return (
            first is not None
            and first.document_id == one.document_id
            and first.start < one.end
            and one.start < first.end
        )
