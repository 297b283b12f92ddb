"""Keeps to the identifier that a question asks about: a variable, option or function of a manual.

Manuals have entries that are alike in everything but what they are about: "The default value is 500" stands under
HISTSIZE, and under its neighbours with other values. What is said of an identifier holds it, or stands behind it with
no other entry between and names no other one of its kind.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from rag.answer.evidence import Candidate
from rag.answer.reading import passage_of
from rag.text.english_words import is_english_word
from rag.text.sentences import cached_sentences
from rag.types import Passage, Query, Reading

# HISTSIZE, SQLITE_MAX_COLUMN, max_rows, fullPath; options: --onto.
_IDENTIFIER = re.compile(
    r"(?<![\w./@-])(?:--[a-z][\w-]+|(?=\w*_\w)[A-Za-z_]\w+|[A-Z][A-Z\d]{4,}|[a-z]+[A-Z]\w*)(?![\w@-]|\.\w)"
)
_ENTRY = re.compile(rf"^\W{{0,4}}({_IDENTIFIER.pattern})", re.MULTILINE)


def asked_identifiers(question: str) -> list[str]:
    """The identifiers of a question; none in one that is written in capitals throughout."""
    if question.upper() == question:
        return []
    found = (match[0] for match in _IDENTIFIER.finditer(question))
    return [one for one in dict.fromkeys(found) if not is_english_word(one.lower())]


def about_asked_identifiers(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """The sentences that can be about the identifiers asked for; all of them where the question has none."""
    asked = asked_identifiers(query.text)
    if not asked:
        return list(ranked)
    return [one for one in ranked if _is_about(asked, one.passage, one.start, one.end)]


def read_of_asked_identifiers(query: Query, passages: Sequence[Passage], readings: Sequence[Reading]) -> list[Reading]:
    """The same of what a reader read."""
    asked = asked_identifiers(query.text)
    if not asked:
        return list(readings)
    kept = []
    for reading in readings:
        passage = passage_of(reading, passages)
        if _is_about(asked, passage, reading.span.start - passage.start, reading.span.end - passage.start):
            kept.append(reading)
    return kept


def _is_about(asked: Sequence[str], passage: Passage, start: int, end: int) -> bool:
    sentences = (span for span in cached_sentences(passage.text) if span[0] <= start < span[1])
    first, last = next(sentences, (start, end))
    return all(_names(one, passage, first, max(last, end)) for one in asked)


def _names(asked: str, passage: Passage, start: int, end: int) -> bool:
    """Whether a sentence names an identifier, or that stands in front of it or above, and neither the sentence nor an
    entry between is about another one."""
    text, written = passage.text, _written(asked)
    if written.search(text, start, end):
        return True
    before = [match.start() for match in written.finditer(text, 0, start)]
    if not before and not any(map(written.search, (*passage.heading_path, passage.document.title))):
        return False
    if any(_kind(other[0]) == _kind(asked) for other in _IDENTIFIER.finditer(text, start, end)):
        return False
    entries = (match for match in _ENTRY.finditer(text, 0, start) if not written.match(match[1]))
    return not any(match.start(1) > max(before, default=0) for match in entries)


def _kind(identifier: str) -> str:
    if identifier.startswith("-"):
        return "option"
    return "capitals" if identifier.isupper() else "other"


@lru_cache(maxsize=256)
def _written(identifier: str) -> re.Pattern[str]:
    """What finds an identifier, whatever its case, and in the singular."""
    return re.compile(rf"(?<!\w){re.escape(identifier.removesuffix('s'))}s?(?!\w)", re.IGNORECASE)
