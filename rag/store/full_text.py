"""The words of a library in SQLite's FTS5 (``rag.store.keyword_search.WordIndex``).

No character of the question has a meaning to FTS5: every term is quoted.
"""

import itertools
import sqlite3
from collections.abc import Sequence

from rag.store.conditions import json_ids
from rag.store.keyword_search import COLUMN_WEIGHTS, COUNTED_WHOLE, LAST_LETTER, MAX_SCORED, Phrase

_LAST_ID = (1 << 63) - 1
_IN_TERMS = "terms : "  # confines a phrase of FTS5 to that column
_AMONG = "c.id IN (SELECT value FROM json_each(?))"
_COUNTED = MAX_SCORED + 1  # chunks that hold a phrase, of a large library: 0.5 ms; more are estimated
_WINDOWS = 16  # places of the library at which a frequent phrase is looked for
_IN_WINDOW = 64  # chunks that hold it, for an estimate


class FtsIndex:
    """Reads through one connection; confined to the documents ``d`` that meet an SQL ``condition`` if it is given."""

    def __init__(self, connection: sqlite3.Connection, condition: str = "", parameters: Sequence[object] = ()) -> None:
        self._connection = connection
        self._condition = condition
        self._parameters = parameters

    @property
    def is_confined(self) -> bool:
        return bool(self._condition)

    def total(self) -> int:
        row = self._connection.execute("SELECT sum(chunks) FROM documents").fetchone()
        return int(row[0] or 0)

    def holds(self, phrase: Phrase) -> bool:
        sql = "SELECT 1 FROM chunk_fts WHERE chunk_fts MATCH ? LIMIT 1"
        return self._connection.execute(sql, (_written(phrase),)).fetchone() is not None

    def counts(self, phrases: Sequence[Phrase]) -> list[int]:
        return [self.count_any([phrase]) for phrase in phrases]

    def count_any(self, phrases: Sequence[Phrase]) -> int:
        most = _COUNTED if self._last() > COUNTED_WHOLE else -1
        sql = "SELECT count(*) FROM (SELECT 1 FROM chunk_fts WHERE chunk_fts MATCH ? LIMIT ?)"
        query = _any_of(phrases)
        count = int(self._connection.execute(sql, (query, most)).fetchone()[0])
        return count if count != most else max(most, self._estimated(query))

    def holding(self, any_of: Sequence[Phrase], all_of: Sequence[Phrase], most: int) -> list[int]:
        wanted = [f"({_any_of(any_of)})"] if any_of else []
        query = " AND ".join([*wanted, *map(_written, all_of)])
        first = self._from(query, 0, most + 1)
        if len(first) <= most:
            return first
        size = -(-most // _WINDOWS)
        found = {id_ for start, stop in self._windows() for id_ in self._from(query, start, size, stop)}
        return sorted(found)[:most]

    def _estimated(self, query: str) -> int:
        """Chunks that a query matches, by how close together they lie at some places of the library."""
        matches = ids = 0
        for start, stop in self._windows():
            found = self._from(query, start, _IN_WINDOW, stop)
            matches += len(found)
            ids += (found[-1] + 1 if len(found) == _IN_WINDOW else stop) - start
        return round(matches * self._last() / max(1, ids))

    def _windows(self) -> list[tuple[int, int]]:
        """Ranges of ids, all of the library together."""
        edges = [number * (self._last() + 1) // _WINDOWS for number in range(_WINDOWS + 1)]
        return list(itertools.pairwise(edges))

    def _from(self, query: str, start: int, most: int, stop: int = _LAST_ID) -> list[int]:
        """The first chunks from an id on, up to another one, that a query matches."""
        sql = "SELECT rowid FROM chunk_fts WHERE chunk_fts MATCH ? AND rowid >= ? AND rowid < ? LIMIT ?"
        return [id_ for (id_,) in self._connection.execute(sql, (query, start, stop, most))]

    def _last(self) -> int:
        """The highest id of a chunk."""
        return int(self._connection.execute("SELECT max(id) FROM chunks").fetchone()[0] or 0)

    def best(self, phrases: Sequence[Phrase], k: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        if not phrases:
            return []
        condition, parameters = (self._condition, self._parameters) if among is None else (_AMONG, [json_ids(among)])
        weights = ", ".join(map(str, COLUMN_WEIGHTS))
        sql = f"SELECT rowid, -bm25(chunk_fts, {weights}) AS score FROM chunk_fts WHERE chunk_fts MATCH ?"
        if condition:
            # The unary plus keeps SQLite from starting the full-text query afresh for every admitted chunk.
            joined = "documents d JOIN chunks c ON c.document_id = d.id"
            sql += f" AND +rowid IN (SELECT c.id FROM {joined} WHERE {condition})"
        sql += " ORDER BY score DESC, rowid LIMIT ?"
        return [(id_, score) for id_, score in self._connection.execute(sql, (_any_of(phrases), *parameters, k))]

    def texts(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return self._connection.execute(
            "SELECT id, ' ' || lower(context || ' ' || text) || ' ' || terms || ' ' FROM chunks "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (json_ids(ids),),
        ).fetchall()

    def vocabulary(self, start: str, stop: str, lengths: tuple[int, int]) -> list[tuple[str, int]]:
        self._make_vocabulary()
        sql = "SELECT term, doc FROM temp.vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?"
        return self._connection.execute(sql, (start, stop, *lengths)).fetchall()

    def beginning_with(self, starts: Sequence[str], limit: int) -> list[list[tuple[str, int]]]:
        self._make_vocabulary()
        sql = "SELECT term, doc FROM temp.vocabulary WHERE term >= ? AND term < ? LIMIT ?"
        return [self._connection.execute(sql, (start, start + LAST_LETTER, limit)).fetchall() for start in starts]

    def _make_vocabulary(self) -> None:
        self._connection.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab(main, chunk_fts, row)"
        )

    def samples(self, phrase: Phrase, limit: int) -> list[str]:
        rows = self._connection.execute(
            "SELECT text FROM chunks WHERE id IN (SELECT rowid FROM chunk_fts WHERE chunk_fts MATCH ? LIMIT ?)",
            (_written(phrase), limit),
        )
        return [text for (text,) in rows]


def _any_of(phrases: Sequence[Phrase]) -> str:
    return " OR ".join(map(_written, phrases))


def _written(phrase: Phrase) -> str:
    """Returns a phrase in FTS5's syntax."""
    quoted = '"' + phrase.text.replace('"', '""') + '"'
    return (_IN_TERMS if phrase.in_terms else "") + quoted + (" *" if phrase.is_prefix else "")
