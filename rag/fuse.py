"""Rankings in, one ranking out: weighted reciprocal rank fusion (Cormack, Clarke, Büttcher 2009).

Ranks are used and scores are not, because cosines and BM25 scores have no common scale. This file knows nothing of
what the ids stand for.
"""

from collections.abc import Sequence


def fuse(rankings: Sequence[Sequence[int]], weights: Sequence[float], k: float = 60.0) -> list[tuple[int, float]]:
    """Ids with scores in (0, 1], best first; 1 means first in every ranking. Equal scores are ordered by id.

    An id at rank r of a ranking of weight w is worth w / (k + r); a larger ``k`` makes the first ranks less special.
    A ranking of weight 0 counts for nothing.
    """
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, id_ in enumerate(ranking if weight > 0 else (), start=1):
            scores[id_] = scores.get(id_, 0.0) + weight / (k + rank)
    best = sum(weight for weight in weights if weight > 0) / (k + 1)
    return sorted(((id_, score / best) for id_, score in scores.items()), key=lambda pair: (-pair[1], pair[0]))
