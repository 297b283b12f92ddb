"""What a sync reports: events while it runs, and a summary at the end."""

from dataclasses import dataclass, field
from typing import Literal

from rag.ingest.sources.scan import Trouble
from rag.types import Document, DocumentStatus, Source


@dataclass(frozen=True, slots=True)
class SyncEvent:
    """``scanned``: ``total`` documents will be looked into. ``document``: ``path`` is finished; a folder that cannot be
    opened comes as one with status failed. ``reading``: ``done`` of ``total`` parts of a large file are read.
    ``embedding``: ``done`` of ``total`` chunks of the batch that ends with ``path``, or of all stored ones that wait
    for it when ``path`` is empty (see ``rag.ingest.index_batch``). ``done``: the end."""

    kind: Literal["scanned", "reading", "document", "embedding", "done"]
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
