"""Quotes the entry of a manual or glossary that a question asks for by its term: "what does --keep-old-files do?".

The term and what is said of it belong together, so both are quoted. Of an entry in which the question looks for
something ("what is the default of LogLevel?") it is the sentence that says it; without one there is no answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answer.above import stems_above
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.rows import units_of
from rag.text.definition_lists import Definition, definitions
from rag.text.english_words import is_english_word
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?(?:what (?:does|do|did|can|is|are|would)\b(?P<a>.+?)(?:\b(?:do|mean|stand for|contain|hold|"
    r"control|specify|set|return|stop|prevent|for))?|(?:explain|describe|meaning of|purpose of)\b(?P<b>.+?)|"
    r"(?:which|what) (?P<values>values|arguments|settings)\b(?P<c>.+?)(?:have|take|accept|be set to)?)\W*$",
    re.IGNORECASE,
)
# What kind of thing a term is, or what is asked of it; entries need not say it.
_KIND = frozenset(
    stems(
        "option flag switch variable command group user account keyword setting parameter field argument function "
        "property key placeholder directive attribute term word tool rule target mean do used use purpose meaning "
        "stand value values arguments accept take have valid possible allowed called named name"
    )
)
_DEFAULT = frozenset(stems("default defaults"))
_VALUES = re.compile(r"\b(?:values?|arguments?|one of|either|may be|can be|must be)\b", re.IGNORECASE)
_MANUAL = 4  # entries of a document that make it a manual
_SENTENCES = 2  # of an entry that tell what something is
_LONGEST = 420  # characters of them
_DOCUMENTS = 3
_READ = 200_000  # characters of a document that is looked through
_MOST_ENTRIES = 2  # of the same term


@dataclass(frozen=True, slots=True)
class _Found:
    whole: Passage
    entry: Definition
    chosen: tuple[int, int]  # characters of what is said


def quote_manual_entry(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The entries of the term; None for other questions, and where none accounts for all of the question."""
    asked = _ASKS.match(query.text)
    if asked is None:
        return None
    about = asked["a"] or asked["b"] or asked["c"]
    found = [
        each
        for whole in whole_documents(passages, texts, _DOCUMENTS, _READ)
        for each in _in_document(whole, about, values=asked["values"] is not None)
    ]
    found = [each for each in found if each.whole.document.id == found[0].whole.document.id][:_MOST_ENTRIES]
    return Worked(tuple(map(_stated, found)), 1.0) if found else None


def _in_document(whole: Passage, about: str, *, values: bool) -> Iterator[_Found]:
    entries = list(definitions(whole.text, units_of(whole, len(whole.text))))
    if len(entries) < _MANUAL:
        return
    spoken = _spoken(about)
    exact = any(term in spoken for entry in entries for term in entry.terms)  # -x is not -X
    spoken = spoken if exact else {word.casefold(): place for word, place in spoken.items()}
    for entry in entries:
        terms = entry.terms if exact else tuple(map(str.casefold, entry.terms))
        named = next((spoken[term] for term in terms if term in spoken), None)
        if named is None:
            continue
        rest = frozenset(content_stems(about[: named[0]] + " " + about[named[1] :])) if about.strip() else frozenset()
        rest -= _KIND | frozenset(stems(" ".join(entry.terms)))
        chosen = _sentence_of(whole, entry, rest, values=values)
        if chosen is not None:
            yield _Found(whole, entry, chosen)


def _spoken(about: str) -> dict[str, tuple[int, int]]:
    """The words of a question that may be terms, as they are written, with their places; the last of a kind counts. An
    ordinary word alone ("the list") is one where it ends the question or its kind stands beside it."""
    found = {}
    places = list(re.finditer(r"\S+", about))
    for index, place in enumerate(places):
        bare = place[0].strip("\"'`“”‘’?!,;:")
        beside = [places[at][0] for at in (index - 1, index + 1) if 0 <= at < len(places)]
        plain = is_english_word(bare.casefold()) and not (bare[:1].isupper() and index > 0)
        kinds = any(frozenset(stems(word)) & _KIND for word in beside)
        if bare and (not plain or kinds or len(places) <= 2 or index == len(places) - 1):
            found[bare] = (place.start(), place.end())
    return found


def _sentence_of(whole: Passage, entry: Definition, rest: frozenset[str], *, values: bool) -> tuple[int, int] | None:
    """What of the entry tells it: the sentence that says the rest of the question, or the first ones."""
    text = whole.text
    for unit in entry.said if rest & _DEFAULT or values else ():
        said = text[unit.start : unit.end]
        if frozenset(stems(said)) & _DEFAULT if not values else _VALUES.search(said):
            return unit.start, unit.end
    if rest & _DEFAULT or values:
        return None
    there = stems_above(whole) | frozenset(stems(text[entry.said[0].start : entry.said[-1].end]))
    prefixes = prefixes_of(there)
    if any(match(term, there, prefixes) == 0 for term in rest):
        return None
    end = entry.said[0].end
    for unit in entry.said[1:_SENTENCES]:
        if unit.end - entry.said[0].start <= _LONGEST:
            end = unit.end
    return entry.said[0].start, end


def _stated(found: _Found) -> Statement:
    text, entry = found.whole.text, found.entry
    term = " ".join(text[entry.start : entry.end].split()).rstrip(":")
    said = " ".join(text[slice(*found.chosen)].split())
    sources = (Source(found.whole, entry.start, entry.end), Source(found.whole, *found.chosen))
    return Statement(f"{term}: {said}", sources, sources[1])
