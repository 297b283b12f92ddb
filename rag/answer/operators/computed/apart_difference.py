"""Computes the difference of two amounts that a document tells apart from each other: in two items or sentences.

"2003: LED, 72 watts" and "1938: electric, 3,500 watts" answer how many watts less the one takes. Each side of the
comparison must be told by words of its own, in one sentence with a single amount, and both amounts have the same unit.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from rag.answer.operators.computed.arithmetic import asks_for_difference
from rag.answer.operators.computed.prose_difference import amounts_in
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.tables.values import Value, difference
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import units_of
from rag.text.words import match, prefixes_of, stem, stems
from rag.types import Passage, Query

_SIDES = re.compile(
    r"\bthan\b|\bexceeds?\b|\bexceeded\b|\bcompared (?:to|with)\b|\b(?:vs\.?|versus)(?=\W)", re.IGNORECASE
)
_BETWEEN = re.compile(r"\bbetween (?P<one>.+?) and (?P<other>.+)$", re.IGNORECASE)
_BOUND = re.compile(r"\bthan\s+(?:[$€£]\s*)?\d", re.IGNORECASE)
_ASKING = frozenset(
    stems(
        "much many more less fewer higher lower longer shorter cheaper heavier bigger larger smaller difference price "
        "cost costs use uses take takes need needs weigh weighs amount number our my"
    )
)
_OWN = 0.5  # share of a side's weight that its sentence must hold
_CLEARLY = 1.2  # times by which it must hold more than another sentence
_DOCUMENTS = 3
_READ = 60_000  # characters of a document that is looked through


@dataclass(frozen=True, slots=True)
class _Told:
    source: Source
    value: Value
    stems: frozenset[str]


def subtract_apart(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The difference with both sentences; None for other questions, and where a side or its amount is in doubt."""
    sides = _sides(query) if asks_for_difference(query.text) and not _BOUND.search(query.text) else None
    if sides is None:
        return None
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        told = [one for one in _told(whole) if _has_unit(query, one.value)]
        pair = [_clearest(query, side, told) for side in sides]
        one, other = pair
        if one is None or other is None or one is other or not one.value.is_like(other.value):
            continue
        if one.value.number != other.value.number:
            return _worked(one, other)
    return None


def _sides(query: Query) -> tuple[frozenset[str], frozenset[str]] | None:
    """The words by which the question tells the two things."""
    between = _BETWEEN.search(query.text)
    cut = _SIDES.search(query.text)
    if between is not None:
        texts = (between["one"], between["other"])
    elif cut is not None:
        texts = (query.text[: cut.start()], query.text[cut.end() :])
    else:
        return None
    one, other = ((frozenset(stems(text)) & query.rarity.keys()) - _ASKING for text in texts)
    return (one - other, other - one) if one - other and other - one else None


def _told(whole: Passage) -> Iterator[_Told]:
    """The sentences, items and rows of a document with a single amount, with the stems of each."""
    for unit in units_of(whole, len(whole.text)):
        text = whole.text[unit.start : unit.end]
        values = amounts_in(text)
        if len(values) == 1 and values[0] is not None and not unit.is_table_row:
            yield _Told(Source(whole, unit.first, unit.end), values[0], frozenset(stems(text)))


def _has_unit(query: Query, value: Value) -> bool:
    """Whether an amount counts what is asked for: it has the unit that the question says behind "how many", or any."""
    asked = re.search(r"\bhow many (?P<unit>[^\W\d_]+)", query.text, re.IGNORECASE)
    unit = stem(value.after.casefold()) if value.after else ""
    return unit == stem(asked["unit"].casefold()) if asked is not None else bool(unit or value.before)


def _clearest(query: Query, side: Set[str], told: Sequence[_Told]) -> _Told | None:
    """The sentence that holds most of what tells a side, where no other holds nearly as much."""
    total = sum(query.rarity[term] for term in side)
    held = sorted(((_held(query, side, one.stems), at) for at, one in enumerate(told)), reverse=True)
    if not held or held[0][0] < _OWN * total or (len(held) > 1 and held[0][0] < _CLEARLY * held[1][0]):
        return None
    return told[held[0][1]]


def _held(query: Query, side: Set[str], there: frozenset[str]) -> float:
    prefixes = prefixes_of(there)
    return sum(query.rarity[term] for term in side if match(term, there, prefixes) > 0)


def _worked(one: _Told, other: _Told) -> Worked:
    high, low = sorted((one, other), key=lambda told: -told.value.number)
    result = difference(high.value, low.value).written
    first = f"{result}: {high.value.written} − {low.value.written} = {result}."
    statements = [
        Statement(readable(told.source.passage, told.source.start, told.source.end), (told.source,))
        for told in (high, low)
    ]
    return Worked((Statement(first, (high.source, low.source)), *statements), 1.0)
