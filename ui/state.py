"""The desk: what all pages of the window share while Docent runs, and the small values that one page keeps for itself.

In: the Assistant. Out: ``Desk`` with the running answer and syncs; ``ListView`` and ``SourceView``, frozen, kept by
Gradio for each page. No HTML here.
"""

from dataclasses import dataclass, field
from pathlib import Path

from app.settings.paths import resource
from rag.types import Filter
from ui.answering import Answering
from ui.backend import Backend
from ui.syncing import Syncing


@dataclass(frozen=True, slots=True)
class ListView:
    """How one page shows the list of documents."""

    scope: Filter = field(default_factory=Filter)
    query: str = ""


@dataclass(frozen=True, slots=True)
class SourceView:
    """What the source pane shows: a document, the quoted span, the words read from it, and how much text around it.

    ``first`` and ``last`` bound the part of the text that is shown; ``page`` is the picture shown, from 1.
    """

    document_id: int
    title: str = ""
    location: str = ""
    quote: str = ""
    start: int = 0
    end: int = 0
    read: tuple[int, int] | None = None
    page: int | None = None
    start_s: float | None = None
    as_text: bool = False
    first: int | None = None
    last: int | None = None


@dataclass
class Desk:
    """One a process. ``last_conversation`` is what a reloaded page shows again."""

    assistant: Backend
    inbox: Path
    samples: Path = field(default_factory=lambda: resource("samples"))
    last_conversation: str | None = None
    answering: Answering = field(init=False)
    syncing: Syncing = field(init=False)

    def __post_init__(self) -> None:
        self.answering = Answering(self.assistant)
        self.syncing = Syncing(self.assistant)
