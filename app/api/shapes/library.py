"""The JSON documents of the library, its sources and syncs, made from the dataclasses of rag.types and app.events."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

from app import events
from app.api.shapes.base import ErrorLine, Shape
from app.process.opening import SHOWN
from rag import types
from rag.text.table_spans import TableSpans

if TYPE_CHECKING:
    from rag.ingest import events as ingest
    from rag.ingest.preview import Preview


_HASH_CHARS = 16  # of a hash of content; shorter marks say that it is not known


class Document(Shape):
    """A document of the library; ``size`` is in bytes, ``error`` says why it could not be read, ``read_at`` is a Unix
    time in seconds. ``page_count`` is that of pages, slides or sheets, null for what has none."""

    id: int
    source_id: int
    path: str
    title: str
    status: types.DocumentStatus
    error: str | None
    chunks: int
    size: int
    media_type: str
    read_at: float
    page_count: int | None


class DocumentReply(Document):
    """A document with the length of its text; ``pages`` is null unless its pages can be shown as pictures. ``there``
    says whether its file is on the disk now, ``opens`` whether it can be opened in its own program."""

    characters: int
    pages: int | None
    there: bool
    opens: bool

    @classmethod
    def of(cls, view: events.DocumentView) -> Self:
        known = Document.model_validate(view.document).plain()
        opens = view.there and PurePath(view.document.path).suffix.lower() in SHOWN
        return cls(**known, characters=len(view.text), pages=view.pages, there=view.there, opens=opens)


class DocumentList(Shape):
    """``copies`` maps the id of a document whose content an earlier one has, too, to that one's path."""

    documents: list[Document]
    copies: dict[int, str]

    @classmethod
    def of(cls, documents: Iterable[types.Document]) -> Self:
        known = list(documents)
        return cls(documents=[Document.model_validate(document) for document in known], copies=_copies(known))


def _copies(documents: Sequence[types.Document]) -> dict[int, str]:
    first: dict[str, str] = {}
    copies: dict[int, str] = {}
    for document in sorted(documents, key=lambda document: document.path):
        if document.status != "ok" or len(document.content_hash) < _HASH_CHARS:
            continue
        original = first.setdefault(document.content_hash, document.path)
        if original != document.path:
            copies[document.id] = original
    return copies


class Source(Shape):
    """A folder, file or URL that was added; ``added_at`` is a Unix time in seconds."""

    id: int
    kind: Literal["folder", "file", "youtube"]
    location: str
    added_at: float


class Status(Shape):
    """The library at a glance. ``counts`` maps each document status to a number, plus ``chunks``; ``unreachable`` are
    the folders and files that were added and are not there at the moment."""

    sources: list[Source]
    documents: int
    chunks: int
    counts: dict[str, int]
    problems: list[Document]
    embedder: str | None
    library_path: str
    size_bytes: int
    data_dir: str
    unreachable: list[str]

    @classmethod
    def of(cls, status: events.Status) -> Self:
        return cls(
            sources=[Source.model_validate(source) for source in status.sources],
            documents=status.documents,
            chunks=status.counts.get("chunks", 0),
            counts=status.counts,
            problems=[Document.model_validate(document) for document in status.problems],
            embedder=status.embedder,
            library_path=status.library_path,
            size_bytes=status.size_bytes,
            data_dir=str(status.data_dir),
            unreachable=list(status.unreachable),
        )


class Collection(Shape):
    """A named set of documents. ``locations`` are the paths and URLs of documents and folders in it, ``documents`` is
    the number of documents that these are now. ``shared``: all who use this Docent see it."""

    id: int
    name: str
    locations: list[str]
    documents: int
    shared: bool

    @classmethod
    def of(cls, collection: types.Collection, documents: int) -> Self:
        return cls(
            id=collection.id,
            name=collection.name,
            locations=list(collection.locations),
            documents=documents,
            shared=not collection.owner,
        )


class CollectionList(Shape):
    """The collections, ordered by name."""

    collections: list[Collection]


class Handed(Shape):
    """Something was added; it is read in the background."""

    location: str


class FolderReply(Shape):
    """A folder of this computer: the names of the folders in it, how many files it holds beside them, and the names of
    those that Docent reads by their suffix, a thousand at most."""

    path: str
    parent: str | None
    folders: list[str]
    files: int
    readable: list[str]


class TableCell(Shape):
    """A cell: characters ``start`` to ``end`` of the document's text, in a column counted from 0."""

    start: int
    end: int
    column: int


class TableRow(Shape):
    start: int
    end: int
    header: bool
    cells: list[TableCell]


class Table(Shape):
    """A table of a document. ``columns`` holds the name of each column, empty where it has none."""

    start: int
    end: int
    caption: str
    columns: list[str]
    rows: list[TableRow]


def plain_table(table: TableSpans, start: int, end: int, *, with_cells: bool) -> dict[str, Any]:
    """Returns a ``Table`` with its rows in ``text[start:end]`` as a dictionary of JSON values: there can be millions of
    cells."""
    rows = [
        {
            "start": row.start,
            "end": row.end,
            "header": row.is_header,
            "cells": [{"start": cell.start, "end": cell.end, "column": cell.column} for cell in row.cells]
            if with_cells
            else [],
        }
        for row in table.rows
        if row.start < end and row.end > start
    ]
    return {
        "start": table.start,
        "end": table.end,
        "caption": table.caption,
        "columns": list(table.columns) if with_cells else [],
        "rows": rows,
    }


class TableList(Shape):
    """The tables of a document, in the order of its text."""

    tables: list[Table]


class LayoutBlock(Shape):
    """What the characters ``start`` to ``end`` of a document's text are. ``level`` is the depth of a heading (from 1)
    or of an item of a list; ``label`` names a heading that does not stand in the text, such as the name of a sheet."""

    start: int
    end: int
    kind: types.BlockKind
    level: int
    label: str | None

    @staticmethod
    def plain_of(block: types.Block) -> dict[str, Any]:
        """Returns one as a dictionary of JSON values."""
        return {
            "start": block.start,
            "end": block.end,
            "kind": block.kind,
            "level": block.level,
            "label": block.label,
        }


class LayoutPlace(Shape):
    """From ``start`` on the text stands on this page, slide or sheet (from 1), or at this second of a recording."""

    start: int
    page: int | None
    page_label: str | None
    start_s: float | None

    @staticmethod
    def plain_of(start: int, at: types.Place) -> dict[str, Any]:
        """Returns one as a dictionary of JSON values."""
        return {"start": start, "page": at.page, "page_label": at.page_label, "start_s": at.start_s}


class DocumentLayout(Shape):
    """How the text of a document is laid out. Paragraphs, parted by empty lines, and tables are not listed."""

    blocks: list[LayoutBlock]
    places: list[LayoutPlace]


class Box(Shape):
    """A rectangle on a page, in points from its top left corner."""

    x0: float
    y0: float
    x1: float
    y1: float


class Marks(Shape):
    """Where on a page a quote stands (``quote``), and the words read from it (``read``)."""

    quote: list[Box]
    read: list[Box]


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
    """A step of a sync. ``done`` and ``total`` count documents, chunks where ``event`` is ``embedding``, and parts of a
    large file (pages, characters) where it is ``reading``."""

    event: Literal["scanned", "reading", "document", "embedding", "done"]
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
