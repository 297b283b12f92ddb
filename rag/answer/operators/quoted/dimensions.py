"""Finds a measure in a list of data by its unit: "how loud is the machine?" -> "Noise level: 46 dB(A)".

Sheets of data call a thing by its title and a measure by a label that the question does not say; the unit tells which
line is meant, where no other line of the sheet has one of its kind.
"""

import re
from collections.abc import Sequence

from rag.answer.above import stems_above
from rag.answer.asked.attributes import MASS, SPEED
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.text.sentences import cached_sentences
from rag.text.words import match, stems
from rag.types import Passage, Query

_VERB = r"(?:is|are|was|were|does|do|did)"
# What a question asks for, and the units that tell it; units of length measure too many things.
_MEASURES = tuple(
    (re.compile(rf"^\W*(?:and )?how (?P<how>{asked})\b", re.IGNORECASE), re.compile(rf"\d\s?(?:{units})(?![\w/])"))
    for asked, units in (
        (rf"(?:loud|noisy) {_VERB}", r"dB"),
        (rf"heavy {_VERB}", MASS),
        (rf"fast {_VERB}", SPEED),
        (rf"much (?:power|electricity) {_VERB}", r"k?W|watts?|kilowatts?"),
    )
)
_LABELLED = re.compile(r"[^\n:|.;]{2,40}:\s*\S")
_LONGEST = 80  # characters of a line of data
_DOCUMENTS = 3
_READ = 200_000  # characters of a document that is looked through
_SAYS_NOTHING = frozenset(stems("loud noisy heavy fast power electricity need use consume draw take weigh make run"))


def find_dimension(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The one labelled line with such a unit in the first document whose title says what is asked about; None for other
    questions, and where it has several."""
    unit = next((unit for asked, unit in _MEASURES if asked.match(query.text)), None)
    subject = query.rarity.keys() - _SAYS_NOTHING
    if unit is None or not subject:
        return None
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        called = stems_above(whole)
        if not all(match(term, called) == 1.0 for term in subject):
            continue
        lines = [span for span in cached_sentences(whole.text) if span[1] - span[0] <= _LONGEST]
        found = [span for span in lines if unit.search(whole.text, *span) and _LABELLED.match(whole.text, *span)]
        if len(found) != 1:
            return None
        ((start, end),) = found
        source = Source(whole, start, end)
        return Worked((Statement(readable(whole, start, end), (source,), source),), 1.0)
    return None
