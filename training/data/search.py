"""First-stage retrieval for mining negatives and for evaluation: BM25 by SQLite FTS5, and rank fusion.

Passages are (context, text) pairs and are identified by their position.
"""

import re
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from numpy.typing import NDArray

# fmt: off
STOP = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "did", "do", "does", "for", "from",
    "had", "has", "have", "how", "if", "in", "into", "is", "it", "its", "of", "on", "or", "that", "the", "their",
    "them", "there", "these", "they", "this", "those", "to", "was", "were", "what", "when", "where", "which",
    "who", "whom", "whose", "why", "will", "with", "would",
})
# fmt: on
_TERM = re.compile(r"\w+")


class KeywordIndex:
    """BM25 over passages, words of the context counting like words of the text."""

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute(
            "CREATE VIRTUAL TABLE t USING fts5("
            "context, text, content='', tokenize='porter unicode61 remove_diacritics 2')"
        )
        self._db.executemany(
            "INSERT INTO t(rowid, context, text) VALUES (?, ?, ?)", ((i, c, t) for i, (c, t) in enumerate(passages))
        )

    def search(self, question: str, k: int) -> list[int]:
        terms = list(dict.fromkeys(t.lower() for t in _TERM.findall(question)))
        terms = [t for t in terms if t not in STOP] or terms
        if not terms:
            return []
        match = " OR ".join(f'"{t}"' for t in terms)
        rows = self._db.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT ?", (match, k))
        return [r[0] for r in rows]


_index: KeywordIndex | None = None


def _start(passages: Sequence[tuple[str, str]]) -> None:
    global _index
    _index = KeywordIndex(passages)


def _search(args: tuple[str, int]) -> list[int]:
    assert _index is not None
    return _index.search(*args)


def keyword_search(
    passages: Sequence[tuple[str, str]], questions: Sequence[str], k: int, workers: int = 1
) -> NDArray[np.int32]:
    """[questions, k] passage numbers, best first, -1 where fewer were found."""
    out = np.full((len(questions), k), -1, np.int32)
    if workers == 1:
        _start(passages)
        found = [_search((q, k)) for q in questions]
    else:
        with ProcessPoolExecutor(workers, initializer=_start, initargs=(passages,)) as pool:
            found = list(pool.map(_search, [(q, k) for q in questions], chunksize=256))
    for i, row in enumerate(found):
        out[i, : len(row)] = row
    return out


def fuse(a: NDArray[np.int32], b: NDArray[np.int32], k: int, constant: int = 60) -> NDArray[np.int32]:
    """Reciprocal rank fusion, row by row -> [questions, k]."""
    out = np.full((len(a), k), -1, np.int32)
    for i in range(len(a)):
        score: dict[int, float] = {}
        for row in (a[i], b[i]):
            for rank, p in enumerate(row):
                if p >= 0:
                    score[int(p)] = score.get(int(p), 0.0) + 1 / (constant + rank + 1)
        best = sorted(score, key=lambda p: -score[p])[:k]
        out[i, : len(best)] = best
    return out
