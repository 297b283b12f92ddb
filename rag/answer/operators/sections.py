"""Quotes the list, or the short section, whose heading is what a question asks for: "what do I need for the soup?".

Where headings, title and the sentence that announces a list say the question, the list as a whole is the answer; of a
question who belongs to something, the section of names under such a heading.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.answer.operators.grid import Texts
from rag.answer.operators.matching import share, shared
from rag.answer.operators.whole_document import whole_document
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import units_of
from rag.text.sentences import Unit
from rag.text.words import stems
from rag.types import Passage, Query

_COVERED = 0.65  # share of the question that heading, announcement and title must say
_OWN = 0.3  # ... of which the heading and the announcement alone
_NEEDS = re.compile(
    r"\bingredients?\b|^\W*what (?:do|does|should|must|goes)\b.*\b(?:need|bring|into|in|include|contain|take)\b",
    re.IGNORECASE,
)
_BELONGS = re.compile(r"^\W*who(?:'s| is| are| was| were) (?:on|in|part of|among)\b", re.IGNORECASE)
_LEAST_ITEMS = 3
_LONGEST = 1200  # characters quoted
_READ = 200_000  # characters of a document that is looked through
_DOCUMENTS = 3


@dataclass(frozen=True, slots=True)
class _Section:
    """The units under a heading; ``announced`` is the sentence in front of a list."""

    heading: str
    announced: str
    units: tuple[Unit, ...]


def quote_section(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The list or section; None for other questions, and where no heading says what is asked."""
    belongs = _BELONGS.match(query.text) is not None
    if not belongs and query.kind != "list" and _NEEDS.search(query.text) is None:
        return None
    best: tuple[float, Passage, _Section] | None = None
    documents = dict.fromkeys(passage.document.id for passage in passages)
    for rank, document in enumerate(list(documents)[:_DOCUMENTS]):
        first = next(passage for passage in passages if passage.document.id == document)
        whole = replace(whole_document(first, texts, _READ), tables=())
        title = frozenset(stems(whole.document.title))
        for section in _sections(whole, items_only=not belongs):
            own = shared(query, frozenset(stems(f"{section.heading} {section.announced}")))
            covered = share(query, own | shared(query, title)) - 0.05 * rank
            long = section.units[-1].end - section.units[0].first > _LONGEST
            if share(query, own) >= _OWN and covered >= _COVERED and not long and (best is None or covered > best[0]):
                best = (covered, whole, section)
    if best is None:
        return None
    covered, whole, section = best
    start, end = section.units[0].start, section.units[-1].end
    return Worked((Statement(readable(whole, start, end), (Source(whole, start, end),)),), covered)


def _sections(whole: Passage, *, items_only: bool) -> Iterator[_Section]:
    """The lists of a document with the heading above and the sentence in front of them; or all short sections."""
    heading = announced = ""
    run: list[Unit] = []
    for unit in (*units_of(whole, len(whole.text)), None):
        is_item = unit is not None and unit.is_list_item
        if unit is None or unit.is_label or (items_only and not is_item):
            if len(run) >= (_LEAST_ITEMS if items_only else 1):
                yield _Section(heading, announced, tuple(run))
            run = []
            announced = ""
        if unit is None:
            return
        said = whole.text[unit.first : unit.end]
        if unit.is_label:
            heading = said
        elif is_item or not items_only:
            run.append(unit)
        else:
            announced = said
