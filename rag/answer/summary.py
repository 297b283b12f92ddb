"""Passages in, the few sentences that tell best what they are about out: the opening, then the most central ones.

For "summarise this" and "what is it about", where no sentence matches the words of the question. Keeps to the
document that the passages mostly come from. Knows nothing of wording.
"""

from collections.abc import Sequence

import numpy as np

from rag.protocols import Embedder
from rag.query.query import Question
from rag.text.sentences import cached_sentences, is_table_row, skip_marker
from rag.text.words import stems
from rag.types import Passage

SENTENCES = 3
_EMBEDDED = 24  # sentences compared with each other
_SHORTEST, _LONGEST = 6, 60  # words of a sentence worth quoting in a summary
_TOO_ALIKE = 0.85  # cosine from which a sentence only repeats another

Span = tuple[Passage, int, int]


def overview(question: Question, passages: Sequence[Passage], embedder: Embedder) -> list[Span]:
    """Up to three sentences (passage, start, end), in the order of the document; empty only without any sentence."""
    document = _main_document(question, passages)
    own = sorted((p for p in passages if p.document.id == document), key=lambda passage: passage.start)
    spans = _candidates(own, strict=True) or _candidates(own, strict=False)
    if not spans:
        return []
    spans = _spread(spans, _EMBEDDED)
    vectors = embedder.embed_passages([passage.text[start:end][:400] for passage, start, end in spans])
    centre = vectors.mean(axis=0)
    centrality = vectors @ centre / (float(np.linalg.norm(centre)) or 1.0)
    chosen = [0] if own[0].start < 2000 else []  # characters: near enough to be an opening
    for index in np.argsort(-centrality):
        if len(chosen) == SENTENCES:
            break
        if all(float(vectors[index] @ vectors[other]) < _TOO_ALIKE for other in chosen):
            chosen.append(int(index))
    return [spans[index] for index in sorted(set(chosen))]


def _main_document(question: Question, passages: Sequence[Passage]) -> int:
    """The document whose title the question names and whose passages score highest together.

    Squares, lest many weak passages outvote a strong one.
    """
    totals: dict[int, float] = {}
    for passage in passages:
        title = frozenset(stems(passage.document.title))
        named = sum(weight for term, weight in question.terms.items() if term in title) / question.total
        totals[passage.document.id] = totals.get(passage.document.id, 0.0) + passage.score**2 * (0.1 + named)
    return max(totals, key=lambda document: totals[document])


def _candidates(passages: Sequence[Passage], *, strict: bool) -> list[Span]:
    """Sentences of the passages; strict ones are full sentences of a readable length."""
    found: list[Span] = []
    for passage in passages:
        text = passage.text
        for first, end in cached_sentences(text):
            start = skip_marker(text, first, end)
            length = len(text[start:end].split())
            full = (
                _SHORTEST <= length <= _LONGEST and not is_table_row(text, start, end) and text[end - 1] in '.!。！”"»'
            )
            if full or not strict:
                found.append((passage, start, end))
    return found


def _spread(spans: list[Span], most: int) -> list[Span]:
    """At most so many, evenly spread, the first one kept."""
    if len(spans) <= most:
        return spans
    return [spans[index * len(spans) // most] for index in range(most)]
