"""Turns answers and what several panes share into HTML that is safe to put into the page.

The texts come from a person's files and are never trusted: the templates escape them. Nothing emits a link or a picture
whose address a document chose: pictures are served by document id, and the only outside link is to YouTube, built from
a checked host.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from urllib.parse import parse_qs, urlencode, urlsplit

from markupsafe import Markup

from rag.text.markers import AnswerPart, marker
from rag.types import Answer, Citation, Span
from ui.templating import escape, template

_YOUTUBE_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"})
_VIDEO_ID = re.compile(r"[\w-]{6,20}", re.ASCII)
_CARD_QUOTE = 160  # characters given
_CARD_LINE = 80  # ... of which two lines of a card surely show
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_CODE = re.compile(r"`([^`\n]+)`")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")


def notice(message: str, remedy: str = "", kind: str = "error") -> Markup:
    """Renders what went wrong and what to do about it; nothing without a message."""
    return template("parts.notice")(message, remedy, kind)


def clock(seconds: float) -> str:
    """Formats seconds as h:mm:ss or m:ss."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def place(page: int | None, start_s: float | None, page_label: str | None = None) -> str:
    """Says where in a document: ``page 3``, ``page iv (sheet 6)``, ``at 1:05`` or nothing."""
    if start_s is not None:
        return f"at {clock(start_s)}"
    if page is None:
        return ""
    return f"page {page}" if page_label is None else f"page {page_label} (sheet {page})"


def youtube_link(source: str, start_s: float | None) -> str | None:
    """Returns the address of a video at a second, or None unless ``source`` is a YouTube video."""
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
    """Finds for each number in the parts, in order, the index of the citation it means.

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


@dataclass(frozen=True, slots=True)
class Mark:
    """A number in an answer: ``citation`` is what it means and ``index`` where that stands, if it means any."""

    number: int
    citation: Citation | None = None
    index: int = 0

    @property
    def place(self) -> str:
        return (
            "" if self.citation is None else place(self.citation.page, self.citation.start_s, self.citation.page_label)
        )

    @property
    def text(self) -> str:
        return marker(self.number)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a line with the marks behind it."""

    text: str
    marks: tuple[Mark, ...] = ()
    supported: bool = True

    @property
    def styled(self) -> Markup:
        """The text with bold and code; the tags are put around text that is escaped already."""
        return Markup(_CODE.sub(r"<code>\1</code>", _BOLD.sub(r"<strong>\1</strong>", str(escape(self.text)))))

    @property
    def is_blank(self) -> bool:
        return not self.text.strip() and not self.marks and self.supported


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph (``p``) or a list (``ul``, ``ol``) of an answer."""

    tag: str
    lines: tuple[Line, ...]


def blocks(parts: Sequence[AnswerPart], citations: Sequence[Citation]) -> list[Block]:
    """Splits an answer into paragraphs and lists."""
    found = []
    for lines in _paragraphs(_lines(parts, citations)):
        if all(_BULLET.match(line[0].text) for line in lines):
            items = tuple((replace(line[0], text=_BULLET.sub("", line[0].text)), *line[1:]) for line in lines)
            found.append(Block("ol" if lines[0][0].text.lstrip()[0].isdigit() else "ul", items))
        else:
            found.append(Block("p", tuple(lines)))
    return found


def _lines(parts: Sequence[AnswerPart], citations: Sequence[Citation]) -> list[Line]:
    """Splits an answer into lines, each of at least one piece."""
    targets = iter(markers(parts, citations))
    lines: list[Line] = [()]
    for part in parts:
        marks = tuple(_mark(number, next(targets), citations) for number in part.numbers)
        *before, last = part.text.split("\n")
        for text in before:
            lines[-1] = (*lines[-1], Piece(text))
            lines.append(())
        lines[-1] = (*lines[-1], Piece(last, marks, part.supported))
    return [line for line in lines if line]


def _mark(number: int, index: int | None, citations: Sequence[Citation]) -> Mark:
    return Mark(number) if index is None else Mark(number, citations[index], index)


def _paragraphs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yields the runs of lines between blank ones."""
    for is_blank, run in groupby(lines, key=lambda line: all(piece.is_blank for piece in line)):
        if not is_blank:
            yield list(run)


def answer_text(parts: Sequence[AnswerPart], citations: Sequence[Citation] = (), turn: int = 0) -> Markup:
    """Renders the words of an answer: paragraphs, lists, bold and code; each number with a citation becomes a chip."""
    return template("answer.answer_text")(blocks(parts, citations), turn)


@dataclass(frozen=True, slots=True)
class Card:
    """A citation below an answer with the part of its quote that is shown; ``read`` is set off in it."""

    citation: Citation
    before: str
    read: str
    after: str

    @property
    def place(self) -> str:
        return place(self.citation.page, self.citation.start_s, self.citation.page_label)


def source_cards(citations: Sequence[Citation], turn: int, span: Span | None = None) -> Markup:
    """Renders one card for each citation below an answer; the span that was read is set off in its quote."""
    return template("answer.source_cards")([_card(citation, span) for citation in citations], turn)


def _card(citation: Citation, span: Span | None) -> Card:
    """Cuts a quote to its beginning, or to the part of a long one that holds the span."""
    quote, start, end = citation.quote, 0, 0
    if span is not None and lies_in(span, citation):
        start, end = span.start - citation.start, span.end - citation.start
    first = quote.rfind(" ", 0, max(0, start - _CARD_LINE // 2)) + 1 if end > _CARD_LINE else 0
    last = max(end, first + _CARD_QUOTE)
    before = ("…" if first else "") + quote[first:start]
    after = quote[end or first : last] + ("…" if last < len(quote) else "")
    return Card(citation, before, quote[start:end], after)


def lies_in(span: Span, citation: Citation) -> bool:
    """Returns whether the words that were read stand in a quote."""
    return span.document_id == citation.document_id and citation.start <= span.start < span.end <= citation.end


def exchange(question: str, answer: Answer, turn: int, *, searched: str | None = None, stopped: bool = False) -> Markup:
    """Renders a finished question with its answer. ``searched`` is the completed question, if it differs."""
    return template("answer.exchange")(
        question=question,
        searched=searched,
        blocks=blocks(answer.parts, answer.citations),
        cards=[_card(citation, answer.span) for citation in answer.citations],
        turn=turn,
        written=bool(answer.text.strip()),
        found=answer.found,
        stopped=stopped,
    )
