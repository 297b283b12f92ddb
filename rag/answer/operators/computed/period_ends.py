"""Computes when something ends that a passage gives a beginning and a length for.

"The warranty of 24 months from 3 March 2025" answers until when it lasts: the sum is shown. Only where one sentence, or
two that follow each other, hold exactly one day as a beginning and one length, and no sentence states the end.
"""

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from rag.answer.above import stems_above
from rag.answer.operators.tables.matching import share, shared
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import PARAGRAPH, readable
from rag.answer.rows import units_of
from rag.text.dates import dates
from rag.text.normal import normalized
from rag.text.words import stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?(?:until|till) when\b"
    r"|\bwhen (?:does|do|did|will|would|is|are|was|were)\b.*\b(?:end|expire|run out|lapse|over|finish|stop|cease)\b"
    r"|^\W*(?:and )?what is the (?:end|expiry|expiration) date\b",
    re.IGNORECASE,
)
_ASKING = frozenset(
    stems("until till end expire expiry expiration run lapse over finish stop cease last valid earliest")
)
_BEGINS = re.compile(
    r"\b(?:from|since|as of|effective|begin\w*|start\w*|commenc\w*|bought|purchased?|delivered|signed|issued)\b"
    r"[^.;:!?]{0,30}\Z",
    re.IGNORECASE,
)
_INCLUDED = re.compile(
    r"\b(?:begin\w*|start\w*|commenc\w*)\b[^.;:!?]{0,30}\Z", re.IGNORECASE
)  # the day is the first one
_ENDS = re.compile(
    r"\b(?:until|till|to|through|by|before|ends?|ended|ending|expir\w+)\b[^.;:!?]{0,20}\Z", re.IGNORECASE
)
_COUNTS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_LENGTH = re.compile(
    rf"\b(?P<count>\d{{1,3}}|{'|'.join(_COUNTS)})[ -](?P<unit>day|week|month|year)s?\b(?![’']?s? (?:notice|old|ago))",
    re.IGNORECASE,
)
_OF_SOMETHING_ELSE = re.compile(
    r"\b(?:notice(?: period)? of|within|every|after|first|last)(?: the)?\s\Z", re.IGNORECASE
)
_COVERED = 0.6  # share of the question that the sentences and what stands above them must hold
_OWN = 0.5  # ... and the sentences alone
_CLEARLY = 0.1  # by which they must hold more than others that end at another time


@dataclass(frozen=True, slots=True)
class _Period:
    """Sentences of a passage with a beginning and a length."""

    passage: Passage
    start: int
    end: int
    begins: date
    length: str
    is_included: bool

    @property
    def ends(self) -> date:
        """The last day: the one before, where the day of the beginning is the first of the period."""
        found = _LENGTH.fullmatch(self.length)
        assert found is not None
        word = found["count"].lower()
        count = int(word) if word.isdigit() else _COUNTS.index(word) + 1
        after = _later(self.begins, count, found["unit"].lower())
        return after - timedelta(days=1) if self.is_included else after


def find_period_end(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The day on which a period ends, with the sum; None for other questions, and where no passage holds a beginning
    and a length or several periods are meant alike."""
    if _ASKS.search(query.text) is None:
        return None
    found: list[tuple[float, _Period]] = []
    stated = 0.0
    for passage in passages:
        above = stems_above(passage)
        for start, end in _stretches(passage):
            text = passage.text[start:end]
            own = shared(query, frozenset(stems(text)))
            said = own | shared(query, above)
            covered = _covered(query, said)
            if query.names - said or covered < _COVERED or _covered(query, own) < _OWN:
                continue
            period = _period(passage, start, end)
            if period is not None:
                found.append((covered - (end - start) / 100_000, period))
            elif any(_ENDS.search(text[:at]) for _, at in _days(text)):
                stated = max(stated, covered)
    found.sort(key=lambda each: -each[0])
    if not found or stated >= found[0][0]:
        return None
    covered, period = found[0]
    if any(other.ends != period.ends and covered - held < _CLEARLY for held, other in found[1:]):
        return None
    return Worked((_statement(period),), min(1.0, covered))


def _covered(query: Query, said: frozenset[str]) -> float:
    """The share of what the question names that is said; that it asks for an end needs no saying."""
    asking = share(query, _ASKING)
    return (share(query, said | _ASKING) - asking) / (1.0 - asking) if asking < 1.0 else 0.0


def _statement(period: _Period) -> Statement:
    ends = _written(period.ends)
    text = readable(period.passage, period.start, period.end)
    less = " − 1 day" if period.is_included else ""
    return Statement(
        f"{ends}: {_written(period.begins)} + {period.length}{less} = {ends}. {text}",
        (Source(period.passage, period.start, period.end),),
    )


def _stretches(passage: Passage) -> Iterator[tuple[int, int]]:
    """The sentences of a passage, and the pairs of neighbours in a paragraph of which one
    gives a day and the other one a length."""
    text = passage.text
    units = [unit for unit in units_of(passage, len(text)) if not unit.is_table_row]
    yield from ((unit.first, unit.end) for unit in units)
    for one, other in pairwise(units):
        lengths = [_LENGTH.search(text, unit.first, unit.end) is not None for unit in (one, other)]
        days = [bool(_days(text[unit.first : unit.end])) for unit in (one, other)]
        is_shared = sorted(lengths) == sorted(days) == [False, True] and lengths != days
        if is_shared and PARAGRAPH.search(text, one.end, other.first) is None:
            yield one.first, other.end


def _period(passage: Passage, start: int, end: int) -> _Period | None:
    text = passage.text[start:end]
    days = _days(text)
    lengths = [found for found in _LENGTH.finditer(text) if not _OF_SOMETHING_ELSE.search(text[: found.start()])]
    if len(days) != 1 or len(lengths) != 1:
        return None
    begins, at = days[0]
    if _BEGINS.search(text[:at]) is None or _ENDS.search(text[:at]):
        return None
    return _Period(passage, start, end, begins, lengths[0][0], _INCLUDED.search(text[:at]) is not None)


def _days(text: str) -> list[tuple[date, int]]:
    """The days that a text names, and where: none of a date that may be read in two ways."""
    compared = normalized(text)
    found: dict[int, set[str]] = {}
    for each in dates(compared.text):
        if each.term.startswith("day"):
            found.setdefault(compared.span(each.start, each.end)[0], set()).add(each.term.removeprefix("day"))
    days = []
    for at, terms in found.items():
        term = terms.pop()
        try:
            day = date(int(term[:4]), int(term[4:6]), int(term[6:]))
        except ValueError:  # 31 June
            continue
        if not terms:
            days.append((day, at))
    return days


def _later(begins: date, count: int, unit: str) -> date:
    """The day that lies so many days, weeks, months or years after another: of months without such a day the last."""
    if unit in ("day", "week"):
        return begins + timedelta(days=count * (7 if unit == "week" else 1))
    months = begins.month - 1 + count * (12 if unit == "year" else 1)
    year, month = begins.year + months // 12, months % 12 + 1
    return date(year, month, min(begins.day, calendar.monthrange(year, month)[1]))


def _written(day: date) -> str:
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"
