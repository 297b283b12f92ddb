"""Keyword search: finds the best chunks for a question by BM25 over context, text and the terms of the index.

    question -> phrases -> the rarest choose candidates -> BM25 -> frequent phrases and compounds reorder them

What counts and scores is a ``WordIndex``: SQLite's FTS5 (``rag.store.full_text``) or PostgreSQL's tsvector
(``rag.store.postgres.word_index``). The column ``terms`` of an index holds what ``rag.text.index_terms`` adds to the
words of a chunk; scripts without spaces are matched by its pairs of characters.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from rag.store.compound_terms import compounds_with
from rag.text.compounds import known_parts
from rag.text.index_terms import pairs, search_terms

MAX_TERMS = 48  # a pasted page as a question must not cost seconds

MAX_SCORED = 8_000  # chunks scored a query, so that its time does not grow with the library: about 10 ms
MOST_SCORED = 3 * MAX_SCORED  # of all terms, where the rare ones find too little: about 40 ms
RERANKED = 100  # candidates that the frequent terms reorder
# Where more than MOST_SCORED chunks hold a term:
SCORED_OF_LARGE = 5_000  # by the rarest terms
MOST_TOGETHER = 4_000  # chunks that hold several frequent terms
NARROWED = 3  # frequent terms that a chunk must hold beside the first one, at most
LOOKED_UP = 3  # further frequent terms of which it is asked what chunks hold them
RERANKED_OF_LARGE = 200
COUNTED_WHOLE = 50_000  # chunks of a library up to which those that hold a phrase are counted one by one

MAX_SCORED_COMPOUNDS = 200  # chunks with compounds of one word
COMPOUND_WEIGHT = 0.5  # against the word itself
_LEAST_SCORE = 1e-6  # of what is found at all

# BM25 weights of the columns context (title and headings), text, terms. Against 1.0, a context of 2.0 finds the right
# one of twenty quarterly reports more often (in the top ten 0.785 for 0.749) and answering spans as often (0.893).
COLUMN_WEIGHTS = (2.0, 1.0, 1.0)

LAST_LETTER = "\uffff"  # behind all that words are made of

_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e|y|ies|ly|ion|ions)$")


class Phrase(NamedTuple):
    """Words that stand side by side in one column; with ``in_terms`` in the column ``terms``. With ``is_prefix`` the
    last one begins a word."""

    in_terms: bool
    text: str
    is_prefix: bool = False


Counted = tuple[int, Phrase]  # with the chunks that hold it


class WordIndex(Protocol):
    """The words of the chunks of a library, confined to some documents where ``is_confined``."""

    @property
    def is_confined(self) -> bool: ...

    def total(self) -> int:
        """Chunks of the library."""
        ...

    def holds(self, phrase: Phrase) -> bool:
        """Whether any chunk of the library holds a phrase."""
        ...

    def counts(self, phrases: Sequence[Phrase]) -> list[int]:
        """For each phrase the chunks of the library that hold it; above COUNTED_WHOLE chunks an estimate may do where
        they are many."""
        ...

    def count_any(self, phrases: Sequence[Phrase]) -> int:
        """Chunks of the library that hold any of the phrases, as ``counts`` counts."""
        ...

    def holding(self, any_of: Sequence[Phrase], all_of: Sequence[Phrase], most: int) -> list[int]:
        """Chunks of the library that hold any of these (if there are any) and all of those phrases; where there are
        more, ``most`` of them, from all over the library where that costs little."""
        ...

    def best(self, phrases: Sequence[Phrase], k: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The ``k`` best chunks by BM25 as (chunk id, score), best first, of those that it is confined to or, if
        given, of ``among``."""
        ...

    def texts(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        """(chunk id, context, text and terms in lower case, between spaces) of some chunks."""
        ...

    def vocabulary(self, start: str, stop: str, lengths: tuple[int, int]) -> list[tuple[str, int]]:
        """(stemmed word, chunks that hold it) of the words from ``start`` up to, not including, ``stop`` that have so
        many letters, at least and at most."""
        ...

    def beginning_with(self, starts: Sequence[str], limit: int) -> list[list[tuple[str, int]]]:
        """For each of ``starts`` the first ``limit`` words that begin with it, as ``vocabulary`` gives them."""
        ...

    def samples(self, phrase: Phrase, limit: int) -> list[str]:
        """Texts of some chunks that hold a phrase."""
        ...


def phrases_of(question: str) -> list[Phrase]:
    """Returns the phrases any of which makes a chunk a candidate; none when the question holds nothing to look for."""
    question = _whole(question)
    phrases = [Phrase(False, term) for term in search_terms(question)]
    phrases += [Phrase(True, pair, len(pair) == 1) for pair in pairs(question)]
    return list(dict.fromkeys(phrases))[:MAX_TERMS]


def _whole(question: str) -> str:
    """Returns the question without what databases do not take."""
    return question.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")


def search(index: WordIndex, question: str, k: int) -> list[tuple[int, float]]:
    """Returns the ``k`` best chunks as (chunk id, score), best first; ``question`` is free text.

    BM25 costs about 2 us for every chunk that holds any of the terms, and a frequent term stands in a fifth of them.
    So the rarest terms choose the candidates, and the frequent ones only reorder the best of these. Where that finds
    fewer than ``k`` chunks, or the search is confined to some documents, the frequent ones choose as well; of a large
    library those chunks that hold several of them.
    """
    if k <= 0:
        return []
    counted = _counted(index, question)
    hits = _with_words(index, counted, k)
    compounds = compounds_with(index.beginning_with, search_terms(_whole(question)))
    return _with_compounds(index, hits, compounds, question, counted)[:k] if compounds else hits


def _counted(index: WordIndex, question: str) -> list[Counted]:
    """The question's words and pairs of characters, or parts of these, that stand in the library; rarest first."""
    phrases = phrases_of(question)
    counted = list(zip(index.counts(phrases), phrases, strict=True))
    unknown = [phrase.text for count, phrase in sorted(counted) if not count and not phrase.in_terms]
    parts = [Phrase(False, part) for part in known_parts(unknown, lambda word: index.holds(Phrase(False, word)))]
    counted += zip(index.counts(parts), parts, strict=True)
    return sorted({(count, phrase) for count, phrase in counted if count})


def _with_words(index: WordIndex, counted: Sequence[Counted], k: int) -> list[tuple[int, float]]:
    """Returns the ``k`` best chunks by these phrases."""
    is_large = not index.is_confined and _is_large(counted)
    rare = len(counted) if index.is_confined else _affordable([count for count, _ in counted], is_large)
    chosen, frequent = counted[:rare], counted[rare:]
    if is_large:
        return _of_large(index, chosen, frequent, max(k, RERANKED_OF_LARGE))[:k]
    hits = index.best([phrase for _, phrase in chosen], max(k, RERANKED if frequent else k))
    if not frequent:
        return hits
    if len(hits) < k:
        return index.best([phrase for _, phrase in counted], k)
    return _reordered(index, hits, frequent)[:k]


def _of_large(
    index: WordIndex, chosen: Sequence[Counted], frequent: Sequence[Counted], wanted: int
) -> list[tuple[int, float]]:
    """Returns the best chunks with any of the chosen phrases or, where there are none, with the first of the frequent
    ones; best first. Which of the next ones each holds says which are looked at."""
    total = index.total()
    any_of, all_of, others = [phrase for _, phrase in chosen], list[Phrase](), list(frequent)
    scores = dict(index.best(any_of, SCORED_OF_LARGE)) if any_of else {}
    if not any_of:
        all_of.append(others.pop(0)[1])
        for count, phrase in frequent[1 : 1 + NARROWED]:
            found = index.holding((), [*all_of, phrase], MOST_TOGETHER)
            if len(found) < wanted:
                break
            others.remove((count, phrase))
            all_of.append(phrase)
            scores = dict.fromkeys(found, 0.0)
            if len(found) < MOST_TOGETHER:
                break
    near = dict(scores)
    for count, phrase in others[:LOOKED_UP]:
        for id_ in index.holding(any_of, [*all_of, phrase], SCORED_OF_LARGE):
            near[id_] = near.get(id_, 0.0) + _idf(count, total)
    if len(near) < wanted and all_of:
        near = dict.fromkeys(index.holding((), all_of, wanted), 0.0) | near
    best = _sorted(near.items())[:wanted]
    return _reordered(index, [(id_, scores.get(id_, 0.0)) for id_, _ in best], frequent)


def _is_large(counted: Sequence[Counted]) -> bool:
    """Whether more chunks hold any of the phrases than may all be scored."""
    return sum(count for count, _ in counted) > MOST_SCORED


def _idf(count: int, total: int) -> float:
    return math.log((total - count + 0.5) / (count + 0.5)) if 2 * count < total else 0.0


def _sorted(hits: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """Hits, the best first."""
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))


