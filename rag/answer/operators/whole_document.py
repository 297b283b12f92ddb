"""A document from its beginning as one passage, for what concerns the whole and not what a question found."""

from dataclasses import replace

from rag.answer.operators.grid import Texts
from rag.types import Passage


def whole_document(passage: Passage, texts: Texts, most: int) -> Passage:
    """The first ``most`` characters, with their tables, of the document that a passage was taken from."""
    document = passage.document.id
    text = texts.document_text(document)[:most]
    tables = texts.tables(document, 0, len(text))
    return replace(passage, start=0, end=len(text), text=text, heading_path=(), hits=(), tables=tables)
