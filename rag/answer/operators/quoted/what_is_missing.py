"""Answers "is there a dishwasher in the cottage?" with the sentence or row that says "no dishwasher".

That something is there is said in many ways, which a reader finds; that it is not, mostly in these few.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import stems_above
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import row_at, units_of
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:(?:and )?(?:is|are|was|were) there (?:an?|any|some) (?P<there>[\w-]+(?: [\w-]+)?)"
    r"(?: (?:in|at|on|near|with|for) (?P<where>.+?))?"
    r"|(?:and )?(?:does|do|has|have) (?P<who>(?:the|our|my|your|this) [^'’]+?) "
    r"(?:have|got|offer) (?:an?|any|some) (?P<had>[\w-]+(?: [\w-]+)?))\W*$",
    re.IGNORECASE,
)
_MISSING = r"(?:\b(?:no|not (?:an?|any))|n['’]t (?:an?|any))\s+"
_ENDS = r"(?=\W*$|[.,;:)]|\s+(?:and|or|but|in|at|on|here|there|available|yet)\b)"  # nothing that narrows the thing
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
    said = re.compile(rf"{_MISSING}{_words(asked['there'] or asked['had'])}{_ENDS}", re.IGNORECASE)
    units = [one for passage in passages for one in _units(passage, thing, place)]
    found = [source for source, text in units if said.search(text)]
    if not found or len(found) < len(units) or (not place and len({one.passage.document.id for one in found}) > 1):
        return None  # elsewhere it is named without a "no"
    source = found[0]
    row = row_at(source.passage, source.start)
    text = row.said if row is not None else readable(source.passage, source.start, source.end)
    return Worked((Statement(f"No. {text}", (source,), source),), 1.0)


def _words(thing: str) -> str:
    """A pattern for a thing in the singular or plural."""
    return r"\s+".join(re.escape(word.removesuffix("s")) for word in thing.split()) + "s?"


def _units(passage: Passage, thing: Sequence[str], place: frozenset[str]) -> Iterator[tuple[Source, str]]:
    """The sentences and rows about the place that name the thing, with their text."""
    above = stems_above(passage)
    for unit in units_of(passage, len(passage.text)):
        text = passage.text[unit.first : unit.end]
        own = frozenset(stems(text))
        if len(text) > _LONGEST or unit.asks or not own.issuperset(thing):
            continue
        there = above | own
        prefixes = prefixes_of(there)
        if all(match(term, there, prefixes) > 0 for term in place):
            yield Source(passage, unit.first, unit.end), text
