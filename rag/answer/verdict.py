"""Says "No" or "Yes" in front of a quote where the sentence itself decides it.

No: the clauses that hold most of the question are all negated ("There is no parking space"). Yes: the sentence holds
the whole question, and nothing in it is negated or limited. What lies between is left to whoever reads the quote: a cat
that "may be kept after telling the landlord" is neither.
"""

import re

from rag.text.words import match, prefixes_of, stems
from rag.types import Query

_ASKS_WHETHER = re.compile(
    r"^\W*(?:and |but )?(?:is|are|was|were|do|does|did|has|have|had|can|could|may|must|should|will|would)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|forb[ai]d(?:e|den|s)?|prohibit(?:s|ed)?|banned)\b"
    r"|n[’']t\b",
    re.IGNORECASE,
)
_FORBIDS = re.compile(r"\b(?:ban|forb[ai]d|prohibit)", re.IGNORECASE)
_LIMITED = re.compile(
    r"\b(?:only|except|unless|until|if|when|from|after|before|between|up to|at most|at least|more|less|but|or)\b",
    re.IGNORECASE,
)
_ALTERNATIVES = re.compile(r"\bor\b|\bthan\b", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[;:,.]\s|\b(?:but|although|though|while|whereas|if|unless|when|where|provided|as long as)\b", re.IGNORECASE
)
_LEAST = 0.3  # share of the question's weight that the negated clauses must hold
_NEAR = 0.6  # share of the best clause's weight from which another one counts as well
_WHOLE = 0.99


def verdict(query: Query, sentence: str) -> str | None:
    """ "Yes", "No", or None where the sentence alone does not decide it."""
    asks = query.is_english and _ASKS_WHETHER.match(query.text) is not None
    if not asks or _NEGATED.search(query.text) or _FORBIDS.search(query.text) or _ALTERNATIVES.search(query.text):
        return None
    if not _NEGATED.search(sentence):
        return "Yes" if _held(query, sentence) >= _WHOLE and not _LIMITED.search(sentence) else None
    clauses = [clause for clause in _CLAUSE.split(sentence) if clause.strip()]
    held = [_held(query, clause) for clause in clauses]
    most = max(held)
    decisive = [clause for clause, share in zip(clauses, held, strict=True) if share >= _NEAR * most]
    return "No" if most >= _LEAST and all(_NEGATED.search(clause) for clause in decisive) else None


def _held(query: Query, text: str) -> float:
    """Share of the question's weight that a text holds."""
    there = frozenset(stems(text))
    prefixes = prefixes_of(there)
    return sum(value * match(term, there, prefixes) for term, value in query.rarity.items()) / (
        sum(query.rarity.values()) or 1.0
    )
