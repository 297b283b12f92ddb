"""Writes a conversation as Markdown, with the sources of each answer."""

from collections.abc import Iterable

from app.events import Exchange
from rag.types import Citation


def as_markdown(title: str, exchanges: Iterable[Exchange]) -> str:
    """Returns the conversation as a document that reads without Docent."""
    sections = [f"# {title or 'Conversation'}"]
    for exchange in exchanges:
        sections += [f"## {' '.join(exchange.question.split())}", exchange.answer.text.strip()]
        if exchange.stopped:
            sections.append("*Stopped here.*")
        if exchange.answer.citations:
            sections.append("\n".join(source_line(citation) for citation in exchange.answer.citations))
    return "\n\n".join(sections) + "\n"


def source_line(citation: Citation) -> str:
    """Returns ``[1] Title, page 3: “quote”`` as one line."""
    place = ""
    if citation.start_s is not None:
        seconds = int(citation.start_s)
        place = f", at {seconds // 60}:{seconds % 60:02}"
    elif citation.page is not None:
        place = f", page {citation.page_label or citation.page}"
    quote = " ".join(citation.quote.split())
    return f"[{citation.number}] {citation.title}{place}: “{quote}” ({citation.source})  "
