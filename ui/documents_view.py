"""The left pane as HTML: sources with their documents, their status in plain words, and the progress of a sync.

In: what the Assistant lists, ``ListView`` and ``SyncProgress``. Out: escaped HTML. A long list is cut, and says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from rag.types import Document, DocumentStatus, Filter, Source
from ui.render import action, confirmation, escape, icon, name_of, notice
from ui.state import ListView
from ui.syncing import SyncProgress

ROWS = 300  # rows of documents in the page at most; the search box reaches the others
_STATUS: dict[DocumentStatus, tuple[str, str]] = {  # label, explanation where the library has none
    "ok": ("Ready", "The document is ready."),
    "failed": ("Not read", "The document could not be read."),
    "skipped": ("Left out", "The document was left out."),
}


def documents_list(
    sources: Sequence[Source], documents: Sequence[Document], view: ListView, inbox: Path, samples: Path | None
) -> str:
    """The whole list. ``samples`` is the folder that the empty list offers, None when there is none."""
    if not sources:
        return _empty(samples)
    by_source: dict[int, list[Document]] = defaultdict(list)
    for document in _matching(documents, view.query):
        by_source[document.source_id].append(document)
    groups, room = [], ROWS
    for source in sources:
        rows = sorted(by_source[source.id], key=lambda document: (document.status == "ok", document.path.lower()))
        if view.query and not rows:
            continue
        groups.append(_group(source, rows[: max(room, 0)], len(rows), view, inbox))
        room -= len(rows)
    if not groups:
        return f'<p class="quiet">No document is called “{escape(view.query)}”.</p>'
    return "".join(groups)


def _matching(documents: Iterable[Document], query: str) -> Iterable[Document]:
    words = query.lower().split()
    return (
        document
        for document in documents
        if all(word in document.title.lower() or word in document.path.lower() for word in words)
    )


def _empty(samples: Path | None) -> str:
    offer = action("samples", "Try the sample documents", css="quiet-button") if samples else ""
    return (
        f'<div class="empty-list">{icon("folder")}<p><strong>Nothing here yet</strong></p>'
        "<p>Type the path of a folder above, paste a YouTube link, or drop files on the window. "
        f"Everything stays on this computer.</p>{offer}</div>"
    )


def source_name(source: Source, inbox: Path) -> str:
    """What a person would call the source."""
    if source.location == str(inbox):
        return "Added files"
    if source.kind == "youtube":
        return source.location
    return PurePath(source.location).name or source.location


def _group(source: Source, rows: Sequence[Document], total: int, view: ListView, inbox: Path) -> str:
    name = source_name(source, inbox)
    checked = source.location in view.scope.folders
    kind = {"folder": "folder", "file": "file", "youtube": "video"}[source.kind]
    single = source.kind == "file" or (source.kind == "youtube" and total == 1)
    if single and rows:
        return f'<ul class="documents single">{_row(rows[0], view, removable=source.location)}</ul>'
    troubled = sum(document.status in ("failed", "skipped") for document in rows)
    note = f'<span class="trouble-count">{troubled} not read</span>' if troubled else ""
    ours = source.location == str(inbox)
    consequence = "The copies in Docent’s inbox are deleted." if ours else "The files stay where they are."
    remove, confirm = _removal(source.location, name, consequence)
    head = (
        f'<summary class="group-head"><span class="fold">{icon("right")}</span>'
        f"{_checkbox(checked, f'Ask only {name}', folder=source.location)}"
        f'<span class="group-name" title="{escape(source.location)}">{icon(kind)}{name_of(name)}</span>'
        f'{note}<span class="count">{total:,}</span>{remove}</summary>'
    )
    inside = "".join(_row(row, view, row.path if PurePath(row.path).parent == inbox else None) for row in rows)
    cut = f'<p class="quiet">… and {total - len(rows):,} more. Search to find them.</p>' if total > len(rows) else ""
    if not total:
        cut = '<p class="quiet">Nothing in it that Docent can read.</p>'
    return (
        f'<section class="group" aria-label="{escape(name)}">{confirm}<details open data-key="group-{source.id}">{head}'
        f'<ul class="documents">{inside}</ul>{cut}</details></section>'
    )


def _removal(location: str, name: str, consequence: str = "") -> tuple[str, str]:
    """The button that asks whether to remove a source, and the question."""
    key = f"remove {location}"
    button = action("unfold", icon("trash"), label=f"Remove {name}", css="icon-button on-hover", opens=key)
    yes = action("remove", "Remove", css="danger", location=location)
    question = f"Remove {name_of(name)} from Docent? {escape(consequence)}"
    return button, confirmation(key, question, yes, label="Remove?")


def _row(document: Document, view: ListView, removable: str | None) -> str:
    label, explanation = _STATUS[document.status]
    why = document.error or explanation
    ready = document.status == "ok"
    passages = f"{document.chunks:,} passage{'s' * (document.chunks != 1)}"
    name = document.title if document.title.strip() else PurePath(document.path).name
    where = escape(f"{document.path}\n{passages if ready else why}")
    detail = f'<span aria-label="{passages}">{document.chunks:,}</span>' if ready else escape(label)
    body = (
        f'<span class="dot {document.status}" role="img" aria-label="{escape(label)}"></span>'
        f'<span class="doc-name">{name_of(name)}</span><span class="doc-detail">{detail}</span>'
    )
    remove, confirm = _removal(removable, name) if removable else ("", "")
    if ready:
        box = _checkbox(document.id in view.scope.document_ids, f"Ask only {name}", document=document.id)
        main = action("open", body, css="doc-open", document=document.id)
        item = f'<div class="doc-line" title="{where}">{box}{main}{remove}</div>'
    else:
        warned = f'<p class="why">{escape(why)}</p>'
        item = (
            f'<div class="doc-line" title="{where}"><span class="no-box"></span>'
            f'<details class="trouble" data-key="doc-{document.id}"><summary>{body}</summary>{warned}</details>'
            f"{remove}</div>"
        )
    return f'<li class="doc">{item}{confirm}</li>'


def _checkbox(checked: bool, label: str, **data: object) -> str:
    attributes = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
    return (
        f'<button type="button" role="checkbox" aria-checked="{str(checked).lower()}" class="box" data-act="scope"'
        f'{attributes} aria-label="{escape(label)}" title="{escape(label)}">{icon("check")}</button>'
    )


def progress(state: SyncProgress) -> str:
    """The bar while a sync runs; afterwards its outcome until it is dismissed."""
    if not state.running:
        if state.message:
            close = action("dismiss", icon("close"), label="Dismiss", css="icon-button")
            return f'<div class="with-close">{notice(state.message, state.remedy)}{close}</div>'
        if state.summary:
            trouble = f" {state.failed} could not be read." if state.failed else ""
            return f'<p class="quiet done" role="status">{icon("check")}{escape(state.summary + trouble)}</p>'
        return ""
    share = state.done / state.total if state.total else 0.0
    stage = "Stopping…" if state.cancelling else _stage(state)
    file = PurePath(state.path).name or state.path
    cancel = "" if state.cancelling else action("cancel", "Cancel", css="quiet-button")
    value = f'aria-valuenow="{round(100 * share)}"' if state.total else ""
    width = f"width:{100 * share:.1f}%" if state.total else ""
    return (
        f'<div class="progress" role="status"><div class="progress-line"><span>{escape(stage)}</span>{cancel}</div>'
        f'<div class="bar{"" if state.total else " unknown"}" role="progressbar" aria-label="Reading documents"'
        f' aria-valuemin="0" aria-valuemax="100" {value}>'
        f'<span style="{width}"></span></div><p class="file">{name_of(file) if file else "&nbsp;"}</p></div>'
    )


def _stage(state: SyncProgress) -> str:
    if state.stage == "embedding":
        return "Making them searchable…"
    return (
        f"Reading {min(state.done + 1, state.total):,} of {state.total:,}" if state.total else "Looking for documents…"
    )


def scope_line(scope: Filter, documents: Sequence[Document]) -> str:
    """Above the question: what it is restricted to; empty when it is not."""
    if not scope:
        return ""
    chosen = [document.title for document in documents if document.id in scope.document_ids]
    folders = [PurePath(folder).name or folder for folder in scope.folders]
    names = folders + chosen
    shown = ", ".join(name_of(name) for name in names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    clear = action("everything", "Ask everything", css="quiet-button")
    return f'<div class="scope" role="status"><span>Asking only {shown}</span>{clear}</div>'
