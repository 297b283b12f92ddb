"""Answers "is there a dishwasher in the cottage?" with the sentence or row that says "no dishwasher".

That something is there is said in many ways, which a reader finds; that it is not, mostly in these few.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import stems_above
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import row_at, units_of
from rag.text.words import content_stems, match, prefixes_of, stem, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:(?:and )?(?:is|are|was|were) there (?:an?|any|some) (?P<there>[\w-]+(?: [\w-]+)?)"
    r"(?: (?:in|at|on|near|with|for) (?P<where>.+?))?"
    r"|(?:and )?(?:does|do|has|have) (?P<who>.+?) (?:have|got|offer|own) (?:an?|any|some) "
    r"(?P<had>[\w-]+(?: [\w-]+)?))\W*$",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"\b(?:no|without(?: an?| any)?|not (?:an?|any)|n['’]t (?:an?|any))\s+(?P<what>[\w-]+(?: [\w-]+)?)", re.I
)
_LONGEST = 400  # characters of a sentence or row


def find_missing(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """ "No." with what says so; None for other questions, and where nothing or something else is said to be missing."""
    asked = _ASKS.match(query.text)
    if asked is None:
        return None
    thing = content_stems(asked["there"] or asked["had"])
    place = frozenset(content_stems(asked["where"] or asked["who"] or ""))
    if not thing:
        return None
    found = [source for passage in passages for source in _units(passage, thing, place)]
    if not found:
        return None
    source = found[0]
    row = row_at(source.passage, source.start)
    text = row.said if row is not None else readable(source.passage, source.start, source.end)
    return Worked((Statement(f"No. {text}", (source,), source),), 1.0)


def _units(passage: Passage, thing: Sequence[str], place: frozenset[str]) -> Iterator[Source]:
    above = stems_above(passage)
    for unit in units_of(passage, len(passage.text)):
        text = passage.text[unit.first : unit.end]
        if len(text) > _LONGEST or unit.asks or not _says_missing(text, thing):
            continue
        there = above | frozenset(stems(text))
        prefixes = prefixes_of(there)
        if all(match(term, there, prefixes) > 0 for term in place):
            yield Source(passage, unit.first, unit.end)


def _says_missing(text: str, thing: Sequence[str]) -> bool:
    """Whether "no" stands directly in front of the thing, with nothing else between that would narrow it."""
    for found in _MISSING.finditer(text):
        words = [stem(word.casefold()) for word in found["what"].split()]
        if words[: len(thing)] == list(thing):
            return True
    return False
