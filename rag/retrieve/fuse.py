"""Fuses two scored rankings into one: a weighted sum of cosine and relative BM25 score.

A cosine is on a scale of its own, 0 to 1. A BM25 score is not, so it counts relative to the best one for the question.
Reciprocal rank fusion looks at ranks alone and forgets that the first keyword hit is often far ahead of the second:
with weights that serve questions in a document's own words it lost the right report more often, and the other way
round (benchmarks/search/retrieval.py has the question sets).
"""

from collections.abc import Sequence

Ranking = Sequence[tuple[int, float]]  # (id, score), best first


def fuse(dense: Ranking, keyword: Ranking, dense_weight: float, keyword_weight: float) -> list[tuple[int, float]]:
    """Ids with scores from 0 to 1, best first; equal scores are ordered by id.

    An id that a ranking lacks gets nothing from it.
    """
    scores: dict[int, float] = {}
    total = dense_weight + keyword_weight
    best = keyword[0][1] if keyword else 0.0
    for id_, cosine in dense if dense_weight > 0 else ():
        scores[id_] = dense_weight / total * max(0.0, cosine)
    for id_, score in keyword if keyword_weight > 0 and best > 0 else ():
        scores[id_] = scores.get(id_, 0.0) + keyword_weight / total * max(0.0, score) / best
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
