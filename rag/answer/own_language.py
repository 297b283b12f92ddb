"""Reads again beside a question's own words, where question and passage share a language other than English.

The reader for other languages reads one answer a passage, of the likely kind and sometimes of another thing ("74
Quadratmeter" for "Wie hoch ist die Miete?"). Where its sentence holds no word of the question and others of the same
language do, these are read by themselves, and what is surely read there counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag.protocols import SpanReader
from rag.text.compounds import compounds_of
from rag.text.language import language_of
from rag.text.sentences import Unit, units
from rag.text.words import match, prefixes_of, stems
from rag.types import Passage, Query, Reading

_MOST = 6  # sentences read again; each costs a few milliseconds
_SHARE_HELD = 0.6  # of what another sentence holds of the question, below which the best one's holds too little
_AS_SURE = 0.9  # of the best one's confidence that is needed there
_IN_COMPOUND = 0.5  # what a word counts that is a part of another or a relative of it
_READ = 200  # sentences of a passage that are looked through


def beside_own_words(
    query: Query, passages: Sequence[Passage], readings: Sequence[Reading], reader: SpanReader, least: float
) -> list[Reading]:
    """The readings, in front of them what is read as surely, with ``least`` at least, in sentences that hold much
    more of the question than the best one's."""
    language = language_of(query.text)
    if not readings or query.is_english:
        return list(readings)
    best = readings[0]
    own = [passage for passage in passages if language_of(passage.text) == language]
    if not any(_holds(passage, best) for passage in own):
        return list(readings)
    scored = [(_said(query, part.text), part) for passage in own for part in _parts(passage)]
    held = max((said for said, part in scored if _holds(part, best)), default=0.0)
    more = [each for each in scored if each[0] * _SHARE_HELD > held]
    near = [part for _, part in sorted(more, key=lambda each: -each[0])[:_MOST]]
    found = sorted(reader.read(query.text, near) if near else (), key=lambda reading: -reading.confidence)
    sure = max(least, _AS_SURE * best.confidence)
    return [*(reading for reading in found if reading.confidence >= sure), *readings]


def _holds(passage: Passage, reading: Reading) -> bool:
    return passage.span(0, len(passage.text)).contains(reading.span)


def _parts(passage: Passage) -> Iterator[Passage]:
    """The sentences, each with the heading right above it."""
    above: Unit | None = None
    for unit in units(passage.text, _READ):
        if unit.is_label:
            above = unit
            continue
        start = unit.start if above is None else above.start
        at = passage.start + start
        yield replace(
            passage, start=at, end=passage.start + unit.end, text=passage.text[start : unit.end], hits=(), tables=()
        )
        above = None


def _said(query: Query, text: str) -> float:
    """The weight of the question's words that a text holds, also as a part of a compound."""
    there = frozenset(stems(text))
    prefixes = prefixes_of(there)
    total = 0.0
    for term, weight in query.rarity.items():
        if term in there:
            total += weight
        elif match(term, there, prefixes) > 0 or compounds_of(term, there):
            total += _IN_COMPOUND * weight
    return total
