"""Full-text search: finds the best chunks for a question by BM25 over context and text (SQLite FTS5).

No character of the question has a meaning to FTS5: every term is quoted. The column ``terms`` holds what
``rag.text.index_terms`` adds to the words of a chunk; scripts without spaces are matched by its pairs of characters.
"""

import json
import math
import re
import sqlite3
from collections.abc import Mapping, Sequence

from rag.store.compound_terms import compounds_with
from rag.text.compounds import known_parts
from rag.text.index_terms import pairs, search_terms

MAX_TERMS = 48  # a pasted page as a question must not cost seconds

MAX_SCORED = 8_000  # chunks scored a query, so that its time does not grow with the library: about 10 ms
RERANKED = 100  # candidates that the frequent terms reorder

# BM25 weights of the columns context (title and headings), text, terms. Against 1.0, a context of 2.0 finds the right
# one of twenty quarterly reports more often (in the top ten 0.785 for 0.749) and answering spans as often (0.893).
COLUMN_WEIGHTS = (2.0, 1.0, 1.0)

MAX_SCORED_COMPOUNDS = 200  # chunks with compounds of one word
COMPOUND_WEIGHT = 0.5  # against the word itself
_LEAST_SCORE = 1e-6  # of what is found at all

_IN_TERMS = "terms : "  # confines a phrase of FTS5 to that column
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e|y|ies|ly|ion|ions)$")


def alternatives_of(question: str) -> list[str]:
    """Returns the FTS5 phrases any of which makes a chunk a candidate; none when the question holds nothing to look
    for.
    """
    question = _whole(question)
    phrases = [_quoted(term) for term in search_terms(question)]
    phrases += [_IN_TERMS + _quoted(pair) + (" *" if len(pair) == 1 else "") for pair in pairs(question)]
    return list(dict.fromkeys(phrases))[:MAX_TERMS]


def _whole(question: str) -> str:
    """Returns the question without what SQLite does not take."""
    return question.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def search(
    connection: sqlite3.Connection, question: str, k: int, condition: str, parameters: Sequence[object]
) -> list[tuple[int, float]]:
    """Returns the ``k`` best chunks of the documents that meet ``condition`` (empty: of all).

    BM25 costs about 2 us for every chunk that holds any of the terms, and a frequent term stands in a fifth of them.
    So the rarest terms choose the candidates, and the frequent ones only reorder the best of these. Where that finds
    fewer than ``k`` chunks, or the search is confined to some documents, the frequent ones choose as well.
    """
    if k <= 0:
        return []
    hits = _with_words(connection, question, k, condition, parameters)
    compounds = compounds_with(connection, search_terms(_whole(question)))
    return _with_compounds(connection, hits, compounds, question, condition, parameters)[:k] if compounds else hits


def _with_words(
    connection: sqlite3.Connection, question: str, k: int, condition: str, parameters: Sequence[object]
) -> list[tuple[int, float]]:
    """Returns the ``k`` best chunks by the question's words and pairs of characters."""
    counted = sorted((_matches(connection, phrase), phrase) for phrase in alternatives_of(question))
    unknown = [phrase.strip('"') for count, phrase in counted if not count]
    for part in known_parts(unknown, lambda word: _matches(connection, _quoted(word)) > 0):
        counted.append((_matches(connection, _quoted(part)), _quoted(part)))
    counted = sorted({(count, phrase) for count, phrase in counted if count})
    rare = len(counted) if condition else _affordable([count for count, _ in counted])
    chosen, frequent = counted[:rare], counted[rare:]
    hits = _best(
        connection, [phrase for _, phrase in chosen], max(k, RERANKED if frequent else k), condition, parameters
    )
    if not frequent:
        return hits
    if len(hits) < k:
        return _best(connection, [phrase for _, phrase in counted], k, condition, parameters)
    return _reordered(connection, hits, frequent)[:k]


