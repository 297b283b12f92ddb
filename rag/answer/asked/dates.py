"""Keeps to the day that a question asks about: where a sentence names it, one that names another day is no answer."""

import re
from collections.abc import Sequence

from rag.answer.evidence import Candidate
from rag.text.dates import date_terms, dates
from rag.text.normal import normalized
from rag.types import Query

# Words that make a day a bound, which an answer need not name.
_BOUND = re.compile(
    r"\b(?:before|after|until|till|since|between|from|by|and|to|than|vor|nach|bis|seit|zwischen|ab)\s+(?:the\s+)?\Z",
    re.IGNORECASE,
)


def asked_days(question: str) -> frozenset[str]:
    """Returns the terms (``rag.text.dates``) of the days that what answers the question is about."""
    compared = normalized(question).text
    return frozenset(
        date.term
        for date in dates(compared)
        if date.term.startswith("day") and not _BOUND.search(compared[: date.start])
    )


def about_asked_days(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences without those of other days, where some sentence names a day that is asked for."""
    asked = asked_days(query.text)
    if not asked:
        return list(ranked)
    named = [frozenset(term for term in date_terms(normalized(one.text).text) if term[:3] == "day") for one in ranked]
    if not any(days & asked for days in named):
        return list(ranked)
    return [one for one, days in zip(ranked, named, strict=True) if not days or days & asked]
