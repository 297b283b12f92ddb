"""Keeps the part of a model's reply that its passages support.

A sentence stands if it cites a passage or comes from one, if every number and name in it stands there and every other
word of meaning there or in the question. The reply is kept up to the first sentence that does not.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from rag.answer.citations import support
from rag.answer.expected import names_in
from rag.answer.refusal import refuses
from rag.protocols import Embedder
from rag.text.markers import (
    AnswerPart,
    marker,
    marker_numbers,
    parts_of,
    skip_markers,
    strip_last_markers,
    strip_markers,
)
from rag.text.normal import fold
from rag.text.sentences import split_sentences
from rag.text.words import content_stems, match, prefixes_of, stem, stems, words
from rag.types import Passage, Query

_COPIED = re.compile(r"\w: |[;|]")  # what stands in forms and rows, not in a sentence
_ENDED = re.compile(r"[.!?…][\"'”’)\]]*$")
_REPEATED = 4  # words in a row that come back: the model turns in circles
_LEAST = 0.5  # of the words, by weight, that must stand in the passage; the question's may make up the rest
_HELD = 0.6  # share of the span's words that a sentence must have


@dataclass(frozen=True, slots=True)
class Verified:
    """``cited`` holds a claim and the passage it comes from for each number of the parts, in order."""

    parts: tuple[AnswerPart, ...]
    cited: tuple[tuple[str, Passage], ...]


def verify(
    reply: str,
    query: Query,
    passages: Sequence[Passage],
    embedder: Embedder | None = None,
    must_hold: str | None = None,
) -> Verified | None:
    """What of a reply can be shown; None where its first sentence cannot. ``must_hold``: words it has to say."""
    kept: list[str] = []
    cited: list[tuple[str, Passage]] = []
    by_number = {passage.number: passage for passage in passages}
    asked = frozenset(map(stem, query.words))
    for sentence in _cited_sentences(reply):
        claim = strip_markers(sentence)
        named = [by_number[n] for n in marker_numbers(sentence) if n in by_number]
        sources = _sources(claim, asked, named, passages, embedder)
        if not sources or claim in map(strip_markers, kept) or (must_hold and not kept and not _has(claim, must_hold)):
            break
        if not named:
            sentence = f"{claim} {marker(sources[0].number)}"
        kept.append(sentence)
        cited += [(claim, source) for source in sources]
    return Verified(parts_of(" ".join(kept)), tuple(cited)) if kept else None


def rambles(reply: str) -> bool:
    """Whether the end of a reply repeats what it said before."""
    said = [word for word, _, _ in words(reply)]
    tail = said[-_REPEATED:]
    if len(said) < 3 * _REPEATED:
        return False
    runs = [said[i : i + _REPEATED] for i in range(len(said) - _REPEATED)]
    return runs.count(tail) >= 2


def _cited_sentences(reply: str) -> Iterator[str]:
    """The finished sentences, each with the markers behind it."""
    starts = [start for start, _ in split_sentences(reply)]
    starts = [skip_markers(reply, start) for start in starts]
    for start, end in pairwise([*starts, len(reply)]):
        sentence = reply[start:end].strip()
        if sentence and _ENDED.search(strip_last_markers(sentence)):
            yield sentence


def _sources(
    claim: str, asked: Set[str], named: Sequence[Passage], passages: Sequence[Passage], embedder: Embedder | None
) -> list[Passage]:
    """The passages that a claim names, or the one it comes from; none where they do not bear it out."""
    if refuses(claim) or _COPIED.search(claim) or not content_stems(claim):
        return []
    if named:
        return list(named) if _bear_out(claim, asked, named, embedder) else []
    return next(([passage] for passage in passages if _bear_out(claim, asked, [passage], embedder)), [])


def _bear_out(claim: str, asked: Set[str], sources: Sequence[Passage], embedder: Embedder | None) -> bool:
    there = frozenset().union(
        *(stems(text) for p in sources for text in (p.text, p.document.title, " ".join(p.heading_path)))
    )
    known = there | asked
    prefixes = prefixes_of(known)
    if not names_in(claim) <= there or any(match(term, known, prefixes) == 0 for term in content_stems(claim)):
        return False
    return any(support(claim, source) >= _LEAST for source in sources) or (
        embedder is not None and any(support(claim, source, embedder) >= _LEAST for source in sources)
    )


def _has(claim: str, must_hold: str) -> bool:
    """Whether a claim says what was read: its numbers and most of its words."""
    wanted = [stem(fold(word)) for word, _, _ in words(must_hold)]
    there = frozenset(stems(claim))
    if any(word not in there for word in wanted if word[0].isdigit()):
        return False
    return not wanted or sum(word in there for word in wanted) >= _HELD * len(wanted)
