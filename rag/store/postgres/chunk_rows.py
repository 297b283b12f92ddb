"""Writes the rows of chunks, their words and their vectors, many in a statement and inside a transaction."""

import json
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from rag.store.postgres import vectors as pgvectors
from rag.store.postgres.lexemes import tsvectors
from rag.store.postgres.server import Server
from rag.types import Chunk

_AT_ONCE = 256  # chunks a statement
_NO_TEXT = "\0"  # PostgreSQL keeps none in a text
_KINDS = (
    "bigint[], bigint[], bigint[], bigint[], double precision[], double precision[], text[], text[], text[], text[], "
    "text[]"
)


def insert(
    server: Server, document_id: int, chunks: Sequence[Chunk], contexts: Sequence[str], terms: Sequence[str]
) -> list[int]:
    """Adds chunks with the line prepended to each and its ``chunk_terms``. Returns their ids."""
    ids: list[int] = []
    for first in range(0, len(chunks), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        ids += _insert_some(server, document_id, chunks[some], contexts[some], terms[some])
    return ids


def delete(server: Server, document_ids: Sequence[int]) -> None:
    """Deletes the chunks of documents; first the words, in one statement: their counts are taken back by one trigger
    then."""
    with server.lent() as connection:
        connection.execute(
            "DELETE FROM chunk_words USING chunks c WHERE chunk_id = c.id AND c.document_id = ANY(%s)",
            (list(document_ids),),
        )
        connection.execute("DELETE FROM chunks WHERE document_id = ANY(%s)", (list(document_ids),))


def put_vectors(server: Server, chunk_ids: Sequence[int], vectors: Iterable[NDArray[np.float16]]) -> None:
    """Stores a [dimension] vector for each chunk that is there."""
    left = iter(zip(chunk_ids, vectors, strict=True))
    with server.lent() as connection:
        while some := list(islice(left, _AT_ONCE)):
            connection.execute(
                "INSERT INTO embeddings (chunk_id, vector) SELECT t.id, t.vector::halfvec "
                "FROM unnest(%s::bigint[], %s::text[]) t (id, vector) JOIN chunks c ON c.id = t.id "
                "ON CONFLICT (chunk_id) DO UPDATE SET vector = excluded.vector",
                ([id_ for id_, _ in some], [pgvectors.halfvec(vector) for _, vector in some]),
            )


def kept_text(value: str) -> str:
    """A text as PostgreSQL takes it, as long as before."""
    return value.replace(_NO_TEXT, "\N{REPLACEMENT CHARACTER}") if _NO_TEXT in value else value


def _insert_some(
    server: Server, document_id: int, chunks: Sequence[Chunk], contexts: Sequence[str], terms: Sequence[str]
) -> list[int]:
    contexts, terms = list(map(kept_text, contexts)), list(map(kept_text, terms))
    texts = [kept_text(chunk.text) for chunk in chunks]
    columns = [
        [chunk.ordinal for chunk in chunks],
        [chunk.start for chunk in chunks],
        [chunk.end for chunk in chunks],
        [chunk.page for chunk in chunks],
        [chunk.start_s for chunk in chunks],
        [chunk.end_s for chunk in chunks],
        [chunk.page_label for chunk in chunks],
        [kept_text(json.dumps(chunk.heading_path, ensure_ascii=False)) for chunk in chunks],
        contexts,
        texts,
        terms,
    ]
    kinds = ", ".join(f"%s::{kind}" for kind in _KINDS.split(", "))
    made = server.rows(
        "INSERT INTO chunks (document_id, ordinal, start, stop, page, start_s, end_s, page_label, heading_path, "
        f"context, text, terms) SELECT %s, * FROM unnest({kinds}) RETURNING ordinal, id",
        (document_id, *columns),
    )
    by_ordinal = dict(made)
    ids: list[int] = [by_ordinal[chunk.ordinal] for chunk in chunks]
    words = tsvectors(list(zip(contexts, texts, terms, strict=True)))
    with server.lent() as connection:
        connection.execute(
            "INSERT INTO chunk_words (chunk_id, tokens, words) "
            "SELECT id, tokens, words::tsvector FROM unnest(%s::bigint[], %s::int[], %s::text[]) t (id, tokens, words)",
            (ids, [count for _, count in words], [literal for literal, _ in words]),
        )
    return ids
