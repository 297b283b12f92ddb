"""Keeps to sentences that say a difference or a sum themselves, where a question asks for one.

"Which was 1,300 pounds below the estimate" answers how much less something cost; one of the two amounts, quoted alone,
would only look like an answer.
"""

import re
from collections.abc import Sequence

from rag.answer.evidence import Candidate
from rag.types import Query

_DIFFERENCE = re.compile(
    r"\bhow (?:much|many)\b.*\b(?:more|less|fewer|higher|lower|longer|shorter|cheaper|heavier|bigger|larger|smaller)\b"
    r"|\bby how (?:much|many)\b|\bdifference between\b",
    re.IGNORECASE,
)
_MORE_THAN = re.compile(
    r"\b(?:more|less|fewer) than (?:[$€£] ?)?\d|\bmore or less\b|\bany (?:more|less)\b", re.IGNORECASE
)
_SAYS_DIFFERENCE = re.compile(
    r"\b(?:more|less|fewer|above|below|extra|differ\w*|gain\w*|los[st]|loses|losses|r[io]se[sn]?|rising|grow\w*|grew|"
    r"increas\w*|decreas\w*|reduc\w*|rais(?:e[sd]?|ing)|fall(?:s|en|ing)?|fell|drop(?:s|ped)?|declin\w*|chang(?:e[sd]?|ing)|"
    r"up|down|sav(?:e[sd]?|ings?)|higher|lower|longer|shorter|cheaper|dearer|heavier|lighter|bigger|larger|smaller|older|"
    r"younger|taller|deeper|wider|faster|slower|earlier|later|further|greater|better|worse|warmer|colder)\b",
    re.IGNORECASE,
)
_SUM = re.compile(r"\b(?:together|altogether|combined|sum of)\b", re.IGNORECASE)
_SAYS_SUM = re.compile(
    r"\b(?:together|altogether|combined|total\w*|sum|in all|all|both|overall|each|comes? to|came to)\b", re.IGNORECASE
)
_ASKS = re.compile(r"^\W*(?:and |so )?(?:by )?how (?:much|many)\b|\bwhat\b", re.IGNORECASE)


def with_asked_computation(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences that say what is asked for; all of them where no difference or sum is."""
    question = query.text
    if _ASKS.search(question) is None:
        return list(ranked)
    if _DIFFERENCE.search(question) and not _MORE_THAN.search(question):
        return [one for one in ranked if _SAYS_DIFFERENCE.search(one.said)]
    if _SUM.search(question):
        return [one for one in ranked if _SAYS_SUM.search(one.said)]
    return list(ranked)
