"""Finds contact details by their form and by whom they stand beside: e-mail addresses, telephone numbers, accounts.

The owner of "555 0161" stands in the same sentence or row, in the lines around it (a letter's head, a signature), or is
what the document is called after. What stands beside nobody that the question names answers nothing.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from rag.answer.expected import is_date
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import PARAGRAPH, readable
from rag.text.sentences import cached_sentences
from rag.text.words import match, stems, words
from rag.types import Passage, Query

_ASKED_AT_END = r"(?=\W*$|\W+(?:of|for|at|in|to|can|could|do|does|should|must|may|is)\b)"
_NUMBER = r"(?: numbers?| no\.?)?"
# What a question asks for, what it looks like, and what may stand in front of it, or must not.
_FORMS = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(form), re.compile(label, re.IGNORECASE), is_labelled)
    for asked, form, label, is_labelled in (
        (rf"\be-?mails?(?: address(?:es)?)?{_ASKED_AT_END}", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", r"", False),
        (rf"\bfax{_NUMBER}{_ASKED_AT_END}", r"\+?\(?\d[\d ()/-]{5,}\d", r"\bfax\W*(?:\w+\W+)?$", True),
        (
            rf"\b(?:(?:tele)?phone|mobile|cell|contact|direct){_NUMBER}(?: line)?{_ASKED_AT_END}",
            r"\+?\(?\d[\d ()/-]{5,}\d",
            r"\bfax\W*(?:\w+\W+)?$",
            False,
        ),
        (rf"\biban{_NUMBER}{_ASKED_AT_END}", r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30}\b", r"", False),
    )
)
_IS_WHAT = re.compile(r"^\W*(?:and )?(?:what|which|under what|under which|at what|tell me|give me)\b", re.IGNORECASE)
_YEARS = re.compile(r"(?:19|20)\d\d\s?[-/]\s?(?:19|20)\d\d")
_LEAST_DIGITS = 7  # of a telephone number
_IN_TABLE = " | "
_BESIDE, _AROUND, _TITLED = 1.0, 0.9, 0.6  # what a word of the question counts by where it stands
_LEAST = 0.5  # share of what the question names that must stand there
_LONGEST_BLOCK = 600  # characters of the lines around a detail
_DOCUMENTS = 4
_READ = 200_000  # characters of a document that is looked through
_MOST_OF_LABEL = 3  # words
_MOST = 3  # details that belong to the same owner


@dataclass(frozen=True, slots=True)
class _Detail:
    """``whole.text[start:end]`` in the sentence or line ``first`` to ``last``; ``owner`` is the line that names whose
    it is, where that is another one."""

    whole: Passage
    start: int
    end: int
    first: int
    last: int
    owner: tuple[int, int] | None
    score: float


def find_contact(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The detail with its line and its owner's; None for other questions, and where none belongs to what is asked."""
    form = next((form for form in _FORMS if form[0].search(query.text)), None)
    if form is None or _IS_WHAT.match(query.text) is None:
        return None
    asked, pattern, label, is_labelled = form
    subject = query.rarity.keys() - frozenset(stems(" ".join(asked.findall(query.text))))
    if not subject:
        return None
    found: list[_Detail] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        for place in pattern.finditer(whole.text):
            front = whole.text[max(0, place.start() - 30) : place.start()].rpartition("\n")[2]
            is_named = label.pattern != "" and label.search(front) is not None
            if is_named == is_labelled and _is_detail(place[0], pattern.pattern):
                found += _judged(query, subject, whole, place.start(), place.end())
    best = max((detail.score for detail in found), default=0.0)
    if best < _LEAST:
        return None
    alike = {detail.whole.text[detail.start : detail.end]: detail for detail in found if detail.score == best}
    return Worked(tuple(map(_stated, alike.values())), best) if len(alike) <= _MOST else None


def _is_detail(text: str, pattern: str) -> bool:
    if "@" in pattern or not pattern.startswith(r"\+"):
        return True
    return sum(map(str.isdigit, text)) >= _LEAST_DIGITS and not is_date(text) and not _YEARS.search(text)


def _judged(query: Query, subject: Set[str], whole: Passage, start: int, end: int) -> Iterator[_Detail]:
    """The detail with how much of what the question names it stands beside; none where a name is missing."""
    text = whole.text
    first, last = next((s for s in cached_sentences(text) if s[0] <= start < s[1]), (start, end))
    if _IN_TABLE in text[first:last]:
        return
    lines = list(_block(text, first, last)) if _is_bare(text[first:start]) else []
    beside = _held(subject, text[first:last])
    around = _held(subject, " ".join(text[a:b] for a, b in lines))
    titled = _held(subject, whole.document.title)
    if (query.names & subject) - beside - around - titled:
        return
    total = sum(query.rarity[term] for term in subject)
    worth = {term: _BESIDE if term in beside else _AROUND if term in around else _TITLED for term in around | titled}
    worth |= dict.fromkeys(beside, _BESIDE)
    score = sum(query.rarity[term] * value for term, value in worth.items()) / total
    owner = max(lines, key=lambda line: len(_held(subject, text[line[0] : line[1]])), default=None)
    if owner is not None and (beside or not _held(subject, text[owner[0] : owner[1]])):
        owner = None
    yield _Detail(whole, start, end, first, last, owner, score)


def _held(subject: Set[str], text: str) -> frozenset[str]:
    there = frozenset(stems(text))
    return frozenset(term for term in subject if match(term, there) == 1.0)


def _is_bare(front: str) -> bool:
    """Whether nothing but the name of the detail stands in front of it, so that its owner may stand in another line."""
    return sum(word.isalpha() for word, _, _ in words(front)) <= _MOST_OF_LABEL


def _block(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The other lines of the paragraph around one, as far as it is as short as a letter's head."""
    begin = max((found.end() for found in PARAGRAPH.finditer(text, max(0, first - _LONGEST_BLOCK), first)), default=0)
    after = PARAGRAPH.search(text, last)
    end = after.start() if after is not None else len(text)
    if end - max(begin, first - _LONGEST_BLOCK) <= _LONGEST_BLOCK:
        for span in cached_sentences(text):
            between = text[span[1] : first] if span[1] <= first else text[last : span[0]]
            if begin <= span[0] < end and "\n" in between:
                yield span


def _stated(detail: _Detail) -> Statement:
    whole = detail.whole
    spans = [(detail.first, detail.last)]
    if detail.owner is not None:
        spans.insert(0, detail.owner)
    text = "; ".join(readable(whole, start, end) for start, end in spans)
    sources = tuple(Source(whole, start, end) for start, end in spans)
    return Statement(text, sources, Source(whole, detail.start, detail.end))
