"""Renders the right pane as HTML: a page picture or the text of a document, with the quote marked.

Pictures come from this server by document id; a video is a plain link that is shown and not loaded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from urllib.parse import urlencode

from markupsafe import Markup

from app.events import DocumentView
from rag.text.table_spans import TableRow, TableSpans
from ui.render import clock, place, youtube_link
from ui.state import SourceView
from ui.templating import template

AROUND = 4_000  # characters of text shown before and after the quote
MORE = 8_000  # characters added by "earlier" and "later"
_MOST_COLUMNS = 60
_MONOSPACE = ("application/json", "text/csv", "text/x-")


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a source. ``shown`` is the tab that is open, empty where there are none."""

    view: SourceView
    shown: str = ""
    video: str | None = None

    @property
    def path(self) -> str:
        location = self.view.location
        return location if "://" in location else str(PurePath(location))

    @property
    def where(self) -> str:
        return place(self.view.page, self.view.start_s, self.view.page_label).capitalize()

    @property
    def video_at(self) -> str:
        return clock(self.view.start_s) if self.view.start_s else ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page picture; ``query`` says what is highlighted in it."""

    number: int
    count: int
    query: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Text with the part of the quote that stands in it, which is cut before and behind the words that were read."""

    before: str = ""
    quote: tuple[str, str, str] | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of a table, each with whether it is a header; a cell without text is an empty stretch."""

    rows: Sequence[tuple[bool, Sequence[Stretch]]]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What stands in a document around the quote, in order."""

    parts: Sequence[Stretch | Grid]
    more_before: bool
    more_after: bool
    monospace: bool


def empty() -> Markup:
    return template("source.empty")()


def gone(view: SourceView, reason: str) -> Markup:
    """Renders a document that cannot be shown (any more), with the quote that was kept with the answer."""
    return template("source.gone")(Head(view), reason)


def located(view: SourceView, text: str) -> SourceView:
    """Corrects the span of a view: a document that changed since the answer may hold the quote elsewhere."""
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


def source(view: SourceView, document: DocumentView) -> Markup:
    """Renders the pane for a view that ``located`` has completed."""
    page = None if view.as_text else _page(view, document)
    shown = "" if document.pages is None else "text" if page is None else "page"
    head = Head(view, shown, youtube_link(view.location, view.start_s))
    return template("source.source")(head, page, None if page else _excerpt(view, document))


def _page(view: SourceView, document: DocumentView) -> Page | None:
    if document.pages is None or view.page is None:
        return None
    marked = {"start": view.start, "end": view.end} if view.end > view.start else {}
    if marked and view.read is not None:
        marked |= {"read_start": view.read[0], "read_end": view.read[1]}
    count = document.pages or 1
    return Page(min(max(view.page, 1), count), count, f"?{urlencode(marked)}" if marked else "")


def _excerpt(view: SourceView, document: DocumentView) -> Excerpt:
    text = document.text
    first, last = view.first or 0, len(text) if view.last is None else view.last
    return Excerpt(
        parts=tuple(_parts(view, document, first, last)),
        more_before=first > 0,
        more_after=last < len(text),
        monospace=document.document.media_type.startswith(_MONOSPACE),
    )


def _parts(view: SourceView, document: DocumentView, first: int, last: int) -> Iterator[Stretch | Grid]:
    """Yields ``text[first:last]`` with its tables as such."""
    for table in document.tables:
        rows = [row for row in table.rows if row.end > first and row.start < last]
        grid = _grid(view, document.text, table, rows) if rows else None
        if grid is not None:
            if first < rows[0].start:
                yield _stretch(view, document.text, first, rows[0].start)
            yield grid
            first = rows[-1].end
    if first < last:
        yield _stretch(view, document.text, first, last)


def _grid(view: SourceView, text: str, table: TableSpans, rows: Sequence[TableRow]) -> Grid | None:
    """Returns rows of a table under the names of its columns; None for one that is too wide to be shown as such."""
    width = 1 + max((cell.column for row in rows for cell in row.cells), default=0)
    if width > _MOST_COLUMNS or rows[-1].end > len(text):
        return None
    made: list[tuple[bool, Sequence[Stretch]]] = []
    if any(table.columns) and not rows[0].is_header:
        made.append((True, [Stretch(table.name_of(column)) for column in range(width)]))
    for row in rows:
        cells = [Stretch()] * width
        for cell in row.cells:
            cells[cell.column] = _stretch(view, text, cell.start, cell.end)
        made.append((row.is_header, cells))
    return Grid(made)


def _stretch(view: SourceView, text: str, first: int, last: int) -> Stretch:
    start, end = max(view.start, first), min(view.end, last)
    if start >= end:
        return Stretch(text[first:last])
    return Stretch(text[first:start], _quote(text, start, end, view.read), text[end:last])


def _quote(text: str, start: int, end: int, read: tuple[int, int] | None) -> tuple[str, str, str]:
    """Cuts the quote before and behind the words that were read."""
    if read is None or not start <= read[0] < read[1] <= end:
        return text[start:end], "", ""
    return text[start : read[0]], text[slice(*read)], text[read[1] : end]
