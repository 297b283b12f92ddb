"""Renders the left pane as HTML: sources with their documents, their status in plain words, and the progress of a sync.

A long list is cut, and says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from markupsafe import Markup

from rag.types import Document, DocumentStatus, Filter, Source
from ui.state import ListView
from ui.syncing import SyncProgress
from ui.templating import template

ROWS = 300  # rows of documents in the page at most; the search box reaches the others
_HASH_CHARS = 16  # of a hash of content; shorter marks say that it is not known
_STATUS: dict[DocumentStatus, tuple[str, str]] = {  # label, explanation where the library has none
    "ok": ("Ready", "The document is ready."),
    "failed": ("Not read", "The document could not be read."),
    "skipped": ("Left out", "The document was left out."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A document in the list. ``removable`` is the location by which it can be removed alone, if it can; ``copy_of`` is
    the path of an earlier document with the same content."""

    document: Document
    checked: bool
    removable: str | None
    copy_of: str | None = None

    @property
    def ready(self) -> bool:
        return self.document.status == "ok"

    @property
    def label(self) -> str:
        return _STATUS[self.document.status][0]

    @property
    def why(self) -> str:
        return self.document.error or _STATUS[self.document.status][1]

    @property
    def name(self) -> str:
        return self.document.title if self.document.title.strip() else PurePath(self.document.path).name


@dataclass(frozen=True, slots=True)
class Group:
    """A source in the list with the rows that are shown of its ``total`` documents.

    ``consequence`` says what removing it does to the files. A ``single`` source is shown as its only document.
    """

    id: int
    location: str
    name: str
    icon: str
    checked: bool
    consequence: str
    rows: Sequence[Row]
    total: int
    single: bool

    @property
    def troubled(self) -> int:
        return sum(not row.ready for row in self.rows)

    @property
    def left_out(self) -> int:
        return self.total - len(self.rows)


def documents_list(
    sources: Sequence[Source], documents: Sequence[Document], view: ListView, inbox: Path, samples: Path | None
) -> Markup:
    """Renders the whole list. ``samples`` is the folder that the empty list offers, None when there is none."""
    if not sources:
        return template("documents.empty")(samples is not None)
    copies = _copies(documents)
    by_source: dict[int, list[Document]] = defaultdict(list)
    for document in _matching(documents, view.query):
        by_source[document.source_id].append(document)
    groups, room = [], ROWS
    for source in sources:
        found = sorted(by_source[source.id], key=lambda document: (document.status == "ok", document.path.lower()))
        if view.query and not found:
            continue
        groups.append(_group(source, found[: max(room, 0)], len(found), view, inbox, copies))
        room -= len(found)
    return template("documents.documents_list")(groups) if groups else template("documents.not_found")(view.query)


def _matching(documents: Iterable[Document], query: str) -> Iterable[Document]:
    words = query.lower().split()
    return (
        document
        for document in documents
        if all(word in document.title.lower() or word in document.path.lower() for word in words)
    )


def source_name(source: Source, inbox: Path) -> str:
    """Names the source as a person would."""
    if source.location == str(inbox):
        return "Added files"
    if source.kind == "youtube":
        return source.location
    return PurePath(source.location).name or source.location


def _copies(documents: Iterable[Document]) -> dict[int, str]:
    """Returns for each document whose content another one has, too, the path of the first of them."""
    first: dict[str, str] = {}
    copies: dict[int, str] = {}
    for document in sorted(documents, key=lambda document: document.path):
        if document.status != "ok" or len(document.content_hash) < _HASH_CHARS:
            continue
        original = first.setdefault(document.content_hash, document.path)
        if original != document.path:
            copies[document.id] = original
    return copies


def _group(
    source: Source, documents: Sequence[Document], total: int, view: ListView, inbox: Path, copies: Mapping[int, str]
) -> Group:
    ours = source.location == str(inbox)
    single = source.kind == "file" or (source.kind == "youtube" and total == 1)
    rows = []
    for document in documents:
        copied = PurePath(document.path).parent == inbox
        removable = source.location if single else document.path if copied else None
        rows.append(Row(document, document.id in view.scope.document_ids, removable, copies.get(document.id)))
    return Group(
        id=source.id,
        location=source.location,
        name=source_name(source, inbox),
        icon={"folder": "folder", "file": "file", "youtube": "video"}[source.kind],
        checked=source.location in view.scope.folders,
        consequence="The copies in Docent’s inbox are deleted." if ours else "The files stay where they are.",
        rows=rows,
        total=total,
        single=single and bool(rows),
    )


def progress(state: SyncProgress) -> Markup:
    """Renders the bar while a sync runs; afterwards its outcome until it is dismissed."""
    if not state.running:
        return template("documents.outcome")(state)
    stage = "Stopping…" if state.cancelling else _stage(state)
    percent = 100 * state.done / state.total if state.total else None
    return template("documents.running")(state, stage, PurePath(state.path).name or state.path, percent)


def _stage(state: SyncProgress) -> str:
    if state.stage == "embedding":
        return "Making them searchable…"
    return (
        f"Reading {min(state.done + 1, state.total):,} of {state.total:,}" if state.total else "Looking for documents…"
    )


def scope_line(scope: Filter, documents: Sequence[Document]) -> Markup:
    """Renders what the question is restricted to; nothing when it is not."""
    if not scope:
        return Markup("")
    chosen = [document.title for document in documents if document.id in scope.document_ids]
    folders = [PurePath(folder).name or folder for folder in scope.folders]
    return template("documents.scope_line")(folders + chosen)
