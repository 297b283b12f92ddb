"""Chooses the few sentences that tell best what passages are about: the opening, then the most central ones.

For "summarise this" and "what is it about", where no sentence matches the words of the query. Keeps to the
document that the passages mostly come from.
"""

from collections.abc import Sequence

import numpy as np

from rag.answer.quote import Quote
from rag.answer.rows import units_of
from rag.protocols import Embedder
from rag.text.words import stems
from rag.types import Passage, Query

SENTENCES = 3
_EMBEDDED = 24  # sentences compared with each other
_SHORTEST, _LONGEST = 6, 60  # words of a sentence worth quoting in a summary
_TOO_ALIKE = 0.85  # cosine from which a sentence only repeats another


def overview(query: Query, passages: Sequence[Passage], embedder: Embedder) -> list[Quote]:
    """Up to three sentences, in the order of the document; empty only without any sentence."""
    document = main_document(query, passages)
    own = sorted((p for p in passages if p.document.id == document), key=lambda passage: passage.start)
    quotes = _candidates(own, strict=True) or _candidates(own, strict=False)
    if not quotes:
        return []
    quotes = _spread(quotes, _EMBEDDED)
    vectors = embedder.embed_passages([quote.text[:400] for quote in quotes])
    centre = vectors.mean(axis=0)
    centrality = vectors @ centre / (float(np.linalg.norm(centre)) or 1.0)
    chosen = [0] if own[0].start < 2000 else []  # characters: near enough to be an opening
    for index in np.argsort(-centrality):
        if len(chosen) == SENTENCES:
            break
        if all(float(vectors[index] @ vectors[other]) < _TOO_ALIKE for other in chosen):
            chosen.append(int(index))
    return [quotes[index] for index in sorted(set(chosen))]


def main_document(query: Query, passages: Sequence[Passage]) -> int:
    """The document whose title the question names and whose passages score highest together.

    Squares, lest many weak passages outvote a strong one.
    """
    totals: dict[int, float] = {}
    for passage in passages:
        title = frozenset(stems(passage.document.title))
        named = sum(weight for term, weight in query.terms.items() if term in title) / query.total
        totals[passage.document.id] = totals.get(passage.document.id, 0.0) + passage.score**2 * (0.1 + named)
    return max(totals, key=lambda document: totals[document])


def _candidates(passages: Sequence[Passage], *, strict: bool) -> list[Quote]:
    """Sentences of the passages; strict ones are full sentences of a readable length."""
    found: list[Quote] = []
    for passage in passages:
        text = passage.text
        for unit in units_of(passage, len(text)):
            length = len(text[unit.first : unit.end].split())
            full = _SHORTEST <= length <= _LONGEST and not unit.is_table_row and text[unit.end - 1] in '.!。！”"»'
            if full or not strict:
                found.append(Quote(passage, unit.first, unit.end, passage.score))
    return found


def _spread(quotes: list[Quote], most: int) -> list[Quote]:
    """At most so many, evenly spread, the first one kept."""
    if len(quotes) <= most:
        return quotes
    return [quotes[index * len(quotes) // most] for index in range(most)]
