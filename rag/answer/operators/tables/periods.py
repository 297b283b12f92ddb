"""Periods that a question and a table call differently: "July 1, 2023" and "Jul 1, 2023", "the quarter" and "three
months ended", "fiscal 2023" in a report whose tables give days."""

import re
from collections.abc import Set
from functools import lru_cache

from rag.text.dates import dates, month_named
from rag.text.words import stem, stems
from rag.types import Query

_QUARTER = frozenset([stem("quarter"), "q1", "q2", "q3", "q4"])
#: Stems that say which period is meant and of which no table needs to know.
PERIOD = _QUARTER | frozenset(map(stem, ["first", "second", "third", "fourth", "fiscal", "year", "period"]))
_DAY = re.compile(
    r"(?<![\w.,])(?P<day>\d{1,2})(?:st|nd|rd|th|\.)? (?:of )?(?P<month>[^\W\d_]{3,10})(?!\w)"
    r"|(?<!\w)(?P<first>[^\W\d_]{3,10})\.? (?P<second>\d{1,2})(?:st|nd|rd|th)?(?![\w.,]*\d)"
)
_FISCAL_YEAR = re.compile(r"\bfiscal(?: years?)? (?P<year>(?:19|20)\d\d)\b", re.IGNORECASE)


def said_by_period(query: Query, column: str) -> frozenset[str]:
    """The stems of the question that a column's name says as a period: a day written otherwise, a quarter."""
    said = frozenset[str]()
    for term, own in (*_days(query.text).items(), *_days_of_any_year(query.text).items()):
        if term in _days(column) or term in _days_of_any_year(column):
            said |= own
    if "three months" in column.casefold():
        said |= _QUARTER
    return said & query.rarity.keys()


def said_by_all_periods(query: Query, years: Set[str]) -> frozenset[str]:
    """The stems of the question that a row with all its periods answers for, though none of them is called so: "the
    third quarter of fiscal 2023". ``years`` are the fiscal years that the document speaks of."""
    return (PERIOD | years) & query.rarity.keys()


def fiscal_years(document: str) -> frozenset[str]:
    """The fiscal years that a document's text speaks of."""
    return frozenset(found["year"] for found in _FISCAL_YEAR.finditer(document))


@lru_cache(maxsize=2048)
def _days(text: str) -> dict[str, frozenset[str]]:
    """The stems by which each day or month is written in a text."""
    return {date.term: frozenset(stems(text[date.start : date.end])) for date in dates(text)}


@lru_cache(maxsize=2048)
def _days_of_any_year(text: str) -> dict[str, frozenset[str]]:
    """The same of days without a year: "6 February" and "6 Feb"."""
    found = {}
    for date in _DAY.finditer(text):
        month = month_named(date["month"] or date["first"])
        if month is not None:
            found[f"{month}-{int(date['day'] or date['second'])}"] = frozenset(stems(date[0]))
    return found
