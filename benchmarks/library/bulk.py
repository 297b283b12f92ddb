"""Fills a library on a PostgreSQL server with the passages of ``benchmarks.library.postgres`` by COPY.

What is there in the end is what the writer stores, but for one document's worth of rows at a time: the words of each
paragraph are cut once and get the number of the copy put in, rows go in by COPY, and the index of words is made behind
them.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from rag.store.postgres.lexemes import tsvectors
from rag.text.index_terms import chunk_terms

_AT_ONCE = 20_000  # passages a COPY; a whole number of documents
_MARK = "987650123"  # stands for the number of the copy
_MEMORY = "1500MB"


def numbered(text: str, number: int | str) -> str:
    """A paragraph as a passage that no other is like."""
    return f"{text} Copy {number}."


def fill(url: str, base: Sequence[str], chosen: NDArray[np.int64], vectors: NDArray[np.float16], document: int) -> None:
    """Stores copies of the paragraphs ``chosen`` of ``base`` [n] with their vectors [n, dimension], ``document`` of
    them a document. The library must be empty and have its tables."""
    texts = [numbered(text, _MARK) for text in base]
    terms = [chunk_terms("", text) for text in texts]
    words = tsvectors([("", text, term) for text, term in zip(texts, terms, strict=True)])
    assert all(literal.count(_MARK) == 1 for literal, _ in words), "a mark that is read as another word"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET search_path = docent, public; SET maintenance_work_mem = '{_MEMORY}'")
        connection.execute("UPDATE meta SET value = 'benchmark' WHERE key = 'embedder'")
        connection.execute("INSERT INTO sources (id, kind, location, added_at) VALUES (1, 'folder', '/benchmark', 0)")
        connection.execute("DROP INDEX chunk_words_by_word")
        _copy(connection, "documents", _DOCUMENT, _documents(len(chosen), document))
        for first in range(0, len(chosen), _AT_ONCE):
            some = range(first, min(len(chosen), first + _AT_ONCE))
            passages = [numbered(base[chosen[number]], number) for number in some]
            whole = ("\n".join(passages[at : at + document]).encode() for at in range(0, len(passages), document))
            kept = ((first // document + at + 1, zlib.compress(text), "[]", "[]") for at, text in enumerate(whole))
            _copy(connection, "texts", "document_id, data, marks, blocks", kept)
            chunks = (
                (number + 1, number // document + 1, number % document, 0, len(text), "[]", "", text, *term)
                for number, text in zip(some, passages, strict=True)
                for term in [tuple(_filled(number, (terms[chosen[number]],)))]
            )
            _copy(connection, "chunks", _CHUNK, chunks)
            counted = ((number + 1, *words[chosen[number]]) for number in some)
            rows = ((id_, count, *_filled(id_ - 1, (literal,))) for id_, literal, count in counted)
            _copy(connection, "chunk_words", "chunk_id, tokens, words", rows)
            with connection.cursor().copy("COPY embeddings (chunk_id, vector) FROM STDIN (FORMAT binary)") as copy:
                copy.write(_packed(some, vectors[some.start : some.stop]))
        connection.execute("CREATE INDEX chunk_words_by_word ON chunk_words USING gin (words) WITH (fastupdate = off)")
        for table in ("chunks", "documents", "sources"):
            connection.execute(f"SELECT setval('{table}_id_seq', max(id)) FROM {table}")
        connection.execute("INSERT INTO totals VALUES (1, 0, 0)")
        connection.execute(_ADD_UP)


# What a sync's checkpoint does with the sums that each COPY has appended.
_ADD_UP = """
CREATE TEMPORARY TABLE summed AS SELECT lexeme, sum(chunks)::bigint AS chunks FROM lexemes GROUP BY lexeme;
TRUNCATE lexemes;
INSERT INTO lexemes SELECT lexeme, chunks FROM summed
"""
_DOCUMENT = "id, source_id, path, title, media_type, status, chunks, size, mtime_ns, content_hash, read_at, ctime_ns"
_CHUNK = "id, document_id, ordinal, start, stop, heading_path, context, text, terms"


def _documents(passages: int, each: int) -> Iterator[tuple[Any, ...]]:
    for number in range(-(-passages // each)):
        count = min(each, passages - number * each)
        path = f"/benchmark/{number}".encode()
        yield number + 1, 1, path, "benchmark", "text/plain", "ok", count, 1, 0, str(number), 0.0, 0


def _packed(numbers: range, vectors: NDArray[np.float16]) -> bytes:
    """Rows of embeddings in the binary form of COPY: fields, then length and content of each."""
    width = vectors.shape[1]
    fields = [("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i8"), ("bytes", ">i4"), ("width", ">i2"), ("no", ">i2")]
    rows = np.zeros(len(numbers), np.dtype([*fields, ("vector", ">f2", (width,))]))
    rows["fields"], rows["id_bytes"], rows["bytes"], rows["width"] = 2, 8, 4 + 2 * width, width
    rows["id"] = np.asarray(numbers) + 1
    rows["vector"] = vectors
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _filled(number: int, texts: Sequence[str]) -> Iterator[str]:
    return (re.sub(_MARK, str(number), text) for text in texts)


def _copy(
    connection: "psycopg.Connection[tuple[Any, ...]]", table: str, columns: str, rows: Iterator[tuple[Any, ...]]
) -> None:
    with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
