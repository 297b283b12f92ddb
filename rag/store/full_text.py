"""Full-text search: a question in free text to the best chunks by BM25 over context and text (SQLite FTS5).

In: a connection to library.db, the question, and a condition over ``documents d``. Out: (chunk id, score), best
first. No character of the question has a meaning to FTS5: every term is quoted. Chinese, Japanese, Korean and Thai,
which are written without spaces between words, are matched by pairs of neighbouring characters; ``bigrams_of`` makes
the column that holds them. This file knows nothing of embeddings.
"""

import json
import math
import re
import sqlite3
from collections.abc import Iterator, Sequence

MAX_TERMS = 48  # a pasted page as a question must not cost seconds

MAX_SCORED = 8_000  # chunks scored a query, so that its time does not grow with the library: about 10 ms
RERANKED = 100  # candidates that the frequent terms reorder

# BM25 weights of the columns context (title and headings), text, bigrams. Against 1.0, a context of 2.0 finds the right
# one of twenty quarterly reports more often (in the top ten 0.785 for 0.749) and answering spans as often (0.893).
COLUMN_WEIGHTS = (2.0, 1.0, 1.0)

_STOP_WORDS = """
a about above after again all also am an and any are aren't as at be because been before being below between
both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each else ever
few for from further get give had hadn't has hasn't have haven't having he her here hers him his how how's i i'd
i'll i'm i've if in into is isn't it it's its itself just let let's me more most my no nor not of off on once
only or other our ours out over own please same shall she should shouldn't so some such tell than that that's
the their theirs them then there there's these they they're this those through to too under until up us very was
wasn't we we're were weren't what what's when where where's which while who who's whom whose why will with won't
would wouldn't you you're your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# Han, kana, hangul, Thai, Lao, Khmer, Burmese; the last pair of ranges is written in UTF-32 only.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U000323af]+"
)
_WORD = re.compile(r"[^\W_]+(?:[^\w\s][^\W_]+|_[^\W_]+)*")
_INNER = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e|y|ies|ly|ion|ions)$")
_POSSESSIVE = re.compile(r"['\u2019]s?$")


def bigrams_of(text: str) -> str:
    """Every pair of neighbouring characters of scripts without spaces, separated by spaces; a lone one as it is."""
    return " ".join(pair for run in _UNSPACED.findall(text) for pair in _pairs(run))


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for index in range(len(run) - 1):
        yield run[index : index + 2]


def terms_of(question: str) -> list[str]:
    """The distinct words to look for, lower case; stop words only when there is nothing else.

    A compound ("10-Q", "3.5", "AB-1234") stands as a whole; those of its parts that are words follow it.
    """
    spaced = _UNSPACED.sub(" ", question).lower().replace("\u2019", "'")
    words: dict[str, None] = {}
    common: dict[str, None] = {}
    for word in _WORD.findall(spaced):
        stem = _POSSESSIVE.sub("", word)
        if word in STOP_WORDS or stem in STOP_WORDS:
            common[word] = None
            continue
        words[stem] = None
        parts = _INNER.findall(stem)
        if len(parts) > 1:
            words.update(dict.fromkeys(part for part in parts if len(part) > 2 and part not in STOP_WORDS))
    return list(words or ({} if _UNSPACED.search(question) else common))


def alternatives_of(question: str) -> list[str]:
    """The FTS5 phrases any of which makes a chunk a candidate; none when the question holds nothing to look for."""
    question = question.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    phrases = [_quoted(term) for term in terms_of(question)]
    for run in _UNSPACED.findall(question):
        if len(run) == 1:
            phrases.append(f"bigrams : {_quoted(run)} *")
        else:
            phrases += [f"bigrams : {_quoted(pair)}" for pair in _pairs(run)]
    return list(dict.fromkeys(phrases))[:MAX_TERMS]


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def search(
    connection: sqlite3.Connection, question: str, k: int, condition: str, parameters: Sequence[object]
) -> list[tuple[int, float]]:
    """The ``k`` best chunks of the documents that meet ``condition`` (empty: of all).

    BM25 costs about 2 us for every chunk that holds any of the terms, and a frequent term stands in a fifth of them.
    So the rarest terms choose the candidates, and the frequent ones only reorder the best of these. Where that finds
    fewer than ``k`` chunks, or the search is confined to some documents, the frequent ones choose as well.
    """
    if k <= 0:
        return []
    counted = sorted((_matches(connection, phrase), phrase) for phrase in alternatives_of(question))
    counted = [(count, phrase) for count, phrase in counted if count]
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


def _matches(connection: sqlite3.Connection, phrase: str) -> int:
    row = connection.execute("SELECT count(*) FROM chunk_fts WHERE chunk_fts MATCH ?", (phrase,)).fetchone()
    return int(row[0])


def _affordable(counts: Sequence[int]) -> int:
    """How many of the terms, rarest first, may choose candidates."""
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
    """The hits with what the frequent terms add to their scores, best first."""
    (total,) = connection.execute("SELECT sum(chunks) FROM documents").fetchone()
    texts = connection.execute(
        "SELECT id, ' ' || lower(context || ' ' || text) || ' ' FROM chunks "
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
    """What to look for in plain text: near enough to FTS5's stemmed term to reorder by."""
    term = phrase.removeprefix("bigrams : ").strip('"* ')
    if _UNSPACED.match(term):
        return term
    stem = _ENDING.sub("", term)
    return f" {stem}" if len(stem) > 4 else f" {term} "
