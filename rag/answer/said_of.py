"""Prefers a value that is said of what the question asks about to one that merely stands near it.

"Twelve feet high and three tons in weight, turning on a bath of mercury" holds a weight and the mercury, and the weight
is another thing's. A subject mostly stands in front of what is said of it or beside it ("340 kg of mercury"): so the
words of the question count in full in the value's own clause, nearly so in front of it in its sentence and in the
headings above, and little behind it, in another clause.
"""

import re
from collections.abc import Sequence

from rag.answer.above import stems_above
from rag.answer.expected import type_evidence
from rag.answer.reading import passage_of
from rag.answer.rows import row_at
from rag.text.sentences import cached_sentences
from rag.text.words import match, prefixes_of, stems, words
from rag.types import Passage, Query, Reading

_NEEDS_SUBJECT = frozenset(["number"])  # kinds of questions whose answers are said of something
_BESIDE, _BEFORE, _BEHIND = 1.0, 0.8, 0.3  # what a word counts by where it stands
_CLEARLY = 0.3  # share of the question's weight by which another value must be nearer to its words
_AS_SURE = 0.3  # of the confidence of the first reading, below which another one does not replace it
_MEASURES = frozenset(
    stems("weigh weighs weight cost costs measure measures long high deep wide heavy")
)  # of any thing
_BREAK = re.compile(r"[,;:()–—](?=\s)|(?<=\s)[(–—]|[()]")


def can_be_asked_for(query: Query, readings: Sequence[Reading]) -> list[Reading]:
    """The readings without those that are no name though a person is asked for: an address or a number alone."""
    if query.kind != "person" or query.text.casefold().startswith("whose"):
        return list(readings)
    return [each for each in readings if "@" not in each.span.text and any(map(str.isalpha, each.span.text))]


def said_of_subject(query: Query, passages: Sequence[Passage], readings: Sequence[Reading]) -> list[Reading]:
    """The readings without those that stand before another one which is as good and clearly nearer to the question's
    words; all of them for questions of other kinds."""
    if query.kind not in _NEEDS_SUBJECT or len(readings) < 2:
        return list(readings)
    first = readings[0]
    least = _AS_SURE * first.confidence
    near = [_nearness(query, passages, reading) for reading in readings]
    rivals = [
        at
        for at, reading in enumerate(readings)
        if _pooled(reading, readings) >= least and type_evidence(query, reading.span.text) > 0
    ]
    best = max(rivals, key=lambda at: (near[at], -at), default=0)
    if near[best] - near[0] < _CLEARLY:
        return list(readings)
    kept = [reading for at, reading in enumerate(readings) if near[best] - near[at] < _CLEARLY or at > best]
    return sorted(kept, key=lambda reading: reading is not readings[best])


def _pooled(reading: Reading, readings: Sequence[Reading]) -> float:
    """The confidence of all readings that give the same number: "340 kg" in one passage, "340 kilograms" in another."""
    numbers = _numbers(reading)
    alike = (other for other in readings if other is reading or (numbers and _numbers(other) == numbers))
    return sum(other.confidence for other in alike)


def _numbers(reading: Reading) -> list[str]:
    return [word for word, _, _ in words(reading.span.text) if word[:1].isdigit()]


def _nearness(query: Query, passages: Sequence[Passage], reading: Reading) -> float:
    """How near the words of the question stand to what was read, 0 to 1."""
    passage = passage_of(reading, passages)
    start, end = reading.span.start - passage.start, reading.span.end - passage.start
    beside, before, behind = _around(passage, start, end)
    places = [(_BESIDE, beside), (_BEFORE, before), (_BEHIND, behind)]
    there = [(worth, stemmed, prefixes_of(stemmed)) for worth, stemmed in places]
    subject = {term: weight for term, weight in query.rarity.items() if term not in _MEASURES}
    found = sum(
        weight * max(worth * match(term, stemmed, prefixes) for worth, stemmed, prefixes in there)
        for term, weight in subject.items()
    )
    return found / (sum(subject.values()) or 1.0)


def _around(passage: Passage, start: int, end: int) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The stems beside a value, in front of it or above it, and behind it, in its sentence or row."""
    text = passage.text
    headings = stems_above(passage)
    row = row_at(passage, start)
    if row is not None:
        return frozenset(stems(row.said)), headings | frozenset(stems(row.table.caption)), frozenset()
    first, last = next((span for span in cached_sentences(text) if span[0] <= start < span[1]), (start, end))
    breaks = [found.start() for found in _BREAK.finditer(text, first, last)]
    left = max((at for at in breaks if at < start), default=first)
    right = min((at for at in breaks if at >= end), default=last)
    before = frozenset(stems(text[first:left])) | headings
    return frozenset(stems(text[left:right])), before, frozenset(stems(text[right:last]))
