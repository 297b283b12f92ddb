"""Keeps to the year, month, side and site that a question asks about: what a sentence says of another is no answer.

"How far has the western pier settled?" is not answered by what the eastern one has done, nor December's hours by
January's, nor this year's fair by last year's. A sentence that names none of a kind may be about any.
"""

import re
from collections.abc import Callable, Sequence

from rag.answer.above import above, in_front_of
from rag.answer.evidence import Candidate
from rag.text.dates import date_terms, month_of, months_named
from rag.text.normal import normalized
from rag.text.words import stem, stems, words
from rag.types import Query

_YEAR = re.compile(r"(?<![\w.,])(?:1\d|20)\d\d(?![\w,.]*\d)")
_SIDE = re.compile(r"\b(?:(?:nor|sou)th(?:ern)?|(?:ea|we)st(?:ern)?)\b", re.IGNORECASE)
# "This year" and "last year" by the word that tells them apart, in the languages that questions are answered in.
_TURN = re.compile(
    r"\b(?P<this>this (?:year|month|week|season|term)|current year|diese[sm] jahr|heuer|diesjährig\w*|cette année|"
    r"este año)\b"
    r"|\b(?P<last>(?:last|previous) (?:year|month|week|season|term)|(?:the|a) year (?:before|earlier|ago)|"
    r"letzte[sn] jahr\w*|vorige[sn] jahr\w*|vorjahr\w*|l[’']an(?:née)? (?:dernier|dernière|passée?)|el año pasado)\b"
    r"|\b(?P<next>next (?:year|month|week|season|term)|nächste[sn] jahr\w*|l[’']année prochaine|el próximo año)\b"
    r"|(?P<spoken>去年|今年|明年)",
    re.IGNORECASE,
)
_SPOKEN = {"去年": "last", "今年": "this", "明年": "next"}
_SITE = re.compile(r"\bat (?:the )?(?P<name>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*)")
_STRETCH = re.compile(
    r"\b(?P<first>[A-Z][a-z]+)\.? ?(?:to|until|till|through|[-–—]) ?(?:the end of )?(?P<last>[A-Z][a-z]+)\b"
)
# Words that make a period a bound, or one of two, which an answer need not name.
_BOUND = re.compile(
    r"\b(?:before|after|until|till|since|between|from|by|and|to|than|or)\s+(?:the year )?\Z", re.IGNORECASE
)


def _years(text: str) -> frozenset[str]:
    return frozenset(_YEAR.findall(text))


def _months(text: str) -> frozenset[str]:
    terms = date_terms(normalized(text).text)
    dated = ((month_of(term) if term.startswith("day") else term)[-2:] for term in terms if term[:3] in ("day", "mon"))
    return frozenset(f"{month:02}" for month in months_named(text)) | frozenset(dated)


def months_between(text: str) -> frozenset[str]:
    """The months that lie in a stretch of the year: "from September to May" holds November."""
    found: set[str] = set()
    for stretch in _STRETCH.finditer(text):
        first, last = (next(iter(months_named(stretch[end])), None) for end in ("first", "last"))
        if first is not None and last is not None:
            found |= {f"{(first - 1 + at) % 12 + 1:02}" for at in range((last - first) % 12 + 1)}
    return frozenset(found)


def _sides(text: str) -> frozenset[str]:
    return frozenset(side[0].lower().removesuffix("ern") for side in _SIDE.finditer(text))


def _sites(text: str) -> frozenset[str]:
    return frozenset(stem(word) for site in _SITE.finditer(text) for word, _, _ in words(site["name"]))


def _turns(text: str) -> frozenset[str]:
    return frozenset(_SPOKEN.get(turn[0], turn.lastgroup or "") for turn in _TURN.finditer(text))


_KINDS: tuple[Callable[[str], frozenset[str]], ...] = (_years, _months, _sides, _sites, _turns)


def about_asked_periods(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences without those that name another year, month, side or site and not the one asked for."""
    asked = [(kind, kind(query.text if kind is _turns else _unbound(query.text))) for kind in _KINDS]
    asked = [(kind, wanted) for kind, wanted in asked if wanted]
    return [one for one in ranked if not any(_is_of_another(one, kind, wanted) for kind, wanted in asked)]


def is_undated(query: Query, one: Candidate) -> bool:
    """Whether a sentence names no year where a table beside it has a column for the year that is asked about: what is
    said without a date is so now."""
    asked = _years(_unbound(query.text))
    if not asked or one.row is not None or _years(f"{one.said} {_around(one)}"):
        return False
    return any(asked & _years(" ".join(table.columns)) for table in one.passage.tables)


def is_of_another_turn(question: str, said: str) -> bool:
    """Whether a question asks about this, the last or the next year, and a text speaks of another one alone."""
    asked, named = _turns(question), _turns(said)
    return bool(asked) and bool(named) and not asked & named


def _is_of_another(one: Candidate, kind: Callable[[str], frozenset[str]], wanted: frozenset[str]) -> bool:
    named = kind(_unbound(one.said))
    around = _around(one)
    there = frozenset(stems(f"{one.said} {around}")) if kind is _sites else kind(around)
    within = months_between(one.said) if kind is _months else frozenset[str]()
    return bool(named) and not wanted & (kind(one.said) | there | within)


def _around(one: Candidate) -> str:
    caption = " ".join([one.row.table.caption, *one.row.table.columns]) if one.row is not None else ""
    return " ".join([above(one.passage), caption, in_front_of(one.passage, one.start)])


def _unbound(text: str) -> str:
    """A text without the years and months that are bounds: "from November to March" may be about July."""
    parts = re.split(r"(\s+)", text)
    return "".join(part for at, part in enumerate(parts) if not _BOUND.search("".join(parts[max(0, at - 6) : at])))
