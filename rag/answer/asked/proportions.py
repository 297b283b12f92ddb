"""Tells whether a question asks for an average or a share, and what says one."""

import re

_AVERAGE = re.compile(r"\b(?:average|mean|on average)\b", re.IGNORECASE)
_SHARE = re.compile(
    r"\b(?:what|which) (?:share|proportion|fraction|percentage|percent)\b|\bwhat part of\b|\bhow many percent\b",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"\b(?:average[ds]?|mean|share|proportion|fraction|percent\w*|half|third|quarter|fifth|tenth|majority|mostly|per|"
    r"of (?:the|all)|one in \w+)\b|%",
    re.IGNORECASE,
)
_MEANS = re.compile(r"\b(?:do(?:es)?|did) \w+ mean\b|\bmeans?\W*$|\bmean by\b|\bby means\b", re.IGNORECASE)


def asks_for_proportion(question: str) -> bool:
    """Whether a question asks for an average or a share, which no single value answers unless it is called so."""
    return asks_for_share(question) or (_AVERAGE.search(question) is not None and _MEANS.search(question) is None)


def asks_for_share(question: str) -> bool:
    """Whether a question asks which part of a whole something is."""
    return _SHARE.search(question) is not None


def says_proportion(text: str) -> bool:
    """Whether a name or a sentence says that it is about averages or shares."""
    return _SAYS.search(text) is not None
