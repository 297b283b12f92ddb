"""The words of a library on a PostgreSQL server (``rag.store.keyword_search.WordIndex``).

PostgreSQL ranks without knowing how rare a word is, so BM25 is made of its parts: the GIN index finds the chunks that
hold a phrase, and ``ts_rank_cd`` of that phrase alone adds up the weights of the columns that its hits stand in. The
score is that of SQLite's FTS5: k1 = 1.2, b = 0.75.
"""

import math
from collections.abc import Sequence

from rag.store.keyword_search import COLUMN_WEIGHTS, COUNTED_WHOLE, LAST_LETTER, MAX_SCORED, Phrase
from rag.store.postgres.lexemes import COLUMNS, tokens
from rag.store.postgres.server import Server

_K1, _B = 1.2, 0.75
_LEAST_IDF = 1e-6
_HEAVIEST = max(COLUMN_WEIGHTS)
# For ts_rank_cd, in the order D, C, B, A; none may be above 1.
_RANK_WEIGHTS = f"{{0,{','.join(str(weight / _HEAVIEST) for weight in reversed(COLUMN_WEIGHTS))}}}"
_TERMS = COLUMNS[2]
_LOOKED_AT = 400  # chunks that hold the words of a phrase


class TsvectorIndex:
    """Confined to the documents ``d`` that meet an SQL ``condition`` if it is given."""

    def __init__(self, server: Server, condition: str = "", parameters: Sequence[object] = ()) -> None:
        self._server = server
        self._condition = condition
        self._parameters = parameters
        self._counts: dict[Phrase, int] = {}
        self._found: dict[Phrase, list[int]] = {}  # chunks of phrases of several words, which take long to be found
        self._totals: tuple[int, int] | None = None

    @property
    def is_confined(self) -> bool:
        return bool(self._condition)

    def total(self) -> int:
        return self._chunks_and_tokens()[0]

    def holds(self, phrase: Phrase) -> bool:
        return self.counts([phrase])[0] > 0

    def counts(self, phrases: Sequence[Phrase]) -> list[int]:
        asked = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._counts]
        words = {phrase: list(tokens(phrase.text)) for phrase in asked}
        single = {phrase: found[0] for phrase, found in words.items() if len(found) == 1 and not phrase.is_prefix}
        if single:
            known = self._chunks_with(list(single.values()))
            self._counts |= {phrase: known.get(lexeme, 0) for phrase, lexeme in single.items()}
        for phrase in asked:
            if phrase not in single:
                self._counts[phrase] = self._count(phrase) if words[phrase] else 0
        return [self._counts[phrase] for phrase in phrases]

    def _count(self, phrase: Phrase) -> int:
        """Chunks that hold a phrase of several words, or one that begins a word; keeps which, unless they are many."""
        is_large = self.total() > COUNTED_WHOLE
        if is_large and not phrase.is_prefix and self._is_frequent(phrase):
            return self._most([phrase])
        sql = "SELECT chunk_id FROM chunk_words WHERE words @@ %s::tsquery LIMIT %s"
        found = [id_ for (id_,) in self._server.rows(sql, (_written(phrase), MAX_SCORED + 1))]
        if len(found) <= MAX_SCORED:
            self._found[phrase] = found
            return len(found)
        return max(len(found), self._most([phrase])) if is_large else self.count_any([phrase])

    def _is_frequent(self, phrase: Phrase) -> bool:
        """Whether so many chunks hold a phrase that it chooses none, by some of those that hold its words: to see for
        thousands where the words stand takes tens of milliseconds."""
        most = self._most([phrase])
        if most <= MAX_SCORED:
            return False
        sql = (
            "SELECT count(*) FILTER (WHERE words @@ %s::tsquery) FROM "
            "(SELECT words FROM chunk_words WHERE words @@ %s::tsquery LIMIT %s) looked_at"
        )
        every = " & ".join(f"'{word}'" for word in tokens(phrase.text))
        hits = int(self._server.rows(sql, (_written(phrase), every, _LOOKED_AT))[0][0])
        return hits * most > MAX_SCORED * _LOOKED_AT

    def count_any(self, phrases: Sequence[Phrase]) -> int:
        query = _any_of(phrases)
        if not query:
            return 0
        most = MAX_SCORED if self.total() > COUNTED_WHOLE else None
        words = [phrase for phrase in phrases if not phrase.in_terms and len(list(tokens(phrase.text))) == 1]
        if most is not None and any(self._most([word]) >= most for word in words):
            return self._most(phrases)
        sql = "SELECT count(*) FROM (SELECT 1 FROM chunk_words WHERE words @@ %s::tsquery LIMIT %s) found"
        count = int(self._server.rows(sql, (query, most))[0][0])
        return count if count != most else max(count, self._most(phrases))

    def _most(self, phrases: Sequence[Phrase]) -> int:
        """Chunks that hold any of the phrases, at most: for each as many as hold its rarest word."""
        words = [list(tokens(phrase.text)) for phrase in phrases if not phrase.is_prefix]
        known = self._chunks_with([word for of_phrase in words for word in of_phrase])
        return sum(min(known.get(word, 0) for word in of_phrase) for of_phrase in words if of_phrase)

    def _chunks_with(self, words: Sequence[str]) -> dict[str, int]:
        sql = "SELECT lexeme, sum(chunks)::bigint FROM lexemes WHERE lexeme = ANY(%s) GROUP BY lexeme"
        return dict(self._server.rows(sql, (list(words),))) if words else {}

    def holding(self, any_of: Sequence[Phrase], all_of: Sequence[Phrase], most: int) -> list[int]:
        query = " & ".join([*([f"({_any_of(any_of)})"] if any_of else []), *map(_written, all_of)])
        sql = "SELECT chunk_id FROM chunk_words WHERE words @@ %s::tsquery LIMIT %s"
        return sorted(id_ for (id_,) in self._server.rows(sql, (query, most)))

    def best(self, phrases: Sequence[Phrase], k: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        known = [(phrase, count) for phrase, count in zip(phrases, self.counts(phrases), strict=True) if count]
        if not known or k <= 0:
            return []
        total, all_tokens = self._chunks_and_tokens()
        where, parameters = self._confined(among)
        norms = _K1 * (1 - _B), _K1 * _B * total / max(1, all_tokens)
        scores, given = [], list[object]()
        for phrase, count in known:
            query = _written(phrase)
            hits = f"{_HEAVIEST}::float8 * ts_rank_cd('{_RANK_WEIGHTS}', words, %s::tsquery)"
            norm = "(%s::float8 + %s::float8 * tokens)"
            # hits / (hits + norm), with one ts_rank_cd
            scores.append(
                f"SELECT chunk_id, %s::float8 * (1 - {norm} / ({hits} + {norm})) AS score FROM chunk_words "
                f"WHERE {'chunk_id = ANY(%s)' if phrase in self._found else 'words @@ %s::tsquery'}{where}"
            )
            chosen = self._found.get(phrase, query)
            given += [_idf(count, total) * (_K1 + 1), *norms, query, *norms, chosen, *parameters]
        sql = f"SELECT chunk_id, sum(score) AS score FROM ({' UNION ALL '.join(scores)}) scored GROUP BY chunk_id"
        return self._server.rows(f"{sql} ORDER BY score DESC, chunk_id LIMIT %s", [*given, k])

    def _confined(self, among: Sequence[int] | None) -> tuple[str, Sequence[object]]:
        """A condition of chunks, and its parameters."""
        if among is not None:
            return " AND chunk_id = ANY(%s)", [list(among)]
        if not self._condition:
            return "", []
        documents = f"SELECT d.id FROM documents d WHERE {self._condition}"
        return f" AND chunk_id IN (SELECT id FROM chunks WHERE document_id IN ({documents}))", self._parameters

    def texts(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return self._server.rows(
            "SELECT id, ' ' || lower(context || ' ' || text) || ' ' || terms || ' ' FROM chunks WHERE id = ANY(%s)",
            (list(ids),),
        )

    def vocabulary(self, start: str, stop: str, lengths: tuple[int, int]) -> list[tuple[str, int]]:
        return self._server.rows(
            "SELECT lexeme, sum(chunks)::bigint FROM lexemes WHERE lexeme >= %s AND lexeme < %s "
            "AND length(lexeme) BETWEEN %s AND %s GROUP BY lexeme HAVING sum(chunks) > 0 ORDER BY lexeme",
            (start, stop, *lengths),
        )

    def beginning_with(self, starts: Sequence[str], limit: int) -> list[list[tuple[str, int]]]:
        rows = self._server.rows(
            "SELECT number, lexeme, counted "
            "FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY s (start, stop, number) "
            "CROSS JOIN LATERAL (SELECT lexeme, sum(chunks)::bigint AS counted FROM lexemes WHERE lexeme >= start "
            "AND lexeme < stop GROUP BY lexeme HAVING sum(chunks) > 0 ORDER BY lexeme LIMIT %s) l ORDER BY 1, 2",
            (list(starts), [start + LAST_LETTER for start in starts], limit),
        )
        found: list[list[tuple[str, int]]] = [[] for _ in starts]
        for number, lexeme, counted in rows:
            found[number - 1].append((lexeme, counted))
        return found

    def samples(self, phrase: Phrase, limit: int) -> list[str]:
        sql = (
            "SELECT text FROM chunks WHERE id IN "
            "(SELECT chunk_id FROM chunk_words WHERE words @@ %s::tsquery ORDER BY chunk_id LIMIT %s)"
        )
        query = _written(phrase)
        return [text for (text,) in self._server.rows(sql, (query, limit))] if query else []

    def _chunks_and_tokens(self) -> tuple[int, int]:
        if self._totals is None:
            row = self._server.rows("SELECT sum(chunks)::bigint, sum(tokens)::bigint FROM totals")[0]
            self._totals = int(row[0] or 0), int(row[1] or 0)
        return self._totals


def _idf(count: int, total: int) -> float:
    return max(_LEAST_IDF, math.log((total - count + 0.5) / (count + 0.5))) if count <= total else _LEAST_IDF


def _any_of(phrases: Sequence[Phrase]) -> str:
    return " | ".join(written for phrase in phrases if (written := _written(phrase)))


def _written(phrase: Phrase) -> str:
    """Returns a phrase as a tsquery; "" where it holds no word. Words are of letters and digits alone, so quoting them
    is enough."""
    words = list(tokens(phrase.text))
    if not words:
        return ""
    label = (":*" if phrase.is_prefix else ":" if phrase.in_terms else "") + (_TERMS if phrase.in_terms else "")
    column = f":{_TERMS}" if phrase.in_terms else ""
    return "(" + " <-> ".join([*(f"'{word}'{column}" for word in words[:-1]), f"'{words[-1]}'{label}"]) + ")"
