"""The events and results that the Assistant reports to the command line, the HTTP API and the window.

A question yields ``Retrieved``, any number of ``Searched``, then of ``ThoughtDelta`` and ``TextDelta``, then exactly
one ``Answered``.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rag.types import Answer, Block, Document, Passage, Place, Source, TextDelta, ThoughtDelta


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages an answer is written from. ``question`` is the one searched for, completed from the conversation."""

    question: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """A further search by the language model (``answer.mode``): what for, and the passages that were not known before,
    whose numbers go on."""

    question: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of a question. ``timings_ms`` maps a step's name to milliseconds, ``total`` included.

    ``conversation_id`` is None when the exchange was not recorded. ``stopped`` says that a person ended the answer:
    then ``answer`` holds the text and the citations so far. ``unrecorded`` says why the exchange could not be recorded.
    """

    answer: Answer
    timings_ms: dict[str, float]
    conversation_id: str | None
    stopped: bool = False
    unrecorded: str = ""


AskEvent = Retrieved | Searched | ThoughtDelta | TextDelta | Answered


@dataclass(frozen=True, slots=True)
class Looked:
    """A passage that was read for an answer, without its text. ``score`` is higher for a better one."""

    document_id: int
    title: str
    start: int
    end: int
    page: int | None
    page_label: str | None
    start_s: float | None
    score: float

    @classmethod
    def of(cls, passage: Passage) -> Self:
        """Returns what is kept of a passage."""
        found, place = passage.document, (passage.page, passage.page_label, passage.start_s)
        return cls(found.id, found.title, passage.start, passage.end, *place, round(passage.score, 6))


@dataclass(frozen=True, slots=True)
class Work:
    """How an answer came about: milliseconds of its steps, ``total`` included, the passages that were read, what the
    model searched for besides, and what it thought."""

    timings_ms: dict[str, float]
    passages: tuple[Looked, ...]
    searches: tuple[str, ...] = ()
    thought: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of a conversation with its answer. ``asked_at`` is a Unix time in seconds.

    ``searched`` is the question as it was completed for the search, None where it needed no help. ``stopped`` says that
    a person ended the answer, ``damaged`` that its entry is no longer what was written. ``work`` is None for answers of
    earlier versions; ``feedback`` is 1 (good), -1 or 0. ``id`` names the exchange within its conversation; it grows.
    ``parent`` is the exchange that it follows, 0 at the beginning; ``versions`` are those that were asked in place of
    one another, oldest first, itself among them.
    """

    question: str
    answer: Answer
    asked_at: float = 0.0
    searched: str | None = None
    stopped: bool = False
    damaged: bool = False
    work: Work | None = None
    feedback: int = 0
    id: int = 0
    parent: int = 0
    versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a person has chosen to ask: folders, and documents and collections by their ids; nothing of a kind restricts
    nothing."""

    folders: tuple[str, ...] = ()
    documents: tuple[int, ...] = ()
    collections: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationFolder:
    """A folder of conversations."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """A conversation as a list shows it. ``updated_at`` is a Unix time in seconds; ``turns`` counts exchanges.

    ``folder`` is the id of the folder in which it lies, None outside of all. ``scope`` and ``model`` are what was
    chosen for its next questions; None for the model that is set up. ``excerpt`` is the piece of it around the words
    of a search, None without one and where they stand in the title."""

    id: str
    title: str
    updated_at: float
    turns: int
    pinned: bool = False
    folder: int | None = None
    model: str | None = None
    scope: Scope = Scope()
    excerpt: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document with its canonical text. ``pages`` is None unless its pages can be shown as pictures; ``there`` says
    whether its file is on the disk now."""

    document: Document
    text: str
    pages: int | None
    there: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """How the text of a document is laid out: its blocks that are more than paragraphs and tables, and the position at
    which each place of its file begins."""

    blocks: tuple[Block, ...]
    places: tuple[tuple[int, Place], ...]


@dataclass(frozen=True, slots=True)
class Status:
    """The library at a glance. ``counts`` maps each document status to a number, plus ``chunks``; ``unreachable`` are
    the folders and files that were added and are not there at the moment."""

    sources: tuple[Source, ...]
    documents: int
    counts: dict[str, int]
    embedder: str | None
    library_path: str
    size_bytes: int
    data_dir: Path
    problems: tuple[Document, ...] = field(default=())
    unreachable: tuple[str, ...] = ()
