"""Turns answers, passages and documents into HTML strings that are safe to put into the page.

In: values of rag.types and app.events, whose texts come from a person's files and are never trusted. Out: HTML in which
every such text is escaped. Nothing here emits a link or a picture whose address a document chose: pictures are served
by document id, and the only outside link is to YouTube, built from a checked host. Knows no Gradio and keeps no state.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import parse_qs, urlencode, urlsplit

from rag.text.markers import AnswerPart, marker
from rag.types import Answer, Citation, Span

ICONS = {
    "copy": '<path d="M9 9h10v10H9zM5 15V5h10"/>',
    "check": '<path d="m5 12 5 5 9-10"/>',
    "close": '<path d="m6 6 12 12M18 6 6 18"/>',
    "edit": '<path d="m4 20 1-4L16 5l3 3L8 19zM14 7l3 3"/>',
    "trash": '<path d="M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13"/>',
    "folder": '<path d="M3 6h6l2 2h10v11H3z"/>',
    "file": '<path d="M6 3h8l4 4v14H6zM14 3v4h4"/>',
    "video": '<path d="M3 6h18v12H3zM10 9.5v5l4.5-2.5z"/>',
    "warning": '<path d="M12 4 3 19h18zM12 10v4M12 16.5v.5"/>',
    "search": '<path d="M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM20 20l-4.8-4.8"/>',
    "chat": '<path d="M4 5h16v11H9l-5 4z"/>',
    "left": '<path d="m14 6-6 6 6 6"/>',
    "right": '<path d="m10 6 6 6-6 6"/>',
    "outside": '<path d="M13 5h6v6M19 5l-9 9M17 14v5H5V7h5"/>',
    "panel": '<path d="M4 5h16v14H4zM9.5 5v14"/>',
    "info": '<path d="M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 11v5M12 8v.5"/>',
    "sun": '<path d="M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16"/>',
}
_YOUTUBE_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"})
_VIDEO_ID = re.compile(r"[\w-]{6,20}", re.ASCII)
# Neither can be shown, and a lone surrogate (an undecodable byte of a file name) cannot even be sent.
_UNPRINTABLE = re.compile("[\ud800-\udfff\u0000-\u0008\u000b\u000e-\u001f\u007f]")
# Characters that reorder or hide their neighbours could make a file name read as another one.
_DISGUISES = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_DOUBT = "No passage that was found says this."
_DOUBT_MARK = f'<span class="doubt" role="note" tabindex="0" title="{_DOUBT}" aria-label="{_DOUBT}">?</span>'
_CARD_QUOTE = 160  # characters given
_CARD_LINE = 80  # ... of which two lines of a card surely show
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_CODE = re.compile(r"`([^`\n]+)`")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")


def escape(text: object) -> str:
    """The text as it reads, for an element's content or a quoted attribute."""
    plain = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(text).replace("\f", "\n"))
    return html.escape(plain, quote=True)


def icon(name: str) -> str:
    return f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{ICONS[name]}</svg>'


def name_of(text: str) -> str:
    """A title or file name: escaped, on one line, and kept from reordering what stands around it."""
    plain = _DISGUISES.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return f"<bdi>{escape(plain or 'Untitled')}</bdi>"


def action(name: str, content: str, *, label: str = "", css: str = "", **data: object) -> str:
    """A button that reports ``name`` and ``data`` to the window; ``content`` is HTML already."""
    attributes = "".join(f' data-{key.replace("_", "-")}="{escape(value)}"' for key, value in data.items())
    labelled = f' aria-label="{escape(label)}" title="{escape(label)}"' if label else ""
    kind = f'class="{escape(css)}" data-act="{escape(name)}"'
    return f'<button type="button" {kind}{attributes}{labelled}>{content}</button>'


