"""Checks that what a library on a PostgreSQL server derives fits what it derives it from."""

from rag.errors import LibraryError
from rag.store.postgres.server import Server

_WRONG = (
    (
        "the number of a document's passages",
        "SELECT count(*) FROM documents d WHERE d.chunks <> (SELECT count(*) FROM chunks c WHERE c.document_id = d.id)",
    ),
    (
        "the words of passages",
        "SELECT count(*) FROM chunks c FULL JOIN chunk_words w ON w.chunk_id = c.id "
        "WHERE c.id IS NULL OR w.chunk_id IS NULL",
    ),
    (
        "the text of documents",
        "SELECT count(*) FROM documents d WHERE d.status = 'ok' AND d.id NOT IN (SELECT document_id FROM texts)",
    ),
    (
        "the counts of words",
        "SELECT count(*) FROM "
        "(SELECT lexeme, sum(chunks) AS chunks FROM lexemes GROUP BY lexeme HAVING sum(chunks) <> 0) l "
        "FULL JOIN (SELECT word AS lexeme, count(*) AS chunks FROM chunk_words, unnest(tsvector_to_array(words)) word "
        "GROUP BY word) w USING (lexeme) WHERE l.chunks IS DISTINCT FROM w.chunks",
    ),
    (
        "the counts of passages",
        "SELECT (t.chunks, t.tokens) IS DISTINCT FROM (w.chunks, w.tokens) FROM "
        "(SELECT sum(chunks) AS chunks, sum(tokens) AS tokens FROM totals) t, "
        "(SELECT count(*) AS chunks, coalesce(sum(tokens), 0) AS tokens FROM chunk_words) w",
    ),
    ("the length of vectors", "SELECT greatest(count(DISTINCT vector_dims(vector)) - 1, 0) FROM embeddings"),
)


def wrong(server: Server) -> list[str]:
    """Names what does not fit."""
    return [what for what, sql in _WRONG if server.rows(sql)[0][0]]


def check(server: Server) -> None:
    """Raises LibraryError where anything does not fit."""
    if found := wrong(server):
        raise LibraryError(
            f"The library {server.place} is damaged: {', '.join(found)}.",
            "Make an empty database, name it in library.url and sync again; the server's administrator may know why.",
        )
