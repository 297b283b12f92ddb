"""The words of a library on a PostgreSQL server (``rag.store.keyword_search.WordIndex``).

PostgreSQL ranks without knowing how rare a word is. So it chooses candidates by a measure near to BM25, made of
``ts_rank`` of each phrase, and the first of these get the BM25 score that SQLite gives them: k1 = 1.2, b = 0.75, hits
in a column times the weight of that.
"""

import math
import re
from collections.abc import Sequence

from rag.store.keyword_search import COLUMN_WEIGHTS, Phrase
from rag.store.postgres.lexemes import COLUMNS, tokens
from rag.store.postgres.server import Server

_K1, _B = 1.2, 0.75
_LEAST_IDF = 1e-6
_SCORED = 2  # candidates that get an exact score for each wanted
_LEAST_SCORED = 200
_ONE_HIT = 0.6079  # ts_rank of one hit with weight 1: 6 / pi^2
# For ts_rank, in the order D, C, B, A: half of the columns' weights, so that none is above 1.
_RANK_WEIGHTS = f"{{0,{','.join(str(weight / max(COLUMN_WEIGHTS)) for weight in reversed(COLUMN_WEIGHTS))}}}"
_TERMS = COLUMNS[2]
_PLACE = re.compile(r"(\d+)([ABC])")


class TsvectorIndex:
    """Confined to the documents ``d`` that meet an SQL ``condition`` if it is given."""

    def __init__(self, server: Server, condition: str = "", parameters: Sequence[object] = ()) -> None:
        self._server = server
        self._condition = condition
        self._parameters = parameters
        self._counts: dict[Phrase, int] = {}
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
            sql = "SELECT lexeme, sum(chunks)::bigint FROM lexemes WHERE lexeme = ANY(%s) GROUP BY lexeme"
            known = dict(self._server.rows(sql, (list(single.values()),)))
            self._counts |= {phrase: known.get(lexeme, 0) for phrase, lexeme in single.items()}
        for phrase in asked:
            if phrase not in single:
                self._counts[phrase] = self.count_any([phrase]) if words[phrase] else 0
        return [self._counts[phrase] for phrase in phrases]

    def count_any(self, phrases: Sequence[Phrase]) -> int:
        query = _any_of(phrases)
        if not query:
            return 0
        sql = "SELECT count(*) FROM chunk_words WHERE words @@ %s::tsquery"
        return int(self._server.rows(sql, (query,))[0][0])

    def best(self, phrases: Sequence[Phrase], k: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        known = [(phrase, count) for phrase, count in zip(phrases, self.counts(phrases), strict=True) if count]
        if not known or k <= 0:
            return []
        total, all_tokens = self._chunks_and_tokens()
        weighed = [(phrase, _idf(count, total)) for phrase, count in known]
        average = all_tokens / max(1, total)
        rows = self._candidates(weighed, average, max(_SCORED * k, _LEAST_SCORED), among)
        counters = [(_Hits(phrase), idf) for phrase, idf in weighed]
        scored = []
        for id_, length, words in rows:
            norm = _K1 * (1 - _B + _B * length / average)
            hits = ((counter.of(words), idf) for counter, idf in counters)
            scored.append((id_, sum(idf * count * (_K1 + 1) / (count + norm) for count, idf in hits if count)))
        return sorted(scored, key=lambda hit: (-hit[1], hit[0]))[:k]

    def _candidates(
        self, weighed: Sequence[tuple[Phrase, float]], average: float, limit: int, among: Sequence[int] | None
    ) -> list[tuple[int, int, str]]:
        """Returns (chunk id, number of words, tsvector) of the chunks that come first by the near measure."""
        norm = f"{_K1} * ({1 - _B} + {_B / average} * w.tokens)"
        near, ranked = [], []
        for phrase, idf in weighed:
            hits = f"(ts_rank('{_RANK_WEIGHTS}', w.words, %s::tsquery) * {max(COLUMN_WEIGHTS) / _ONE_HIT})"
            near.append(f"{idf} * (1 - {norm} / ({hits} + {norm}))")  # hits / (hits + norm), with one ts_rank
            ranked.append(_written(phrase))
        sql = "SELECT w.chunk_id, w.tokens, w.words::text FROM chunk_words w WHERE w.words @@ %s::tsquery"
        parameters: list[object] = [_any_of([phrase for phrase, _ in weighed])]
        if among is not None:
            sql += " AND w.chunk_id = ANY(%s)"
            parameters.append(list(among))
        elif self._condition:
            sql += (
                " AND w.chunk_id IN (SELECT c.id FROM documents d JOIN chunks c ON c.document_id = d.id"
                f" WHERE {self._condition})"
            )
            parameters += self._parameters
        sql += f" ORDER BY {' + '.join(near)} DESC, w.chunk_id LIMIT %s"
        return self._server.rows(sql, [*parameters, *ranked, limit])

    def texts(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return self._server.rows(
            "SELECT id, ' ' || lower(context || ' ' || text) || ' ' || terms || ' ' FROM chunks WHERE id = ANY(%s)",
            (list(ids),),
        )

    def vocabulary(
        self, start: str, stop: str, lengths: tuple[int, int] | None = None, limit: int | None = None
    ) -> list[tuple[str, int]]:
        sql = "SELECT lexeme, sum(chunks)::bigint FROM lexemes WHERE lexeme >= %s AND lexeme < %s"
        if lengths is not None:
            sql += f" AND length(lexeme) BETWEEN {lengths[0]:d} AND {lengths[1]:d}"
        sql += " GROUP BY lexeme HAVING sum(chunks) > 0 ORDER BY lexeme LIMIT %s"
        return self._server.rows(sql, (start, stop, limit))

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


class _Hits:
    """Counts the hits of a phrase in the text form of a tsvector, each times the weight of its column."""

    def __init__(self, phrase: Phrase) -> None:
        self._words = list(tokens(phrase.text))
        self._last = re.compile(f"'{re.escape(self._words[-1])}[^']*':([0-9ABC,]+)") if phrase.is_prefix else None
        self._columns = _TERMS if phrase.in_terms else COLUMNS

    def of(self, words: str) -> float:
        found: set[tuple[int, str]] | None = None
        for behind, word in enumerate(self._words):
            is_last = behind == len(self._words) - 1
            given = ",".join(self._last.findall(words)) if self._last and is_last else _behind(f"'{word}':", words)
            if not given:
                return 0.0
            places = {(int(at) - behind, column) for at, column in _PLACE.findall(given)}
            found = places if found is None else found & places
        return sum(COLUMN_WEIGHTS[COLUMNS.index(column)] for _, column in found or () if column in self._columns)


def _behind(name: str, words: str) -> str:
    """What follows a word, up to the next one."""
    start = words.find(name)
    if start < 0:
        return ""
    start += len(name)
    end = words.find(" ", start)
    return words[start : end if end >= 0 else None]


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
