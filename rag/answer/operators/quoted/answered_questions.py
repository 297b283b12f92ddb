"""Quotes what a list of questions and answers says where it asks the same: "how do I make a gzip file in memory?"."""

from collections.abc import Sequence

from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import paragraph_end, readable, with_items
from rag.answer.rows import units_of
from rag.text.sentences import QUESTION_MARKS
from rag.text.words import content_stems, stems, weight
from rag.types import Passage, Query

_SAID = 0.95  # share of the question that the one in the document must say
_SAYS_NO_MORE = 0.6  # share of that one's words that the question must say
_DOCUMENTS = 3
_READ = 200_000  # characters of a document that is looked through


def quote_answered_question(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The first paragraph of the answer; None where no document asks so, or several places do."""
    found: list[tuple[float, Passage, int, int]] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        if not any(mark in whole.text for mark in QUESTION_MARKS):  # most documents: they need not be taken apart
            continue
        units = [unit for unit in units_of(whole, len(whole.text)) if not unit.is_table_row]
        for at, unit in enumerate(units[:-1]):
            if not unit.asks or units[at + 1].asks:
                continue
            same = _alike(query, whole.text[unit.first : unit.end])
            if same > 0:
                start, end = with_items(whole.text, units[at + 1].start, units[at + 1].end)
                found.append((same, whole, start, max(end, paragraph_end(whole.text, end))))
    found.sort(key=lambda each: -each[0])
    if not found or (len(found) > 1 and found[0][0] == found[1][0]):
        return None
    same, whole, start, end = found[0]
    return Worked((Statement(readable(whole, start, end), (Source(whole, start, end),)),), same)


def _alike(query: Query, question: str) -> float:
    """How much of each other two questions say, 0 to 1; 0 where one says too little of the other."""
    said = share(query, shared(query, frozenset(stems(question))))
    own = content_stems(question)
    asked = frozenset(stems(query.text))
    back = sum(weight(term) for term in own if term in asked) / (sum(map(weight, own)) or 1.0)
    return said * back if said >= _SAID and back >= _SAYS_NO_MORE else 0.0
