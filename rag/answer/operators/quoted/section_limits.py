"""Quotes the limit or default that the section of a manual gives, wherever in it: "the maximum number of columns?".

Such a section says what the limit is for in words like its heading's, and the number behind them, in a sentence that
names neither: "The default setting is 2000."
"""

import re
from collections.abc import Sequence

from rag.answer.operators.quoted.sections import sections_of
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.text.words import stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?(?:what|how)\b.*\b(?:maximum|max|minimum|limit|largest|longest|highest|smallest|default)\b"
    r"|^\W*(?:and )?how (?:long|large|big|many)\b.*\b(?:can|may)\b",
    re.IGNORECASE,
)
_NUMBER = r"(?<![\w.])\d[\d,]*(?![\w-])"
# What says a limit, the plainest first.
_SAYS = tuple(
    re.compile(says, re.IGNORECASE)
    for says in (
        rf"\bdefaults?\b[^.;]{{0,60}}\b(?:is|of|to|are)\b[^.;]{{0,20}}?{_NUMBER}|\bdefaults to\b[^.;]{{0,9}}{_NUMBER}",
        rf"\b(?:maximum|minimum|limit|upper bound)\b[^.;]{{0,60}}\b(?:is|are|of|to)\b[^.;]{{0,20}}?{_NUMBER}",
        rf"\b(?:at most|up to|no more than|more than|limited to|exceed)\b[^.;]{{0,20}}?{_NUMBER}",
    )
)
_HEADED = 0.75  # share of the question that heading and title must say
_OWN = 0.5  # ... and the heading alone
_LONGEST = 4000  # characters of a section
_DOCUMENTS = 2
_READ = 200_000  # characters of a document that is looked through


def find_limit(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The sentence with the number; None for other questions, and where no heading says what is asked."""
    if query.kind != "number" or _ASKS.search(query.text) is None:
        return None
    best: tuple[float, Worked] | None = None
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        title = shared(query, frozenset(stems(whole.document.title)))
        for section in sections_of(whole, items_only=False):
            own = shared(query, frozenset(stems(section.heading)))
            covered = share(query, own | title)
            if covered < _HEADED or share(query, own - title) < _OWN or (best is not None and covered <= best[0]):
                continue
            if section.units[-1].end - section.units[0].start > _LONGEST:
                continue
            said = _said(whole, [(unit.start, unit.end) for unit in section.units])
            if said is not None:
                best = (covered, Worked((said,), covered))
    return None if best is None else best[1]


def _said(whole: Passage, sentences: Sequence[tuple[int, int]]) -> Statement | None:
    for says in _SAYS:
        for start, end in sentences:
            if says.search(whole.text, start, end):
                return Statement(" ".join(whole.text[start:end].split()), (Source(whole, start, end),))
    return None
