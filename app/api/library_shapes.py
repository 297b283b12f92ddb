"""The JSON documents of the library, its sources and syncs, made from the dataclasses of rag.types and app.events."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, Self, TypeAlias, get_args

from app import events
from app.api.shape import ErrorLine, Shape
from rag import types

if TYPE_CHECKING:
    from rag.ingest import events as ingest
    from rag.ingest.preview import Preview


class Document(Shape):
    """A document of the library; ``size`` is in bytes, ``error`` says why it could not be read."""

    id: int
    path: str
    title: str
    status: types.DocumentStatus
    error: str | None
    chunks: int
    size: int
    media_type: str


class DocumentReply(Document):
    """A document with the length of its text; ``pages`` is null unless its pages can be shown as pictures."""

    characters: int
    pages: int | None

    @classmethod
    def of(cls, view: events.DocumentView) -> Self:
        known = Document.model_validate(view.document).plain()
        return cls(**known, characters=len(view.text), pages=view.pages)


class DocumentList(Shape):
    documents: list[Document]

    @classmethod
    def of(cls, documents: Iterable[types.Document]) -> Self:
        return cls(documents=[Document.model_validate(document) for document in documents])


class Source(Shape):
    """A folder, file or URL that was added; ``added_at`` is a Unix time in seconds."""

    id: int
    kind: Literal["folder", "file", "youtube"]
    location: str
    added_at: float


class Status(Shape):
    """The library at a glance. ``counts`` maps each document status to a number, plus ``chunks``."""

    sources: list[Source]
    documents: int
    chunks: int
    counts: dict[str, int]
    problems: list[Document]
    embedder: str | None
    library_path: str
    size_bytes: int
    data_dir: str

    @classmethod
    def of(cls, status: events.Status) -> Self:
        return cls(
            sources=[Source.model_validate(source) for source in status.sources],
            documents=status.documents,
            chunks=status.counts.get("chunks", 0),
            counts=status.counts,
            problems=[Document.model_validate(document) for document in status.problems],
            embedder=status.embedder,
            library_path=str(status.library_path),
            size_bytes=status.size_bytes,
            data_dir=str(status.data_dir),
        )


class Removed(Shape):
    """The result of a removal: ``removed`` documents have left the library."""

    location: str
    removed: int


class SyncedDocument(Shape):
    path: str
    status: types.DocumentStatus
    error: str | None
    chunks: int
    id: int


class Trouble(Shape):
    """A folder, link or file that could not be looked at."""

    path: str
    reason: str


class SyncReport(Shape):
    """The result of a sync. ``documents`` are all those of the synced sources, unchanged ones too."""

    documents: list[SyncedDocument]
    counts: dict[str, int]
    seconds: float
    removed: list[str]
    unreachable: list[str]
    troubles: list[Trouble]
    cancelled: bool

    @classmethod
    def of(cls, report: "ingest.SyncReport", documents: Sequence[types.Document]) -> Self:
        return cls(
            documents=[SyncedDocument.model_validate(document) for document in documents],
            counts=counts_of(documents),
            seconds=round(report.seconds, 3),
            removed=list(report.removed),
            unreachable=[source.location for source in report.unreachable],
            troubles=[Trouble.model_validate(trouble) for trouble in report.troubles],
            cancelled=report.cancelled,
        )


def counts_of(documents: Iterable[types.Document]) -> dict[str, int]:
    """Counts the documents of each status, and the number of all their chunks as ``chunks``."""
    counts = {**dict.fromkeys(get_args(types.DocumentStatus), 0), "chunks": 0}
    for document in documents:
        counts[document.status] += 1
        counts["chunks"] += document.chunks
    return counts


class LeftOut(Shape):
    """What a pattern leaves out: ``paths`` of files and, with a slash at the end, folders; ``files`` counts the files,
    those in the folders too. ``place`` is the setting or ``.docentignore`` that holds the pattern, which is empty for
    files that no pattern of ``library.include`` matches."""

    pattern: str
    place: str
    paths: list[str]
    files: int


class SyncPreview(Shape):
    """What a sync would do. ``files`` are those that the sources would hold; of these ``to_read`` are new or changed.
    ``gone`` would leave the library."""

    files: list[str]
    to_read: list[str]
    gone: list[str]
    left_out: list[LeftOut]

    @classmethod
    def of(cls, preview: "Preview") -> Self:
        return cls(
            files=list(preview.files),
            to_read=list(preview.to_read),
            gone=list(preview.gone),
            left_out=[LeftOut.model_validate(one) for one in preview.left_out],
        )


class SyncStep(Shape):
    """A step of a sync. ``done`` and ``total`` count documents, or chunks where ``event`` is ``embedding``."""

    event: Literal["scanned", "document", "embedding", "done"]
    path: str
    status: types.DocumentStatus | Literal["removed"] | None
    error: str | None
    chunks: int
    done: int
    total: int

    @classmethod
    def of(cls, event: "ingest.SyncEvent") -> Self:
        return cls(
            event=event.kind,
            path=event.path,
            status=event.status,
            error=event.error,
            chunks=event.chunks,
            done=event.done,
            total=event.total,
        )


class ReportEvent(Shape):
    event: Literal["report"] = "report"


class ReportLine(SyncReport, ReportEvent):
    """The last line of a streamed sync."""


SyncLine: TypeAlias = SyncStep | ReportLine | ErrorLine
