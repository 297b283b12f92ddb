"""The right pane as HTML: a page picture or the text of a document, with the quote marked.

In: a DocumentView and a ``SourceView``. Out: escaped HTML. Pictures come from this server by document id; a video is a
plain link that is shown and not loaded.
"""

from dataclasses import replace
from pathlib import PurePath

from app.events import DocumentView
from ui.render import action, clock, escape, icon, name_of, notice, place, youtube_link
from ui.state import SourceView

AROUND = 4_000  # characters of text shown before and after the quote
MORE = 8_000  # characters added by "earlier" and "later"
_MONOSPACE = ("application/json", "text/csv", "text/x-")


def empty() -> str:
    return (
        f'<div class="source-empty">{icon("search")}<p><strong>The source appears here</strong></p>'
        "<p>Click a number in an answer to see the sentence in its document, or a document on the left to read it.</p>"
        "</div>"
    )


def gone(view: SourceView, reason: str) -> str:
    """The document cannot be shown (any more); the quote that was kept with the answer still can."""
    quote = f"<blockquote>{escape(view.quote)}</blockquote>" if view.quote else ""
    return _frame(view, notice(reason, "Add its folder again to read it here.", "info") + quote, "", "")


def located(view: SourceView, text: str) -> SourceView:
    """The view with its span corrected: a document that changed since the answer may hold the quote elsewhere."""
    if view.quote and text[view.start : view.end] != view.quote:
        found = text.find(view.quote)
        end = found + len(view.quote) if found >= 0 else 0
        moved = max(found, 0) - view.start
        read = (view.read[0] + moved, view.read[1] + moved) if view.read and found >= 0 else None
        view = replace(view, start=max(found, 0), end=end, read=read)
    first = _line_start(text, view.start - AROUND) if view.first is None else view.first
    last = min(len(text), max(view.end, view.start) + AROUND) if view.last is None else min(view.last, len(text))
    return replace(view, first=first, last=last)


def _line_start(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1 if position > 0 else 0


def source(view: SourceView, document: DocumentView) -> str:
    """The pane for a view that ``located`` has completed."""
    pictured = document.pages is not None and view.page is not None and not view.as_text
    tabs = ""
    if document.pages is not None:
        both = _tab("page", "Page", pictured) + _tab("text", "Text", not pictured)
        tabs = f'<div class="tabs" role="tablist">{both}</div>'
    link = youtube_link(view.location, view.start_s)
    video = ""
    if link:
        at = f" at {clock(view.start_s)}" if view.start_s else ""
        video = (
            f'<a class="video" href="{escape(link)}" target="_blank" rel="noopener noreferrer">{icon("outside")}'
            f"Watch on YouTube{escape(at)}</a>"
        )
    body = _page(view, document.pages or 1) if pictured else _text(view, document)
    if view.quote and not view.end:
        body = notice("The document has changed since this answer.", "The quote is no longer in it.", "info") + body
    return _frame(view, body, tabs, video)


def _frame(view: SourceView, body: str, tabs: str, link: str) -> str:
    close = action("close", icon("close"), label="Close the source", css="icon-button")
    where = place(view.page, view.start_s).capitalize()
    path = view.location if "://" in view.location else str(PurePath(view.location))
    return (
        f'<div class="source-open"><header class="source-head"><div class="source-title"><h2 title="{escape(path)}">'
        f"{name_of(view.title)}</h2>{close}</div>"
        f'<div class="source-bar"><span class="source-where" title="{escape(path)}">{name_of(where or path)}</span>'
        f"{link}{tabs}</div></header>{body}</div>"
    )


def _tab(name: str, label: str, selected: bool) -> str:
    return (
        f'<button type="button" role="tab" aria-selected="{str(selected).lower()}" data-act="tab" data-tab="{name}">'
        f"{label}</button>"
    )


def _page(view: SourceView, pages: int) -> str:
    assert view.page is not None, "a picture needs a page"
    page = min(max(view.page, 1), pages)
    span = f"?start={view.start}&amp;end={view.end}" if view.end > view.start else ""
    if span and view.read is not None:
        span += f"&amp;read_start={view.read[0]}&amp;read_end={view.read[1]}"
    earlier = action("turn", icon("left"), label="Page before", css="icon-button", page=page - 1) if page > 1 else ""
    later = action("turn", icon("right"), label="Next page", css="icon-button", page=page + 1) if page < pages else ""
    alt = escape(f"Page {page} of {view.title}" + (", the quote highlighted" if span else ""))
    return (
        f'<nav class="pager" aria-label="Pages">{earlier}<span>{page} of {pages}</span>{later}</nav>'
        f'<div class="page-frame"><img src="api/documents/{view.document_id}/page/{page}.png{span}" alt="{alt}"></div>'
    )


def _quote(text: str, start: int, end: int, read: tuple[int, int] | None) -> str:
    """The quote marked, and within it the words that were read."""
    if read is None or not start <= read[0] < read[1] <= end:
        return f'<mark id="quote">{escape(text[start:end])}</mark>'
    words = f"<strong>{escape(text[slice(*read)])}</strong>"
    return f'<mark id="quote">{escape(text[start : read[0]])}{words}{escape(text[read[1] : end])}</mark>'


def _text(view: SourceView, document: DocumentView) -> str:
    text = document.text
    first, last = view.first or 0, len(text) if view.last is None else view.last
    start, end = max(view.start, first), min(view.end, last)
    if end > start:
        content = escape(text[first:start]) + _quote(text, start, end, view.read) + escape(text[end:last])
    else:
        content = escape(text[first:last])
    more_before = action("earlier", "Show what comes before", css="quiet-button more") if first > 0 else ""
    more_after = action("later", "Show what comes after", css="quiet-button more") if last < len(text) else ""
    mono = " mono" if document.document.media_type.startswith(_MONOSPACE) else ""
    return (
        f'<div class="source-text{mono}" tabindex="0">{more_before}<div class="text" dir="auto">{content}</div>'
        f"{more_after}</div>"
    )
