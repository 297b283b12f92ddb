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
_ASKS_ELSEWHERE = re.compile(
    r"^\W*(?:(?:\w+ )?qu[ée]|(?:\w+ )?cu[áa]l(?:es)?|qui[ée]n(?:es)?)\b.*\b(?:más|menos|mayor|menor)\b(?! de \d)"
    r"|^\W*(?:(?:\w+ )?quel(?:le)?s?|qui)\b.*\bl(?:e|a|es) (?:plus|moins)\b"
    r"|^\W*(?:(?:\w+ )?welche\w?|wer|was)\b.*\b(?:am|die|der|das) (?:meisten|wenigsten)\b",
    re.IGNORECASE,
)
_SAYS_ELSEWHERE = re.compile(
    r"\b(?:más|menos|mayor|menor|máxim\w+|mínim\w+|únic\w+|plus|moins|seule?s?|dernière?s?|premi(?:er|ère)s?|"
    r"meisten?|wenigsten?|einzige\w?|größte\w?|erste\w?|letzte\w?)\b",
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


def lacks_asked_extreme(question: str, said: str) -> bool:
    """Whether a question in any of the languages whose superlatives are known asks which has the most or the least, and
    a text does not say itself that something has."""
    if not asks_for_extreme(question) and _ASKS_ELSEWHERE.search(question) is None:
        return False
    return (
        not any(pattern.search(said) for pattern in (_SAYS_EXTREME, _SAYS_ELSEWHERE)) and superlative_in(said) is None
    )


def _says_extreme(query: Query, said: str) -> bool:
    if query.kind == "number" and _SAYS_BOUND.search(said):
        return True
    return _SAYS_EXTREME.search(said) is not None or superlative_in(said) is not None
