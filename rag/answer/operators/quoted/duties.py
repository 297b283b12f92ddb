"""Quotes the lines of minutes and lists that say what somebody has to do: "Piet: order the paint by 4 May".

A line that begins with a name tells a duty where it goes on with "to" or "must", or stands under a heading such as
"Actions"; else it may be what somebody said.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.asked.duties import asked_duty
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import LONGEST_QUOTE, readable
from rag.text.words import match, stems
from rag.types import Passage, Query

_FRONT = r"^[ \t]*(?:[-*•+]|\d{1,2}[.)])?[ \t]*(?:\[[ xX]?\])?[ \t]*"
_NAME = re.compile(r"[A-Z][\w’'-]*(?: [A-Z][\w’'-]*)?")
_SIGN = r"(?P<sign>:[*_]*| (?:to|must|should|will|has to)\b)"
_DUTIES = re.compile(
    r"^\W*(?:\d+[.)]? )?(?:\w+ )?(?:actions?|action (?:items?|points?)|to-?dos?|tasks?|next steps|duties|who does what|"
    r"responsibilities)\b\W*$",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*$|^\s*(?:[-*•+]|\d{1,2}[.)]|\[[ xX]?\])\s|^[\s*_]*[A-Z][^:.\n]{0,40}:[*_]*[ \t]*\S")
_DOCUMENTS = 4
_READ = 200_000  # characters of a document that is looked through
_MOST = 6  # lines


def quote_duties(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """What somebody has to do; None for other questions, and where no line says it."""
    asked = asked_duty(query.text)
    if asked is None or _NAME.fullmatch(asked.who) is None:
        return None
    duty = re.compile(
        rf"{_FRONT}(?P<said>[*_]*{re.escape(asked.who)}(?: [A-Z][\w’'-]+)?[*_]*{_SIGN}[ \t]*\S.*)$", re.MULTILINE
    )
    found = [
        (whole, start, end)
        for whole in whole_documents(passages, texts, _DOCUMENTS, _READ)
        for start, end in _duties(whole.text, duty)
        if _says_all(query, asked.rest, whole, start)
    ]
    if not found or len(found) > _MOST:
        return None
    return Worked(tuple(_statement(whole, start, end) for whole, start, end in found), 1.0)


def _statement(whole: Passage, start: int, end: int) -> Statement:
    return Statement(readable(whole, start, end), (Source(whole, start, end),))


def _duties(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for line in pattern.finditer(text):
        said, start = line["said"].rstrip(), line.start("said")
        is_told = not line["sign"].startswith(":") or _stands_under_duties(text, start)
        if is_told and len(said) <= LONGEST_QUOTE:
            yield start, start + len(said)


def _stands_under_duties(text: str, at: int) -> bool:
    """Whether the list that a line is of stands under a heading, or a line, that announces duties."""
    head = next(
        (line for line in reversed(text[: text.rfind("\n", 0, at) + 1].splitlines()) if not _ITEM.match(line)), ""
    )
    return _DUTIES.match(head) is not None


def _says_all(query: Query, rest: str, whole: Passage, start: int) -> bool:
    """Whether the document, up to the end of the line's paragraph, says whatever else the question says."""
    end = whole.text.find("\n\n", start)
    there = frozenset(stems(f"{whole.document.title} {whole.text[: end if end > 0 else len(whole.text)]}"))
    return all(match(term, there) == 1.0 for term in frozenset(stems(rest)) & query.rarity.keys())
