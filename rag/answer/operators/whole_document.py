"""A document from its beginning as one passage, for what concerns the whole and not what a question found."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from rag.answer.operators.tables.grid import Texts
from rag.errors import LibraryError
from rag.types import Passage


def whole_document(passage: Passage, texts: Texts, most: int) -> Passage:
    """The first ``most`` characters, with their tables, of the document that a passage was taken from."""
    document = passage.document.id
    text = texts.document_text(document)[:most]
    tables = texts.tables(document, 0, len(text))
    return replace(passage, start=0, end=len(text), text=text, heading_path=(), hits=(), tables=tables)


def whole_documents(passages: Sequence[Passage], texts: Texts, most: int, read: int) -> Iterator[Passage]:
    """The documents of the best passages, ``most`` of them, one passage each as by ``whole_document``; without those
    whose text is damaged in the library."""
    best = {passage.document.id: passage for passage in reversed(passages)}
    ids = dict.fromkeys(passage.document.id for passage in passages)
    for document in islice(ids, most):
        try:
            whole = whole_document(best[document], texts, read)
        except LibraryError:
            continue
        yield whole