def _with_compounds(
    connection: sqlite3.Connection,
    hits: Sequence[tuple[int, float]],
    compounds: Mapping[str, Sequence[str]],
    question: str,
    condition: str,
    parameters: Sequence[object],
) -> list[tuple[int, float]]:
    """Returns the hits and the chunks that hold compounds of the question's words, best first.

    A compound counts as its part would, but less, and not the more for being rare itself.
    """
    (total,) = connection.execute("SELECT sum(chunks) FROM documents").fetchone()
    added: dict[int, float] = {}
    for word, marks in compounds.items():
        phrase = " OR ".join(_IN_TERMS + _quoted(mark) for mark in marks)
        count = _matches(connection, f"{_quoted(word)} OR {phrase}")
        idf = max(0.0, math.log((total - count + 0.5) / (count + 0.5)))
        for id_, _ in _best(connection, [phrase], MAX_SCORED_COMPOUNDS, condition, parameters):
            added[id_] = added.get(id_, 0.0) + COMPOUND_WEIGHT * idf + _LEAST_SCORE
    scores = dict(hits)
    others = [id_ for id_ in added if id_ not in scores]
    if others and hits:
        among = "c.id IN (SELECT value FROM json_each(?))"
        scores |= dict(_best(connection, alternatives_of(question), len(others), among, [json.dumps(others)]))
    for id_, more in added.items():
        scores[id_] = scores.get(id_, 0.0) + more
    return sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))


def _matches(connection: sqlite3.Connection, phrase: str) -> int:
    row = connection.execute("SELECT count(*) FROM chunk_fts WHERE chunk_fts MATCH ?", (phrase,)).fetchone()
    return int(row[0])


def _affordable(counts: Sequence[int]) -> int:
    """Returns how many of the terms, rarest first, may choose candidates."""
    total = 0
    for index, count in enumerate(counts):
        total += count
        if index and total > MAX_SCORED:
            return index
    return len(counts)


def _best(
    connection: sqlite3.Connection, phrases: Sequence[str], k: int, condition: str, parameters: Sequence[object]
) -> list[tuple[int, float]]:
    if not phrases:
        return []
    weights = ", ".join(map(str, COLUMN_WEIGHTS))
    sql = f"SELECT rowid, -bm25(chunk_fts, {weights}) AS score FROM chunk_fts WHERE chunk_fts MATCH ?"
    if condition:
        # The unary plus keeps SQLite from starting the full-text query afresh for every admitted chunk.
        sql += f" AND +rowid IN (SELECT c.id FROM documents d JOIN chunks c ON c.document_id = d.id WHERE {condition})"
    sql += " ORDER BY score DESC, rowid LIMIT ?"
    return [(id_, score) for id_, score in connection.execute(sql, (" OR ".join(phrases), *parameters, k))]


def _reordered(
    connection: sqlite3.Connection, hits: Sequence[tuple[int, float]], frequent: Sequence[tuple[int, str]]
) -> list[tuple[int, float]]:
    """Returns the hits with what the frequent terms add to their scores, best first."""
    (total,) = connection.execute("SELECT sum(chunks) FROM documents").fetchone()
    texts = connection.execute(
        "SELECT id, ' ' || lower(context || ' ' || text) || ' ' || terms || ' ' FROM chunks "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([id_ for id_, _ in hits]),),
    ).fetchall()
    scores = dict(hits)
    for count, phrase in frequent:
        idf = math.log((total - count + 0.5) / (count + 0.5)) if 2 * count < total else 0.0
        stem = _stem(phrase)
        for id_, text in texts:
            if frequency := text.count(stem):
                scores[id_] += idf * frequency * 2.2 / (frequency + 1.2)  # BM25 with k1 = 1.2 at average length
    return sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))


def _stem(phrase: str) -> str:
    """Returns what to look for in plain text: near enough to FTS5's stemmed term to reorder by."""
    term = phrase.removeprefix(_IN_TERMS).strip('"* ')
    if phrase.startswith(_IN_TERMS):
        return term
    stem = _ENDING.sub("", term)
    return f" {stem}" if len(stem) > 4 else f" {term} "