def _with_compounds(
    index: WordIndex,
    hits: Sequence[tuple[int, float]],
    compounds: Mapping[str, Sequence[str]],
    question: str,
    counted: Sequence[Counted],
) -> list[tuple[int, float]]:
    """Returns the hits and the chunks that hold compounds of the question's words, best first.

    A compound counts as its part would, but less, and not the more for being rare itself.
    """
    total = index.total()
    added: dict[int, float] = {}
    for word, marks in compounds.items():
        marked = [Phrase(True, mark) for mark in marks]
        count = index.count_any([Phrase(False, word), *marked])
        idf = max(0.0, math.log((total - count + 0.5) / (count + 0.5)))
        for id_, _ in index.best(marked, MAX_SCORED_COMPOUNDS):
            added[id_] = added.get(id_, 0.0) + COMPOUND_WEIGHT * idf + _LEAST_SCORE
    scores = dict(hits)
    others = [id_ for id_ in added if id_ not in scores]
    if others and hits and _is_large(counted):
        scores |= dict(_reordered(index, [(id_, 0.0) for id_ in others], counted))
    elif others and hits:
        scores |= dict(index.best(phrases_of(question), len(others), others))
    for id_, more in added.items():
        scores[id_] = scores.get(id_, 0.0) + more
    return _sorted(scores.items())


def _affordable(counts: Sequence[int], is_large: bool) -> int:
    """Returns how many of the terms, rarest first, may choose candidates; at least one, unless the library is large."""
    total = 0
    for number, count in enumerate(counts):
        total += count
        if total > SCORED_OF_LARGE if is_large else number and total > MAX_SCORED:
            return number
    return len(counts)


def _reordered(
    index: WordIndex, hits: Sequence[tuple[int, float]], frequent: Sequence[Counted]
) -> list[tuple[int, float]]:
    """Returns the hits with what the frequent terms add to their scores, best first."""
    total = index.total()
    texts = index.texts([id_ for id_, _ in hits])
    scores = dict(hits)
    for count, phrase in frequent:
        idf = _idf(count, total)
        stem = _stem(phrase)
        for id_, text in texts:
            if frequency := text.count(stem):
                scores[id_] += idf * frequency * 2.2 / (frequency + 1.2)  # BM25 with k1 = 1.2 at average length
    return _sorted(scores.items())


def _stem(phrase: Phrase) -> str:
    """Returns what to look for in plain text: near enough to the index's stemmed term to reorder by."""
    if phrase.in_terms:
        return phrase.text
    stem = _ENDING.sub("", phrase.text)
    return f" {stem}" if len(stem) > 4 else f" {phrase.text} "
