"""Quotes the line that says only a name and an amount: "what does a bicycle cost?" -> "Bicycle: 30 kroner".

Such a line says nothing of what the amount is for; the headings over it, the title and the question's own form do.
Every word of the question must stand in one of them, so that another thing's amount is never taken.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answer.above import above
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import row_at
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Passage, Query

_MONEY = (
    r"[$€£¥₹]|\b(?:euros?|cents?|dollars?|pounds?|pence|francs?|crowns?|kron(?:e|or|er)|z[lł]oty|rupees?|yen|"
    r"eur|usd|gbp|chf|sek|nok|dkk|pln|czk|jpy|inr|cad|aud)\b|\bfree\b"
)
_MASS = r"\d\s?(?:kg|g|mg|tons?|tonnes?|t|lbs?|pounds?|oz)\b"


@dataclass(frozen=True, slots=True)
class _Form:
    """What a question looks like, what an amount must hold, and words that name it: said in the question's own way."""

    asks: re.Pattern[str]
    holds: re.Pattern[str]
    names: frozenset[str]


def _form(asks: str, holds: str, names: str) -> _Form:
    return _Form(re.compile(asks, re.IGNORECASE), re.compile(holds, re.IGNORECASE), frozenset(stems(names)))


_FORMS = (
    _form(r"\bhow much (?:do|does|did) .{1,60} weigh\b|\bhow heavy\b", _MASS, "weight weigh heavy mass"),
    _form(r"\bhow (?:loud|noisy)\b", r"\d\s?dB\b", "noise loud loudness noisy sound"),
    _form(
        r"\bhow much (?:is|are|was|were|does|do|did|must|will|would)\b|\bwhat (?:does|do|did|will|would) .{1,60} cost\b"
        r"|\bwhat (?:is|are|was|were) the (?:price|cost|fee|fare|charge)s? (?:of|for)\b|\bhow expensive\b",
        _MONEY,
        "cost price fare fee charge pay payment rate expensive ticket",
    ),
)
_LINE = re.compile(
    r"^[ \t]*(?:[-*•+] )?[*_]*(?P<line>(?P<label>[^\W\d][^\n:;|]{0,60}?)[*_]*"
    r"(?::[ \t]*|[ \t]*\t[ \t]*|[ \t]{3,}|[ \t]+[–—][ \t]+)[*_]*(?P<amount>\S[^\n|]{0,80}?))[ \t]*$"
    r"|^(?P<term>[^\W\d][^\n:;|.?!]{0,40})\n\n?(?P<of_term>\d[^\n|]{0,40}?)[ \t]*$",
    re.MULTILINE,
)
_QUALIFIED = re.compile(
    r"[,(/]|\b(?:with|from|under|over|above|below|up to|aged?|until|per|incl\w*|of|in|for)\b|\d", re.IGNORECASE
)
_ALTERNATIVES = re.compile(r"\band\b|\bor\b|[,/&]", re.IGNORECASE)
_HEADING = re.compile(r"^(?:#{1,6} .*|[^\W\d_][^\n:.;|]{0,60}:?)$", re.MULTILINE)
_DOCUMENTS = 4
_READ = 200_000  # characters of a document that is looked through
_INSTEAD = re.compile(r", what about (?P<instead>.+)$", re.IGNORECASE)


def find_labelled_amount(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The one line of what the question names; None for other questions, and where several fit."""
    form = next((form for form in _FORMS if form.asks.search(query.text)), None)
    if form is None:
        return None
    instead = _INSTEAD.search(query.text)
    asked = frozenset(content_stems(instead["instead"] if instead else query.text)) - form.names
    around = frozenset(query.rarity) - form.names - asked if instead else frozenset[str]()
    if not asked:
        return None
    found: list[Source] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        title = _stems(f"{above(whole)} {whole.text[:80].partition(chr(10))[0]}")
        for line, heading in _lines(whole.text):
            label, amount = line["label"] or line["term"], line["amount"] or line["of_term"]
            if form.holds.search(amount) is None or row_at(whole, line.start()) is not None:
                continue
            said = _said(label, asked | around, form.names)
            if said is None:
                continue
            there = title | _stems(heading)
            prefixes = prefixes_of(there)
            if all(term in said or match(term, there, prefixes) > 0 for term in asked):
                start = line.start("line") if line["line"] else line.start("term")
                found.append(Source(whole, start, line.end("line") if line["line"] else line.end("of_term")))
    if len(found) != 1:
        return None
    source = found[0]
    return Worked((Statement(readable(source.passage, source.start, source.end), (source,), source),), 1.0)


def _lines(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each line of a name and an amount, with the last line above it that may be a heading."""
    headings = list(_HEADING.finditer(text))
    for line in _LINE.finditer(text):
        over = [heading[0] for heading in headings if heading.end() < line.start()]
        yield line, over[-1] if over else ""


def _said(label: str, asked: frozenset[str], names: frozenset[str]) -> frozenset[str] | None:
    """The words of the question that a label says: all of it, what stands in front of a bracket or "with", or one of
    several things that it names. None where it names something else. The name of what is asked for, "Weight", says
    that and nothing more."""
    first = _QUALIFIED.split(label)[0]
    for part in (label, first, *_ALTERNATIVES.split(first)):
        own = frozenset(content_stems(part))
        if own and own <= names:
            return frozenset()
        said = frozenset(term for term in asked if match(term, own, prefixes_of(own)) == 1.0)
        if said and all(match(term, said, prefixes_of(said)) == 1.0 for term in own - names):
            return said
    return None


def _stems(text: str) -> frozenset[str]:
    return frozenset(stems(text))
