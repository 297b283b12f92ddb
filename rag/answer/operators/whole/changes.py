"""Tells what changed between two versions of a document: rows of tables and sentences that differ, old against new.

The two documents are those of the passages whose titles are most alike and that the question is about. A row belongs to
the row of the same name, a sentence to the sentence that is most like it; what stands in both is left out.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from rapidfuzz import fuzz, process

from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_document
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import row_of, units_of
from rag.text.words import stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"\bwhat(?:'s| is| has| have| was)? (?:changed|different|new)\b|\bwhat changes\b|\bdifferences?\b.*\bbetween\b"
    r"|\bhow (?:do|does|did)\b.*\b(?:differ|change)\b|\bcompare\b",
    re.IGNORECASE,
)
_SAME_TITLE = 70  # of 100, from which two titles are versions of one document
_SAME = 97  # from which two sentences say the same
_ALIKE = 55  # from which one sentence is another one changed
_MOST = 10  # changes told
_LONGEST = 60_000  # characters of a document that is compared


def tell_changes(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The changes, in the order of the newer document; None for other questions, or where there are no two versions."""
    if _ASKS.search(query.text) is None or not re.search(r"\bbetween\b|\band\b|\bversions?\b|\bcompare\b", query.text):
        return None
    pair = _versions(query, passages)
    if pair is None:
        return None
    old, new = (whole_document(passage, texts, _LONGEST + 1) for passage in pair)
    if max(len(old.text), len(new.text)) > _LONGEST:
        return None
    statements = list(_changes(old, new))[:_MOST]
    return Worked(tuple(statements), 1.0) if statements else None


def _versions(query: Query, passages: Sequence[Passage]) -> tuple[Passage, Passage] | None:
    """Two documents whose titles are alike and said in the question, in the order of their titles' differing words in
    it: the one named first is the old one."""
    documents = {passage.document.id: passage for passage in reversed(passages)}
    best: tuple[float, Passage, Passage] | None = None
    for one, other in combinations(documents.values(), 2):
        likeness = fuzz.token_sort_ratio(one.document.title.casefold(), other.document.title.casefold())
        said = frozenset(stems(one.document.title)) & frozenset(stems(other.document.title)) & query.rarity.keys()
        weight = sum(query.rarity[term] for term in said)
        if likeness >= _SAME_TITLE and said and (best is None or weight > best[0]):
            best = (weight, one, other)
    if best is None:
        return None
    _, one, other = best
    order = stems(query.text)
    own = [_first_said(order, passage, than) for passage, than in ((one, other), (other, one))]
    return (one, other) if own[0] <= own[1] else (other, one)


def _first_said(order: Sequence[str], passage: Passage, than: Passage) -> tuple[int, str]:
    differing = frozenset(stems(passage.document.title)) - frozenset(stems(than.document.title))
    places = [at for at, term in enumerate(order) if term in differing]
    return (min(places, default=len(order)), passage.document.title)


def _changes(old: Passage, new: Passage) -> Iterator[Statement]:
    before, after = _said(old), _said(new)
    left = {text: source for text, source in before.items() if not _stands_in(text, after)}
    added = {text: source for text, source in after.items() if not _stands_in(text, before)}
    for text, source in added.items():
        was = _counterpart(text, left)
        if was is None:
            yield Statement(f"New: {text}", (source,))
        else:
            yield Statement(f"{_closed(was)} → {text}", (left.pop(was), source))
    for text, source in left.items():
        yield Statement(f"Left out: {text}", (source,))


def _said(passage: Passage) -> dict[str, Source]:
    """The sentences and rows of a document as they are read, with their places."""
    found = {}
    for unit in units_of(passage, len(passage.text)):
        if unit.is_header_row or (unit.is_label and row_of(passage, unit) is None):
            continue
        text = readable(passage, unit.first, unit.end)
        found[text] = Source(passage, unit.first, unit.end)
    return found


def _stands_in(text: str, others: dict[str, Source]) -> bool:
    return text in others or any(
        fuzz.ratio(text, other) >= _SAME and not _digits_differ(text, other) for other in others
    )


def _digits_differ(one: str, other: str) -> bool:
    return re.findall(r"\d+", one) != re.findall(r"\d+", other)


def _counterpart(text: str, left: dict[str, Source]) -> str | None:
    """The sentence or row that a text replaces."""
    found = process.extractOne(text, list(left), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return None if found is None else found[0]


def _closed(text: str) -> str:
    return text.rstrip(". ")
