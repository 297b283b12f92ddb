"""Lists the lines of an offer or a bill with their prices, where these are lines of text and no table.

"1. Scaffolding, front and rear      £1,450": lines one under the other that each end in an amount of money.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import above
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.rows import row_at
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"\b(?:list|show|give me|name|what are|which are|break ?down|itemi[sz]ed?)\b.*"
    r"\b(?:items?|positions?|lines?|things|works?|parts|jobs|services|prices?|costs?|amounts?|breakdown)\b",
    re.IGNORECASE,
)
_PRICES = re.compile(
    r"\b(?:prices?|costs?|amounts?|charges?|items?|positions?|breakdown|itemi[sz]ed?)\b", re.IGNORECASE
)
_OTHERWISE = re.compile(
    r"\b(?:more|less|fewer|than|most|least|without|not|over|under|above|below|total)\b", re.IGNORECASE
)
_AMOUNT_AT_END = re.compile(
    r"(?:\s{2}|\t|[.…]{2}|\s[-–—:]\s|:\s)\s*"
    r"(?:[$€£¥₹]\s*\d[\d.,]*|\d[\d.,]*\s?(?:[$€£¥₹]|EUR|USD|GBP|CHF|euros?|pounds?))$"
)
_LONGEST_LINE = 200  # characters
_SUM = re.compile(r"\b(?:sub)?total\b|\bsum\b|\bsumme\b", re.IGNORECASE)
_BY_FORM = frozenset(
    stems(
        "list show give name item items position positions line lines price prices cost costs amount please all each "
        "with"
    )
)
_COVERED = 0.5  # share of what else the question says that the document must say
_LEAST, _MOST = 3, 40  # lines
_BEFORE = 600  # characters in front of the lines that may say what they are
_DOCUMENTS = 4
_READ = 200_000  # characters of a document that is looked through


def list_priced_lines(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The lines; None for other questions, and where no document or several hold such lines."""
    if _ASKS.search(query.text) is None or _PRICES.search(query.text) is None or _OTHERWISE.search(query.text):
        return None
    subject = frozenset(content_stems(query.text)) - _BY_FORM
    found: list[Worked] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        for lines in _blocks(whole):
            first, last = lines[0][0], lines[-1][1]
            there = frozenset(stems(f"{above(whole)} {whole.text[max(0, first - _BEFORE) : last]}"))
            prefixes = prefixes_of(there)
            said = [term for term in subject if match(term, there, prefixes) > 0]
            weight = sum(query.rarity.get(term, 0.0) for term in said)
            total = sum(query.rarity.get(term, 0.0) for term in subject) or 1.0
            if said and weight >= _COVERED * total and query.names <= frozenset(said) | _BY_FORM:
                found.append(Worked(tuple(_statement(whole, start, end) for start, end in lines), weight / total))
    best = max((worked.strength for worked in found), default=0.0)
    fitting = [worked for worked in found if worked.strength == best]
    return fitting[0] if len(fitting) == 1 else None


def _blocks(whole: Passage) -> Iterator[list[tuple[int, int]]]:
    """Where the lines begin and end that stand one under the other, without sums."""
    block: list[tuple[int, int]] = []
    for start, end in _lines(whole.text):
        if row_at(whole, start) is not None:
            continue
        if block and whole.text[block[-1][1] : start].strip():
            if _LEAST <= len(block) <= _MOST:
                yield block
            block = []
        if not _SUM.search(whole.text[start:end]):
            block.append((start, end))
    if _LEAST <= len(block) <= _MOST:
        yield block


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """The lines that end in an amount and have words in front of it."""
    at = 0
    for line in text.splitlines(keepends=True):
        said = line.strip()
        if 0 < len(said) <= _LONGEST_LINE and "|" not in said:
            amount = _AMOUNT_AT_END.search(said)
            if amount is not None and any(map(str.isalpha, said[: amount.start()])):
                start = at + line.index(said)
                yield start, start + len(said)
        at += len(line)


def _statement(whole: Passage, start: int, end: int) -> Statement:
    text = " ".join(whole.text[start:end].split())
    return Statement(f"{text}.", (Source(whole, start, end),))
