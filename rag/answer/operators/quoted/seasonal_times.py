"""Quotes the clause that gives a time for some months: "until when is the hall open in July?" -> "from May to August it
closes at 21:30".

That something closes is when it stops being open, and the month asked for may lie between two that are named.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import above, in_front_of
from rag.answer.asked.periods import months_between
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.answer.rows import units_of
from rag.text.dates import months_named
from rag.text.words import match, prefixes_of, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?(?:(?:until|till|from|since) (?:when|what time)|when|(?:at )?what time)\b.*\b(?P<what>open|clos)",
    re.IGNORECASE,
)
_UNTIL = re.compile(r"^\W*(?:and )?(?:until|till)\b", re.IGNORECASE)
_CLOCK = r"(?:\b(?:[01]?\d|2[0-4])[:.][0-5]\d\b|\b(?:1[0-2]|[1-9]) ?(?:[ap]\.?m\b|o[’']clock)|\bnoon\b|\bmidnight\b)"
_TIME = re.compile(_CLOCK)
_ENDS = re.compile(rf"\b(?:clos\w+|shuts?|locked)\b|(?:\b(?:until|till|to)\b|[-–]) ?{_CLOCK}", re.IGNORECASE)
_BEGINS = re.compile(rf"\b(?:open\w*|unlocked)\b|\bfrom {_CLOCK}|{_CLOCK} ?[-–]", re.IGNORECASE)
_CLAUSE = re.compile(r"(?<=[;,])\s+(?:and |but )?(?=in |from |during |between |otherwise )|(?<=;)\s+")
_ASKED_ANYWAY = frozenset(stems("open opens opened opening close closes closed closing until till time when hours"))


def find_seasonal_time(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The one clause; None for other questions, and where several fit or its sentence is about something else."""
    asked = _ASKS.match(query.text)
    months = months_named(query.text)
    if asked is None or len(months) != 1:
        return None
    month = f"{next(iter(months)):02}"
    named = frozenset(stems(query.text[next(iter(months.values())) :].split()[0]))
    subject = query.rarity.keys() - _ASKED_ANYWAY - named
    ends = asked["what"].lower() == "clos" or _UNTIL.match(query.text) is not None
    found: dict[tuple[int, int], Source] = {}
    for passage in passages:
        for start, end in _clauses(passage):
            clause = passage.text[start:end]
            if _TIME.search(clause) is None or (_ENDS if ends else _BEGINS).search(clause) is None:
                continue
            if month not in months_between(clause) | {f"{each:02}" for each in months_named(clause)}:
                continue
            there = frozenset(stems(f"{above(passage)} {in_front_of(passage, start)} {clause}"))
            prefixes = prefixes_of(there)
            if all(match(term, there, prefixes) > 0 for term in subject):
                found[passage.document.id, passage.start + start] = Source(passage, start, end)
    if len(found) != 1:
        return None
    (source,) = found.values()
    text = readable(source.passage, source.start, source.end).rstrip(";,")
    return Worked((Statement(text, (source,)),), 1.0)


def _clauses(passage: Passage) -> Iterator[tuple[int, int]]:
    """The clauses of the sentences, in which each stands with its own months."""
    for unit in units_of(passage, len(passage.text)):
        if unit.is_table_row:
            continue
        sentence = passage.text[unit.first : unit.end]
        cuts = [0, *(cut.end() for cut in _CLAUSE.finditer(sentence)), len(sentence)]
        starts = [cut.start() for cut in _CLAUSE.finditer(sentence)]
        for first, last in zip(cuts, [*starts, len(sentence)], strict=False):
            if first < last:
                yield unit.first + first, unit.first + last
