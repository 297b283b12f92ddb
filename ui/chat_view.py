"""The middle pane and the list of conversations as HTML.

In: exchanges, the progress of a running answer. Out: escaped HTML.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from app.events import ConversationInfo, Exchange
from rag.types import Document
from ui.answering import Progress
from ui.render import (
    action,
    answer_text,
    confirmation,
    escape,
    exchange,
    icon,
    name_of,
    notice,
    question_bubble,
    searched_line,
)

_DAY_S = 86_400
SAMPLE_QUESTIONS = (
    "How long was the light out in the great storm?",
    "Are dogs allowed in the tower?",
    "When does the museum open in July?",
    "Who was the longest serving keeper?",
)


def conversations_list(conversations: Sequence[ConversationInfo], current: str | None) -> str:
    if not conversations:
        return '<p class="quiet">Your conversations will be listed here.</p>'
    return '<ul class="chats">' + "".join(_chat_row(info, current) for info in conversations) + "</ul>"


def _chat_row(info: ConversationInfo, current: str | None) -> str:
    rename, delete = f"rename {info.id}", f"delete {info.id}"
    here = ' aria-current="true"' if info.id == current else ""
    open_ = action("switch", f"<span>{name_of(info.title)}</span>", css="chat-open", id=info.id)
    tools = action("unfold", icon("edit"), label="Rename", css="icon-button on-hover", opens=rename) + action(
        "unfold", icon("trash"), label="Delete", css="icon-button on-hover", opens=delete
    )
    about = escape(f"{info.title}\n{ago(info.updated_at)}, {info.turns} question{'s' * (info.turns != 1)}")
    row = f'<div class="chat-line" title="{about}"{here}>{open_}{tools}</div>'
    name = (
        f'<input class="rename" data-fold="{escape(rename)}" data-enter="rename" data-id="{escape(info.id)}"'
        f' maxlength="120" value="{escape(info.title)}" aria-label="New name" hidden>'
    )
    yes = action("delete", "Delete", css="danger", id=info.id)
    return f"<li>{row}{name}{confirmation(delete, 'Delete this conversation for good?', yes, label='Delete?')}</li>"


def ago(when: float, now: float | None = None) -> str:
    """A Unix time as people say it."""
    seconds = max(0.0, (time.time() if now is None else now) - when)
    for limit, unit, word in ((60, 1, ""), (3600, 60, "minute"), (_DAY_S, 3600, "hour"), (30 * _DAY_S, _DAY_S, "day")):
        if seconds < limit:
            count = int(seconds // unit)
            return f"{count} {word}{'s' * (count != 1)} ago" if word else "just now"
    return time.strftime("%d %B %Y", time.localtime(when))


def history(exchanges: Sequence[Exchange]) -> str:
    """The finished part of a conversation."""
    return "".join(
        exchange(item.question, item.answer, turn, searched=item.searched, stopped=item.stopped)
        for turn, item in enumerate(exchanges)
    )


def live(progress: Progress | None) -> str:
    """The answer that is being written, or the one that ended without being kept (an error, a stop)."""
    if progress is None:
        return ""
    body = answer_text(progress.parts, progress.citations, turn=-1) if progress.parts else ""
    state = ""
    if not progress.done:
        waiting = "Searching your documents…" if progress.passages is None else f"Reading {_passages(progress)}…"
        state = "" if body else f'<p class="thinking">{escape(waiting)}</p>'
    elif progress.message:
        state = notice(progress.message, progress.remedy)
    return (
        f'<article class="exchange live" aria-busy="{str(not progress.done).lower()}">'
        f'{question_bubble(progress.question)}<div class="answer" aria-live="polite">{searched_line(progress.searched)}'
        f'<div class="answer-text">{body}{state}</div></div></article>'
    )


def _passages(progress: Progress) -> str:
    count = len(progress.passages or ())
    return f"{count} passage{'s' * (count != 1)}"


def sample_questions(samples: Path, locations: Sequence[str], documents: Sequence[Document]) -> list[str]:
    """Questions for an empty chat: those that come with the samples, if these are known, else made from titles."""
    if any(Path(location) == samples for location in locations):
        return list(SAMPLE_QUESTIONS)
    titles = [document.title for document in documents if document.status == "ok" and 3 < len(document.title) < 60]
    return [f"What is “{title}” about?" for title in titles[:3]]


def welcome(questions: Sequence[str], ready: int, *, reading: bool, offer_samples: bool) -> str:
    """The empty chat: what to do next."""
    if reading and not ready:
        return (
            f'<div class="welcome"><div class="mark">{icon("file")}</div><h1>Reading your documents</h1>'
            "<p>You can ask as soon as the first ones are ready. Progress is shown on the left.</p></div>"
        )
    if not ready:
        offer = action("samples", "Try the sample documents", css="primary-button") if offer_samples else ""
        return (
            f'<div class="welcome"><div class="mark">{icon("chat")}</div><h1>Ask your own documents</h1>'
            "<p>Add a folder, files or a YouTube link on the left. Docent reads them on this computer and answers with "
            f"the sentence and the page it stands on.</p>{offer}</div>"
        )
    cards = "".join(action("ask", escape(question), css="sample", question=question) for question in questions)
    return (
        f'<div class="welcome"><div class="mark">{icon("chat")}</div><h1>What would you like to know?</h1>'
        f"<p>{ready:,} document{'s are' if ready != 1 else ' is'} ready. Answers quote them and say where each quote "
        f'stands.</p><div class="samples">{cards}</div></div>'
    )
