"""Measures how much of a question stands close together in a text.

BM25 counts words wherever they stand in a chunk; an answer has them within a sentence or two. Each of the question's
words weighs what ``rag.text.words`` says of its rarity, and the best stretch of WINDOW words counts.
"""

from collections.abc import Iterable, Mapping

from rag.text.words import stems

WINDOW = 45  # words: about two sentences; 30 and 60 were measured alike


def proximity(weights: Mapping[str, float], texts: Iterable[str]) -> list[float]:
    """The share, 0 to 1, of the question's words in the best stretch of each text. ``weights`` are ``Query.rarity``."""
    total = sum(weights.values())
    return [_best_stretch(weights, text) / total if total else 0.0 for text in texts]


def _best_stretch(weights: Mapping[str, float], text: str) -> float:
    """The largest weight of distinct words within WINDOW consecutive ones."""
    found = [(place, stem) for place, stem in enumerate(stems(text)) if stem in weights]
    inside: dict[str, int] = {}
    best = held = 0.0
    first = 0
    for place, stem in found:
        inside[stem] = inside.get(stem, 0) + 1
        if inside[stem] == 1:
            held += weights[stem]
        while found[first][0] <= place - WINDOW:
            left = found[first][1]
            inside[left] -= 1
            if not inside[left]:
                held -= weights[left]
            first += 1
        best = max(best, held)
    return best
