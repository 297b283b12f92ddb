"""Renders the middle pane and the list of conversations as HTML."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from app.events import ConversationInfo, Exchange
from rag.types import Document
from ui.answering import Progress
from ui.render import blocks, exchange
from ui.templating import template

_DAY_S = 86_400
SAMPLE_QUESTIONS = (
    "How long was the light out in the great storm?",
    "Are dogs allowed in the tower?",
    "When does the museum open in July?",
    "Who was the longest serving keeper?",
)


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A line of the list. ``about`` is its tooltip."""

    info: ConversationInfo
    current: bool

    @property
    def about(self) -> str:
        info = self.info
        return f"{info.title}\n{ago(info.updated_at)}, {info.turns} question{'s' * (info.turns != 1)}"


def conversations_list(conversations: Sequence[ConversationInfo], current: str | None) -> Markup:
    rows = [ConversationRow(info, info.id == current) for info in conversations]
    return template("conversations.conversations_list")(rows)


def ago(when: float, now: float | None = None) -> str:
    """Says how long ago a Unix time was."""
    seconds = max(0.0, (time.time() if now is None else now) - when)
    for limit, unit, word in ((60, 1, ""), (3600, 60, "minute"), (_DAY_S, 3600, "hour"), (30 * _DAY_S, _DAY_S, "day")):
        if seconds < limit:
            count = int(seconds // unit)
            return f"{count} {word}{'s' * (count != 1)} ago" if word else "just now"
    return time.strftime("%d %B %Y", time.localtime(when))


def history(exchanges: Sequence[Exchange]) -> Markup:
    """Renders the finished part of a conversation."""
    return Markup("").join(
        exchange(item.question, item.answer, turn, searched=item.searched, stopped=item.stopped)
        for turn, item in enumerate(exchanges)
    )


def live(progress: Progress | None) -> Markup:
    """Renders the answer that is being written, or the one that ended without being kept (an error, a stop)."""
    if progress is None:
        return Markup("")
    return template("answer.live")(progress, blocks(progress.parts, progress.citations))


def sample_questions(samples: Path, locations: Sequence[str], documents: Sequence[Document]) -> list[str]:
    """Chooses questions for an empty chat: those of the samples, if these are known, else made from titles."""
    if any(Path(location) == samples for location in locations):
        return list(SAMPLE_QUESTIONS)
    titles = [document.title for document in documents if document.status == "ok" and 3 < len(document.title) < 60]
    return [f"What is “{title}” about?" for title in titles[:3]]


def welcome(questions: Sequence[str], ready: int, *, reading: bool, offer_samples: bool) -> Markup:
    """Renders the empty chat, which says what to do next."""
    return template("conversations.welcome")(questions, ready, reading=reading, offer_samples=offer_samples)
