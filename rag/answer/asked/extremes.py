"""Keeps to sentences that say themselves what is the most or the least, where a question asks which one is.

A row of a table never says so: which one is the dearest is found by comparing all of them.
"""

import re
from collections.abc import Sequence

from rag.answer.asked.superlatives import asks_for_extreme, superlative_in
from rag.answer.evidence import Candidate
from rag.types import Query

_SAYS_EXTREME = re.compile(
    r"\b(?:most|least|best|worst|fewest|only|sole|first|last|final|top|maximum|minimum|max|min|record|chief|main|mainly|"
    r"primary|principal|leading|never|peak\w*|unrivall?ed|[a-z]{2,}(?:est|most))\b",
    re.IGNORECASE,
)
_SAYS_BOUND = re.compile(
    r"\b(?:up to|limit(?:s|ed)? to|(?:no|not|never|cannot)\b.{0,60}\b(?:more|less|fewer|larger|longer|smaller) than)\b",
    re.IGNORECASE,
)  # "no more than 64" is the largest number there may be


def with_asked_extreme(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences that say it; all of them where no extreme is asked for."""
    if not asks_for_extreme(query.text):
        return list(ranked)
    return [one for one in ranked if _says_extreme(query, one.said)]


def _says_extreme(query: Query, said: str) -> bool:
    if query.kind == "number" and _SAYS_BOUND.search(said):
        return True
    return _SAYS_EXTREME.search(said) is not None or superlative_in(said) is not None
