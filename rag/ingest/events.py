"""What a sync takes and tells: settings in, events while it runs, a report at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rag.ingest.scan import Patterns, Trouble
from rag.types import Document, DocumentStatus, ParsedDocument, Source


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """``max_pdf_mb`` is apart because a PDF of scanned pages is large and holds little text."""

    max_file_mb: float = 200.0
    max_pdf_mb: float = 1000.0
    target_tokens: int = 220
    embed_chunks: int = 256  # chunks embedded and committed together, across documents
    patterns: Patterns = field(default_factory=Patterns)
    lock_timeout_s: float = 0.0

    def limit_mb(self, path: str) -> float:
        return max(self.max_file_mb, self.max_pdf_mb) if path.lower().endswith(".pdf") else self.max_file_mb


@dataclass(frozen=True, slots=True)
class SyncEvent:
    """``scanned``: ``total`` documents will be looked into. ``document``: ``path`` is finished; a folder that cannot be
    opened comes as one with status failed. ``embedding``: ``done`` of ``total`` chunks of the batch that ends with
    ``path``, or of the whole library when ``path`` is empty (the embedder has changed). ``done``: the end."""

    kind: Literal["scanned", "document", "embedding", "done"]
    path: str = ""
    status: DocumentStatus | Literal["removed"] | None = None
    error: str | None = None
    chunks: int = 0
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class SyncReport:
    """``documents`` were read in this run (ok, failed or skipped) or renamed; unchanged ones are only counted.

    ``counts`` has "ok", "failed", "skipped", "renamed", "removed", "unchanged" and "chunks" (those read in this run).
    ``unreachable`` sources were not there; their documents are kept. ``troubles`` are folders, links and addresses
    that could not be looked at, and files that changed while they were read; the next sync tries again.
    """

    documents: tuple[Document, ...] = ()
    removed: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    unreachable: tuple[Source, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    seconds: float = 0.0
    cancelled: bool = False


class Video(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def url(self) -> str: ...


class VideoReader(Protocol):
    """What a sync needs of ``rag.ingest.youtube.YouTubeReader``."""

    def videos(self, url: str) -> Sequence[Video]: ...

    def read(self, video_id: str) -> ParsedDocument: ...
