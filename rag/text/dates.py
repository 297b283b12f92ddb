"""Reads dates by value: 5 May 2031, May 5th, 2031, 5. Mai 2031, 05.05.2031, 2031-05-05 and 2031年5月5日 are one day.

Month and day of 05/06/2031 may stand in either order, so both days are meant. A year of two digits is taken for one
between 1970 and 2069 where points part the date. Months are known by their names in seven European languages.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_NAMES = (
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari",
    "february feb februar février févr fevrier febrero febbraio fevereiro fev februari",
    "march mar märz marz mars marzo março marco maart mrt",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho",
    "august aug août aout agosto ago augustus",
    "september sep sept septembre septiembre settembre set setembro",
    "october oct oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre déc decembre diciembre dic dicembre dezembro",
)
_MONTHS = {name: month for month, names in enumerate(_NAMES, 1) for name in names.split()}
_ENGLISH = {names.split()[0]: month for month, names in enumerate(_NAMES, 1)}
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
# What stands before a year that is the last or only number of its date.
_DAY_MONTH = re.compile(
    r"(?:(?<![\w.,])(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?[ -](?:of |de )?|(?<!\w))(?P<month>[^\W\d_]{3,10})\.?"
    r"(?:,? (?:of |de |del )?|-)\Z",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(r"(?<!\w)(?P<month>[^\W\d_]{3,10})\.?[ -](?P<day>\d{1,2})(?:st|nd|rd|th)?,? \Z", re.IGNORECASE)
_NUMBERS = re.compile(r"(?<![\w.,/-])(\d{1,2})([-./])(\d{1,2})\2\Z")
# What stands behind a year that comes first.
_ISO = re.compile(r"([-./])(?P<month>\d{1,2})\1(?P<day>\d{1,2})(?![\d/-])")
_EAST_ASIAN = re.compile(r" ?[年년] ?(?P<month>\d{1,2}) ?[月월](?: ?(?P<day>\d{1,2}) ?[日일])?")
_SHORT = re.compile(r"(?<![\w.,/-])(\d{1,2})\.(\d{1,2})\.(\d{2})(?![\w/-]|[.,]\d)")
_CAPITALISED = re.compile(r"(?<!\w)[A-Z]\w{2,9}(?!\w)")
_BEFORE = 30  # characters before a year that may belong to its date
_FIRST_YEAR = 70  # of two digits that are taken for 19..


class Date(NamedTuple):
    """A day or month that a text names, and where: ``term`` is "day20310505" or, without a day, "month203105"."""

    term: str
    start: int
    end: int


def date_terms(text: str) -> list[str]:
    """Returns a term for every day and every month without a day that a text names. ``text`` is normalised."""
    return list(dict.fromkeys(date.term for date in dates(text)))


def dates(text: str) -> Iterator[Date]:
    """Yields the dates in a normalised text; one that may be read in two ways comes twice."""
    for year in _YEAR.finditer(text):
        yield from _around(text, year)
    for match in _SHORT.finditer(text):
        short = int(match[3])
        year_of = short + (1900 if short >= _FIRST_YEAR else 2000)
        yield from (Date(term, *match.span()) for term in _day(year_of, match[2], match[1]))


def months_named(text: str) -> dict[int, int]:
    """Returns the months whose English names a text holds, written with a capital, and where the first of each
    stands: {5: 8} for "Rent in May"."""
    found: dict[int, int] = {}
    for word in _CAPITALISED.finditer(text):
        if (month := _ENGLISH.get(word[0].lower())) is not None:
            found.setdefault(month, word.start())
    return found


def month_named(word: str) -> int | None:
    """Returns the month that a word names, also in short and in other languages; None where it names none."""
    return _MONTHS.get(word.lower())


def with_months(terms: Sequence[str]) -> Iterator[str]:
    """Yields the terms, and for each day its month."""
    yield from terms
    yield from (month_of(term) for term in terms if term.startswith("day"))


def month_of(day: str) -> str:
    """Returns the term of the month in which a day lies."""
    return f"month{day.removeprefix('day')[:6]}"


def _around(text: str, match: re.Match[str]) -> Iterator[Date]:
    """Yields what the date is to which a year belongs."""
    year = int(match[0])
    for pattern in (_ISO, _EAST_ASIAN):
        behind = pattern.match(text, match.end())
        if behind:
            found = _day(year, behind["month"], behind["day"])
            yield from (Date(term, match.start(), behind.end()) for term in found)
            return
    first = max(0, match.start() - _BEFORE)
    before = text[first : match.start()]
    if numbers := _NUMBERS.search(before):
        terms = [*_day(year, numbers[3], numbers[1])]
        if numbers[2] != ".":
            terms += _day(year, numbers[1], numbers[3])
        yield from (Date(term, first + numbers.start(), match.end()) for term in terms)
        return
    named = _MONTH_DAY.search(before) or _DAY_MONTH.search(before)
    month = _MONTHS.get(named["month"].lower()) if named else None
    if named and month:
        found = _day(year, str(month), named["day"])
        yield from (Date(term, first + named.start(), match.end()) for term in found)


def _day(year: int, month: str, day: str | None) -> Iterator[str]:
    if 1 <= int(month) <= 12 and year >= 1000:
        if day is None:
            yield f"month{year}{int(month):02}"
        elif 1 <= int(day) <= 31:
            yield f"day{year}{int(month):02}{int(day):02}"
