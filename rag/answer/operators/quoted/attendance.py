"""Quotes the line of minutes that says who was not there: "who was absent from the meeting?" -> "Apologies: Ada Quist".

Minutes name a meeting at their head and those who stayed away behind a label, so what the question says of the meeting
must stand in the title or at the head, all of it: another meeting's list would look just like an answer.
"""

import re
from collections.abc import Sequence

from rag.answer.above import above
from rag.answer.asked.superlatives import asks_for_extreme
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import PARAGRAPH, readable, with_items
from rag.text.words import match, stems
from rag.types import Passage, Query

_WHO = r"^\W*(?:and )?who(?:se)?\b "
_NOT = r"(?:(?:did|could|was|were|is|are) not|(?:did|could|was|were|is|are)n[’']t)"
_ASKS_APOLOGY = re.compile(
    rf"{_WHO}(?:(?:sent|gave|offered|made) )?(?:(?:his|her|their) )?(?:apologi[sz]ed\b|apologies\b|regrets\b)"
    rf"|{_WHO}(?:was|were|is|are) excused\b",
    re.IGNORECASE,
)
_ASKS_ABSENCE = re.compile(
    rf"{_WHO}(?:(?:was|were|is|are) (?:absent|missing|away)\b|missed\b"
    rf"|{_NOT} (?:attend|come to|take part|make it|present|there|at)\b)",
    re.IGNORECASE,
)
_ASKS_MORE = re.compile(
    r"\b(?:not|never|always|often|twice|times|ever|why|when|how|and|or|but|except)\b", re.IGNORECASE
)
_APOLOGY = r"(?:apologies|regrets|excused|entschuldigt)"
_ABSENCE = rf"(?:{_APOLOGY}|absent|absentees|not present|abwesend)"
_LINE = r"(?:^|(?<=[.;] ))[ \t]*(?:[-*•] )?{label}(?: (?:for absence|with apologies|received|from)){{0,3}}:[^\n]*"
_MENTIONS_NOTHING = frozenset(stems("meeting minutes session"))  # of any minutes
_HEAD = 400  # characters at the beginning of a document that say which meeting it is about
_DOCUMENTS = 4
_READ = 200_000  # characters of a document that is looked through
_MOST = 2  # lines: "Absent: ..." and "Apologies: ..."


def quote_absence(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The lines of the one meeting that the question names; None for other questions, and where several fit."""
    label, asked = _APOLOGY, _ASKS_APOLOGY.match(query.text)
    if asked is None:
        label, asked = _ABSENCE, _ASKS_ABSENCE.match(query.text)
    if asked is None or _ASKS_MORE.search(query.text, asked.end()) or asks_for_extreme(query.text):
        return None
    line = re.compile(_LINE.format(label=label), re.IGNORECASE | re.MULTILINE)
    subject = frozenset(stems(query.text[asked.end() :])) & query.rarity.keys() - _MENTIONS_NOTHING
    found: list[Statement] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        for place in line.finditer(whole.text):
            there = frozenset(stems(f"{above(whole)} {_head(whole.text, place.start())}"))
            first = place.end() - len(place[0].lstrip())
            start, end = with_items(whole.text, first, first + len(place[0].strip()))
            if all(match(term, there) == 1.0 for term in subject) and not whole.text[start:end].endswith(":"):
                source = Source(whole, start, end)
                found.append(Statement(readable(whole, start, end), (source,), source))
    documents = {statement.sources[0].passage.document.id for statement in found}
    labels = {statement.text.partition(":")[0].casefold() for statement in found}
    if len(documents) != 1 or len(labels) != len(found) or len(found) > _MOST:
        return None
    return Worked(tuple(found), 1.0)


def _head(text: str, start: int) -> str:
    """What says which meeting a line at ``start`` is about: the beginning of the document, or else the paragraph of the
    line, as far as it stands in front, and the one before it."""
    if start <= _HEAD:
        return text[:start]
    breaks = [found.end() for found in PARAGRAPH.finditer(text, max(0, start - 2 * _HEAD), start)]
    return text[breaks[-2] if len(breaks) > 1 else max(0, start - _HEAD) : start]
