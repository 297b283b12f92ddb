"""Puts the new part of a follow-up question in the place of the like part of the question before it."""

import re

from rag.query.referent import phrases
from rag.text.normal import fold

_PREPOSITIONS = frozenset(["in", "at", "on", "for", "from", "with", "of", "to"])
_AMOUNT_OF = re.compile(
    r"(?P<amount>how (?:much|many)) (?P<thing>(?!of\b|more\b|less\b|is\b|are\b|was\b|were\b|do\b|does\b|did\b)[\w'-]+"
    r"(?: (?!is\b|are\b|was\b|were\b|do\b|does\b|did\b|has\b|have\b|had\b|can\b|will\b|go\b|goes\b|went\b|came\b|"
    r"come\b|belong\b|work\b|live\b|stand\b|in\b|of\b|on\b|at\b|for\b|there\b)[\w'-]+)??)(?=[?!. ]|$)[?!. ]*",
    re.IGNORECASE,
)
_YEAR_AWAY = re.compile(
    r"(?:(?:what|how) about )?(?:in |for )?(?:the same \w+ )?(?:of |in )?(?:the |a |one )?"
    r"(?:(?P<earlier>year (?:before|earlier|ago)|(?:previous|prior|preceding) year)|year (?:after|later)"
    r"|following year)[?!. ]*",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20|21)\d\d(?!\d)")


def asked_a_year_away(question: str, previous: str) -> str | None:
    """'and in the same quarter the year before?' -> the earlier question with its years one less."""
    away = _YEAR_AWAY.fullmatch(question)
    if away is None or _YEAR.search(previous) is None:
        return None
    step = -1 if away["earlier"] else 1
    return _YEAR.sub(lambda year: str(int(year[0]) + step), previous)


def asked_instead(question: str, previous: str) -> str | None:
    """'and how much sugar?' -> the earlier question about an amount with the new thing in place of its own."""
    new, old = _AMOUNT_OF.fullmatch(question), _AMOUNT_OF.match(previous)
    if new is None or old is None or fold(new["amount"]) != fold(old["amount"]):
        return None
    return f"{previous[: old.start('thing')]}{new['thing']}{previous[old.end('thing') :]}"


def in_its_place(fragment: str, previous: str) -> str | None:
    """'and for children?' -> the earlier question with "for children" in place of its own "for ..."."""
    word = fragment.split()[0]
    if fold(word) not in _PREPOSITIONS:
        return None
    for phrase in reversed(phrases(previous)):
        own = re.search(
            rf"\b{re.escape(word)} (?:(?:the|an?|my|our|your) )?{re.escape(phrase.text)}(?!\w)", previous, re.IGNORECASE
        )
        if own is not None:
            return f"{previous[: own.start()]}{fragment}{previous[own.end() :]}"
    return None
