"""Holds the state of the window: ``Desk`` for what all pages share, and the frozen values that each page keeps."""

from dataclasses import dataclass, field
from pathlib import Path

from app.settings.paths import resource
from rag.types import Filter
from ui.answering import Answering
from ui.backend import Backend
from ui.syncing import Syncing


@dataclass(frozen=True, slots=True)
class ListView:
    """The list of documents as one page shows it."""

    scope: Filter = field(default_factory=Filter)
    query: str = ""


@dataclass(frozen=True, slots=True)
class SourceView:
    """The contents of the source pane: a document, the quoted span, the words read from it, and the text around it.

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
    page_label: str | None = None
    start_s: float | None = None
    as_text: bool = False
    first: int | None = None
    last: int | None = None


@dataclass
class Desk:
    """The state shared by all pages of a process. ``last_conversation`` is what a reloaded page shows again.

    Files dropped on the window come from the folder ``uploads``."""

    assistant: Backend
    inbox: Path
    uploads: Path
    samples: Path = field(default_factory=lambda: resource("samples"))
    last_conversation: str | None = None
    answering: Answering = field(init=False)
    syncing: Syncing = field(init=False)

    def __post_init__(self) -> None:
        self.answering = Answering(self.assistant)
        self.syncing = Syncing(self.assistant)
