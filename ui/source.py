"""Controls the right pane: opens a document at a quote, turns pages and shows more text."""

from dataclasses import replace

from app.events import DocumentView
from docent import DocentError
from rag.types import Citation, Span
from ui import source_view
from ui.render import lies_in
from ui.state import Desk, SourceView

Shown = tuple[SourceView | None, str]


def show(desk: Desk, view: SourceView | None) -> Shown:
    """Returns the view, completed, with its HTML."""
    if view is None:
        return None, source_view.empty()
    try:
        document = desk.assistant.document_view(view.document_id)
    except DocentError as error:
        return view, source_view.gone(view, error.message)
    view = source_view.located(view, document.text)
    return view, source_view.source(view, document)


def at_citation(citation: Citation, span: Span | None = None) -> SourceView:
    """Makes the view of a citation; ``span`` is marked where it lies within the quote."""
    return SourceView(
        document_id=citation.document_id,
        title=citation.title,
        location=citation.source,
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        read=(span.start, span.end) if span is not None and lies_in(span, citation) else None,
        page=citation.page,
        page_label=citation.page_label,
        start_s=citation.start_s,
    )


def at_start(document: DocumentView) -> SourceView:
    return SourceView(
        document_id=document.document.id,
        title=document.document.title,
        location=document.document.path,
        page=1 if document.pages else None,
    )


def pressed(view: SourceView | None, data: dict[str, str]) -> SourceView | None:
    """Returns the view after a button of the pane was pressed; None closes it."""
    act = data.get("act", "")
    if view is None or act == "close":
        return None
    if act == "tab":
        return replace(view, as_text=data.get("tab") == "text")
    if act == "turn" and data.get("page", "").isdecimal():
        return replace(view, page=max(1, int(data["page"])), page_label=None)
    if act == "earlier":
        return replace(view, first=max(0, (view.first or 0) - source_view.MORE))
    if act == "later":
        return replace(view, last=(view.last or 0) + source_view.MORE)
    return view
