"""Quotes the list, or the short section, whose heading is what a question asks for: "what do I need for the soup?".

Where headings, title and the sentence that announces a list say the question, the list as a whole is the answer; of a
question who belongs to something, the section of names under such a heading; of one how something is done, the steps.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import units_of
from rag.text.sentences import Unit
from rag.text.stop_words import STOP_WORDS
from rag.text.words import stems
from rag.types import Passage, Query

_COVERED = 0.65  # share of the question that heading, announcement and title must say
_OWN = 0.3  # ... of which the heading and the announcement alone
_NEEDS = re.compile(
    r"\bingredients?\b|^\W*what (?:do|does|should|must|goes)\b.*\b(?:need|bring|into|in|include|contain|take)\b",
    re.IGNORECASE,
)
_BELONGS = re.compile(r"^\W*who(?:'s| is| are| was| were) (?:on|in|part of|among)\b", re.IGNORECASE)
_TO_DO = re.compile(r"\bto do\b|\bhave to\b|\bmust I\b|\bsteps?\b", re.IGNORECASE)  # asks for steps, not for things
_HOW_TO = re.compile(
    r"^\W*(?:how (?:do|can|should|must) (?:i|you|we)\b|how to\b|how (?:is|are)\b.*\w(?:ed|en|ne)\W*$"
    r"|what are the steps\b|which steps\b)",
    re.IGNORECASE,
)
_GOES_INTO = re.compile(r"^\W*(?:and )?what (?:goes|go|do (?:i|you|we) put) in(?:to)?\b", re.IGNORECASE)
_PUT = frozenset(stems("go goes put"))
_WHOLE = 0.9  # share of the question that the heading of running text must say
_LEAST_ITEMS = 3
_LONGEST = 1200  # characters quoted
_READ = 200_000  # characters of a document that is looked through
_DOCUMENTS = 3


@dataclass(frozen=True, slots=True)
class Section:
    """The units under a heading; ``announced`` is the sentence in front of a list."""

    heading: str
    announced: str
    units: tuple[Unit, ...]

    @property
    def is_list(self) -> bool:
        return sum(unit.is_list_item for unit in self.units) >= _LEAST_ITEMS

    def is_numbered(self, text: str) -> bool:
        """Whether its list is one of steps."""
        return all(text[unit.start : unit.first].strip()[:1].isdigit() for unit in self.units)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stems(text))


def quote_section(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The list or section; None for other questions, and where no heading says what is asked."""
    belongs = _BELONGS.match(query.text) is not None
    how_to = _HOW_TO.match(query.text) is not None
    needs = _NEEDS.search(query.text) is not None
    if not (belongs or how_to or needs) and query.kind != "list":
        return None
    found = _best_section(query, passages, texts, belongs=belongs, how_to=how_to, needs=needs)
    return found if found is not None or _GOES_INTO.match(query.text) is None else _recipe(query, passages, texts)


def _recipe(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The short running text under a heading that is all the question says beside "goes into": a recipe without a
    list."""
    best: tuple[float, int, Passage, Section] | None = None
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        for section in sections_of(replace(whole, tables=()), items_only=False):
            heading = _stems(section.heading)
            said = shared(query, heading) | (_PUT & query.rarity.keys())
            start, end = section.units[0].start, section.units[-1].end
            if share(query, said) < _WHOLE or section.is_list or end - start > _LONGEST:
                continue
            more = len(heading - STOP_WORDS - query.rarity.keys())  # "soup" is no "soup of the day with dumplings"
            if best is None or (share(query, said), -more) > (best[0], -best[1]):
                best = (share(query, said), more, whole, section)
    if best is None:
        return None
    covered, _, whole, section = best
    return Worked((_whole_section(whole, section),), covered)


def _whole_section(whole: Passage, section: Section) -> Statement:
    start, end = section.units[0].start, section.units[-1].end
    return Statement(readable(whole, start, end), (Source(whole, start, end),))


def _best_section(
    query: Query, passages: Sequence[Passage], texts: Texts, *, belongs: bool, how_to: bool, needs: bool
) -> Worked | None:
    best: tuple[float, Passage, Section] | None = None
    for rank, document in enumerate(whole_documents(passages, texts, _DOCUMENTS, _READ)):
        whole = replace(document, tables=())
        title = frozenset(stems(whole.document.title))
        for section in sections_of(whole, items_only=not (belongs or how_to)):
            if needs and not _TO_DO.search(query.text) and section.is_numbered(whole.text):
                continue  # the steps of something, where what it needs is asked for
            if how_to and not section.is_list and share(query, shared(query, _stems(section.heading))) < _WHOLE:
                continue
            own = shared(query, frozenset(stems(f"{section.heading} {section.announced}")))
            covered = share(query, own | shared(query, title)) - 0.05 * rank
            long = section.units[-1].end - section.units[0].first > _LONGEST
            if share(query, own) >= _OWN and covered >= _COVERED and not long and (best is None or covered > best[0]):
                best = (covered, whole, section)
    if best is None:
        return None
    covered, whole, section = best
    return Worked((_whole_section(whole, section),), covered)


def sections_of(whole: Passage, *, items_only: bool) -> Iterator[Section]:
    """The lists of a document with the heading above and the sentence in front of them; or all short sections."""
    heading = announced = ""
    run: list[Unit] = []
    units = units_of(whole, len(whole.text))
    numbered = [_is_numbered(whole.text, unit) for unit in units]
    for at, unit in enumerate((*units, None)):
        heads = unit is not None and (
            unit.is_label or (numbered[at] and _stands_alone(whole.text, units, numbered, at))
        )
        is_item = unit is not None and unit.is_list_item and not heads
        if unit is None or heads or (items_only and not is_item):
            if len(run) >= (_LEAST_ITEMS if items_only else 1):
                yield Section(heading, announced, tuple(run))
            run = []
            announced = ""
        if unit is None:
            return
        said = whole.text[unit.first : unit.end]
        if heads:
            heading = said
        elif is_item or not items_only:
            run.append(unit)
        else:
            announced = said


def _is_numbered(text: str, unit: Unit) -> bool:
    return unit.is_list_item and text[unit.start : unit.first].strip()[:1].isdigit()


def _stands_alone(text: str, units: Sequence[Unit], numbered: Sequence[bool], at: int) -> bool:
    """Whether a numbered line heads what follows, "4. What is not covered" over "- wear of tyres": it is no sentence,
    and neither neighbour is numbered."""
    if text[units[at].end - 1] in ".!?;," or any((*numbered[max(0, at - 1) : at], *numbered[at + 1 : at + 2])):
        return False
    return at + 1 < len(units)