def confirmation(key: str, question: str, yes: str, *, label: str) -> str:
    """A question that the page's script shows when a button ``action("unfold", opens=key)`` is pressed.

    ``question`` and ``yes``, the button that does it, are HTML already.
    """
    no = action("fold", "Keep", css="quiet-button")
    return (
        f'<div class="confirm" role="alertdialog" aria-label="{escape(label)}" data-fold="{escape(key)}" hidden>'
        f"<p>{question}</p>{yes}{no}</div>"
    )


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def place(page: int | None, start_s: float | None) -> str:
    """Where in a document: ``page 3``, ``at 1:05`` or nothing."""
    if start_s is not None:
        return f"at {clock(start_s)}"
    return f"page {page}" if page is not None else ""


def youtube_link(source: str, start_s: float | None) -> str | None:
    """The address of a video at a second, or None unless ``source`` is a YouTube video."""
    try:
        parts = urlsplit(source)
    except ValueError:  # brackets that hold no IPv6 address
        return None
    if parts.scheme not in ("http", "https") or (parts.hostname or "") not in _YOUTUBE_HOSTS:
        return None
    if parts.hostname == "youtu.be":
        video = parts.path.strip("/")
    elif parts.path.startswith(("/shorts/", "/live/", "/embed/")):
        video = parts.path.split("/")[2]
    else:
        video = parse_qs(parts.query).get("v", [""])[0]
    if not _VIDEO_ID.fullmatch(video):
        return None
    query = {"v": video} | ({"t": f"{int(start_s)}s"} if start_s else {})
    return f"https://www.youtube.com/watch?{urlencode(query)}"


def markers(parts: Sequence[AnswerPart], citations: Sequence[Citation]) -> list[int | None]:
    """For each number in the parts, in order, the index of the citation it means.

    The k-th n means the k-th citation numbered n, the last one if there are fewer, None if there is none.
    """
    seen: dict[int, int] = {}
    result: list[int | None] = []
    for number in (number for part in parts for number in part.numbers):
        candidates = [index for index, citation in enumerate(citations) if citation.number == number]
        nth = seen.get(number, 0)
        seen[number] = nth + 1
        result.append(candidates[min(nth, len(candidates) - 1)] if candidates else None)
    return result


