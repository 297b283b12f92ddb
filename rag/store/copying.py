"""Copies a library into another one, document by document, and compares both.

A copy that was cut off is gone on with: what is there already and the same is left out. Documents keep their ids, by
which chats know them; chunks get others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.errors import LibraryError
from rag.store.protocols import KeptDocument, LibraryChanges, LibraryStore
from rag.types import Document

_AT_ONCE = 64  # documents a transaction
_NO_TEXT, _SHOWN_FOR_IT = "\0", "\N{REPLACEMENT CHARACTER}"  # what PostgreSQL does not keep


@dataclass(frozen=True, slots=True)
class Copied:
    """How many documents were copied, and how many were there."""

    copied: int
    there: int


def copy_library(
    source: LibraryStore, target: LibraryStore, on_document: Callable[[int, int], None] = lambda done, total: None
) -> Copied:
    """Copies sources, documents and collections; ``on_document`` gets how many of how many documents are there.

    Raises LibraryError where the target holds other documents, or differs from the source in the end; LibraryLocked
    while somebody writes to one of them.
    """
    with source.writing(), target.writing():
        writer = target.writer()
        documents = source.documents()
        there = _there(source, target, documents)
        with writer.transaction():
            _begin(source, target, writer)
        missing = [document for document in documents if document.id not in there]
        done = len(there)
        for batch in _batches(missing):
            with writer.transaction():
                for document in batch:
                    writer.restore(source.kept(document))
            done += len(batch)
            on_document(done, len(documents))
        with writer.transaction():
            _copy_collections(source, target, writer)
        writer.checkpoint()
        target.check()
        compare(source, target)
    return Copied(len(missing), len(there))


def compare(source: LibraryStore, target: LibraryStore) -> None:
    """Raises LibraryError unless both hold the same documents, texts, passages, vectors and collections."""
    documents, copies = source.documents(), {document.id: document for document in target.documents()}
    wrong = [
        document
        for document in documents
        if document.id not in copies or not _same(source.kept(document), target.kept(copies[document.id]))
    ]
    if wrong or len(copies) != len(documents):
        named = wrong[0].path if wrong else "the number of documents"
        raise LibraryError(
            f"The copy in {target.place} differs from {source.place} ({named}).", "Copy into an empty library."
        )
    if _by_id(source) != _by_id(target) or source.embedder_name != target.embedder_name:
        raise LibraryError(
            f"The copy in {target.place} has other collections or another embedder than {source.place}.",
            "Copy into an empty library.",
        )


def _there(source: LibraryStore, target: LibraryStore, documents: Sequence[Document]) -> set[int]:
    """The ids of the documents that are in the target as they are in the source."""
    known = {document.id: document for document in documents}
    found = set()
    for document in target.documents():
        original = known.get(document.id)
        if original is None or original.path != document.path:
            raise LibraryError(
                f"{target.place} holds other documents, such as {document.path}.", "Copy into an empty library."
            )
        if _plain(original) == document and _same(source.kept(original), target.kept(document)):
            found.add(document.id)
    return found


def _begin(source: LibraryStore, target: LibraryStore, writer: LibraryChanges) -> None:
    """Has the target know the sources and the embedder."""
    known = {one.id: one for one in target.sources()}
    for one in source.sources():
        if one.id not in known:
            writer.restore_source(one)
        elif known[one.id].location != one.location:
            raise LibraryError(f"{target.place} holds other sources.", "Copy into an empty library.")
    name = source.embedder_name
    if name is not None and name != target.embedder_name:
        writer.change_embedder(name)


def _copy_collections(source: LibraryStore, target: LibraryStore, writer: LibraryChanges) -> None:
    known = {one.id for one in target.collections()}
    for one in source.collections():
        if one.id not in known:
            writer.add_collection(one.name, one.id, one.owner)
        writer.add_members(one.id, one.locations)


def _same(one: KeptDocument, other: KeptDocument) -> bool:
    if _plain(one.document) != _plain(other.document) or one.text != other.text or one.tables != other.tables:
        return False
    texts = [[_shown(chunk.text) for chunk in kept.chunks] for kept in (one, other)]
    places = [[replace(chunk, id=0, text="") for chunk in kept.chunks] for kept in (one, other)]
    contexts = [[_shown(context) for context in kept.contexts] for kept in (one, other)]
    if texts[0] != texts[1] or places[0] != places[1] or contexts[0] != contexts[1]:
        return False
    return all(
        np.array_equal(first, second) if first is not None and second is not None else first is second
        for first, second in zip(one.vectors, other.vectors, strict=True)
    )


def _plain(document: Document) -> Document:
    """The document as every library keeps it."""
    error = None if document.error is None else _shown(document.error)
    return replace(document, title=_shown(document.title), error=error)


def _shown(text: str) -> str:
    return text.replace(_NO_TEXT, _SHOWN_FOR_IT)


def _by_id(library: LibraryStore) -> dict[int, tuple[str, str, frozenset[str]]]:
    return {one.id: (one.owner, one.name, frozenset(one.locations)) for one in library.collections()}


def _batches(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    for first in range(0, len(documents), _AT_ONCE):
        yield documents[first : first + _AT_ONCE]
