"""Keeps to sentences that speak of what is asked about: of a death, or of the age that somebody must have.

A year near a name answers when somebody died only where the sentence says that it is about the end of a life; a number
of volunteers is no age.
"""

import re
from collections.abc import Sequence

from rag.answer.evidence import Candidate
from rag.types import Query

_EVENTS = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(said, re.IGNORECASE))
    for asked, said in (
        (
            r"^\W*(?:and )?(?:when|where|how|in (?:which|what) year|on (?:which|what) day) did .+? "
            r"(?:die|pass away)\W*$"
            r"|\bwhat (?:is|was) the (?:date|year|day|place|cause) of \S+(?: \S+){0,3} death\b",
            r"\b(?:die[sd]?|dying|deaths?|dead|deceased|bur(?:y|ied|ial)|funeral|grave|kill\w*|drown\w*|murder\w*|"
            r"perish\w*|lost (?:his|her|their) li(?:fe|ves)|passed away|late|executed|fell|outlived|lived|"
            r"posthumous\w*)\b"
            r"|†|[–-] ?(?:\w+ )?\d{4}\b",
        ),
        (
            r"\bhow old (?:must|should|do|does)\b.*\bbe\b|\bhow old (?:is one|are you) allowed\b|\bminimum age\b",
            r"\b(?:age[ds]?|old|older|over|under|minors?|adults?|child(?:ren)?|young\w*|\d+ years?|from (?:age )?\d+)\b"
            r"|\d ?\+",
        ),
    )
)


def with_asked_event(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences and rows that speak of it; all of them for other questions."""
    if not query.is_english:
        return list(ranked)
    for asked, said in _EVENTS:
        if asked.search(query.text):
            return [one for one in ranked if said.search(one.said)]
    return list(ranked)