def answer_text(parts: Sequence[AnswerPart], citations: Sequence[Citation] = (), turn: int = 0) -> str:
    """The words of an answer: paragraphs, lists, bold and code; each number with a citation becomes a chip."""
    blocks = []
    for lines in _paragraphs(_lines(parts, citations, turn)):
        if all(_BULLET.match(line.text) for line in lines):
            items = "".join(f"<li>{_inline(line.without_bullet())}</li>" for line in lines)
            tag = "ol" if lines[0].text.lstrip()[0].isdigit() else "ul"
            blocks.append(f"<{tag}>{items}</{tag}>")
        else:
            blocks.append("<p>" + "<br>".join(_inline(line) for line in lines) + "</p>")
    return "".join(blocks)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of an answer: pairs of a text and the HTML of the marks behind it."""

    pieces: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """What stands in front of the first mark."""
        return self.pieces[0][0] if self.pieces else ""

    @property
    def is_blank(self) -> bool:
        return all(not text.strip() and not marks for text, marks in self.pieces)

    def without_bullet(self) -> "_Line":
        return _Line(((_BULLET.sub("", self.text), self.pieces[0][1]), *self.pieces[1:]))


def _lines(parts: Sequence[AnswerPart], citations: Sequence[Citation], turn: int) -> list[_Line]:
    targets = iter(markers(parts, citations))
    lines = [_Line()]
    for part in parts:
        marks = ""
        for number in part.numbers:
            index = next(targets)
            marks += marker(number) if index is None else _chip(citations[index], index, turn)
        first, *others = part.text.split("\n")
        lines[-1] = _Line((*lines[-1].pieces, (first, "")))
        lines += [_Line(((text, ""),)) for text in others]
        marks += "" if part.supported else " " + _DOUBT_MARK
        *before, (text, _) = lines[-1].pieces
        lines[-1] = _Line((*before, (text, marks)))
    return lines


def _paragraphs(lines: Iterable[_Line]) -> Iterator[list[_Line]]:
    """Runs of lines between blank ones."""
    for is_blank, run in groupby(lines, key=lambda line: line.is_blank):
        if not is_blank:
            yield list(run)


def _inline(line: _Line) -> str:
    """One line; the tags are put around text that is escaped already."""
    return "".join(_styled(text) + marks for text, marks in line.pieces)


def _styled(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", _BOLD.sub(r"<strong>\1</strong>", escape(text)))


def _chip(citation: Citation, index: int, turn: int) -> str:
    where = ", ".join(part for part in (citation.title, place(citation.page, citation.start_s)) if part)
    return action(
        "cite", str(citation.number), label=f"Source {citation.number}: {where}", css="chip", turn=turn, index=index
    )


def source_cards(citations: Sequence[Citation], turn: int, span: Span | None = None) -> str:
    """One card for each citation below an answer; the span that was read is set off in its quote."""
    if not citations:
        return ""
    cards = []
    for index, citation in enumerate(citations):
        where = place(citation.page, citation.start_s)
        content = (
            f'<span class="card-number">{citation.number}</span><span class="card-body">'
            f'<span class="card-title">{name_of(citation.title)}'
            + (f'<span class="card-place">{escape(where)}</span>' if where else "")
            + f'</span><span class="card-quote">{_card_quote(citation, span)}</span></span>'
        )
        cards.append(
            action("cite", content, label=f"Open source {citation.number}", css="card", turn=turn, index=index)
        )
    return f'<div class="cards" role="group" aria-label="Sources">{"".join(cards)}</div>'


def _card_quote(citation: Citation, span: Span | None) -> str:
    """The beginning of a quote, or the part of a long one that holds the span."""
    quote, start, end = citation.quote, 0, 0
    if span is not None and lies_in(span, citation):
        start, end = span.start - citation.start, span.end - citation.start
    first = quote.rfind(" ", 0, max(0, start - _CARD_LINE // 2)) + 1 if end > _CARD_LINE else 0
    last = max(end, first + _CARD_QUOTE)
    read = f"<strong>{escape(quote[start:end])}</strong>" if end else ""
    shown = f"{escape(quote[first:start])}{read}{escape(quote[end or first : last])}"
    return f"{'…' if first else ''}{shown}{'…' if last < len(quote) else ''}"


def lies_in(span: Span, citation: Citation) -> bool:
    """Whether the words that were read stand in a quote."""
    return span.document_id == citation.document_id and citation.start <= span.start < span.end <= citation.end


def exchange(question: str, answer: Answer, turn: int, *, searched: str | None = None, stopped: bool = False) -> str:
    """A finished question with its answer. ``searched`` is the completed question, if it differs."""
    tools = action("copy", icon("copy"), label="Copy answer", css="icon-button copy")
    body = answer_text(answer.parts, answer.citations, turn)
    if not answer.text.strip():
        body = '<p class="note">Stopped before an answer was written.</p>'
    note = '<p class="note">Stopped here.</p>' if stopped and answer.text.strip() else ""
    css = "answer" if answer.found or stopped else "answer not-found"
    return (
        f'<article class="exchange">{question_bubble(question)}<div class="{css}">{searched_line(searched)}'
        f'<div class="answer-text">{body}</div>{note}{source_cards(answer.citations, turn, answer.span)}'
        f'<div class="answer-tools">{tools}</div></div></article>'
    )


def question_bubble(question: str) -> str:
    return f'<div class="question"><div class="bubble">{escape(question)}</div></div>'


def searched_line(searched: str | None) -> str:
    if not searched:
        return ""
    return f'<p class="searched">{icon("search")}Searched for “{escape(searched)}”</p>'


def notice(message: str, remedy: str = "", kind: str = "error") -> str:
    """What went wrong and what to do about it."""
    if not message:
        return ""
    more = f' <span class="remedy">{escape(remedy)}</span>' if remedy else ""
    role = "alert" if kind == "error" else "status"
    picture = icon("warning" if kind == "error" else "info")
    return (
        f'<div class="notice {escape(kind)}" role="{role}">{picture}'
        f"<span><strong>{escape(message)}</strong>{more}</span></div>"
    )
