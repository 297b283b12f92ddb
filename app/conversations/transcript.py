"""Writes a conversation as Markdown, with the sources of each answer."""

from collections.abc import Iterator, Sequence

from app.events import Exchange
from rag.types import Citation


def as_markdown(title: str, shown: Sequence[Exchange], every: Sequence[Exchange] = ()) -> str:
    """Returns the conversation as a document that reads without Docent: the exchanges that are shown, then those of
    ``every`` that are not, each with the question that it follows."""
    sections = [f"# {title or 'Conversation'}"]
    for exchange in shown:
        sections += _sections(exchange)
    here = {exchange.id for exchange in shown}
    asked = {exchange.id: _one_line(exchange.question) for exchange in every}
    others = [exchange for exchange in every if exchange.id not in here]
    if others:
        sections.append("# Other versions")
    for exchange in others:
        first, *answer = _sections(exchange)
        where = f"*After “{asked[exchange.parent]}”.*" if exchange.parent in asked else "*At the beginning.*"
        sections += [first, where, *answer]
    return "\n\n".join(sections) + "\n"


def _sections(exchange: Exchange) -> Iterator[str]:
    yield f"## {_one_line(exchange.question)}"
    yield exchange.answer.text.strip()
    if exchange.stopped:
        yield "*Stopped here.*"
    if exchange.answer.citations:
        yield "\n".join(source_line(citation) for citation in exchange.answer.citations)


def source_line(citation: Citation) -> str:
    """Returns ``[1] Title, page 3: “quote”`` as one line."""
    place = ""
    if citation.start_s is not None:
        seconds = int(citation.start_s)
        place = f", at {seconds // 60}:{seconds % 60:02}"
    elif citation.page is not None:
        place = f", page {citation.page_label or citation.page}"
    return f"[{citation.number}] {citation.title}{place}: “{_one_line(citation.quote)}” ({citation.source})  "


def _one_line(text: str) -> str:
    return " ".join(text.split())
