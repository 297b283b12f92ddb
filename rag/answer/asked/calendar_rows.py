"""Tells the row of a calendar by the month or day of the week that a question in another language names.

"When is paper collected in March?" shares no word with the row "März" of a German calendar, so that a reader takes the
row of any month for it. Nor does a calendar of 2025 say anything of 2026.
"""

import re

from rag.answer.above import above
from rag.answer.rows import Row, rows_of, same_table
from rag.text.dates import month_named
from rag.text.normal import fold
from rag.text.words import words
from rag.types import Passage, Query

_WEEK = tuple(
    frozenset(names.split())
    for names in (
        "monday montag lundi lunes lunedi maandag segunda",
        "tuesday dienstag mardi martes martedi dinsdag terca",
        "wednesday mittwoch mercredi miercoles mercoledi woensdag quarta",
        "thursday donnerstag jeudi jueves giovedi donderdag quinta",
        "friday freitag vendredi viernes venerdi vrijdag sexta",
        "saturday samstag sonnabend samedi sabado sabato zaterdag",
        "sunday sonntag dimanche domingo domenica zondag",
    )
)
_LONGEST_NAME = 4  # words of the name of a row that is a month or a day
_LEAST_ROWS = 2
_SHORTEST_MONTH = 3  # letters
_WORDS_TOO = frozenset(["may", "march", "mar", "mars", "dec", "sep", "set", "jan"])
_YEAR = re.compile(r"(?<![\w.,])(?:19|20)\d\d(?![\w,.]*\d)")


def row_of_asked_time(query: Query, passage: Passage, row: Row) -> Row | None:
    """The row of the same table that is called by the month or day asked for; the given one where the question names
    none, or the rows are not called so. None where no row is of that time."""
    rows = [other for other in rows_of(passage) if not other.is_header and same_table(other, row)]
    for times_of in (_months, _weekdays):
        asked = times_of(query.text)
        named = {at: times_of(_name(other)) for at, other in enumerate(rows)}
        if len(asked) == 1 and sum(len(times) == 1 for times in named.values()) >= _LEAST_ROWS:
            fitting = [rows[at] for at, times in named.items() if times == asked]
            if row in fitting or times_of(_name(row)) == asked:
                return row
            return fitting[0] if len(fitting) == 1 else None
    return row


def is_of_another_year(query: Query, passage: Passage) -> bool:
    """Whether a question names a year that stands nowhere in a passage, whose titles name others."""
    asked = frozenset(_YEAR.findall(query.text))
    titled = frozenset(_YEAR.findall(above(passage)))
    return bool(asked and titled) and not asked & (titled | frozenset(_YEAR.findall(passage.text)))


def _name(row: Row) -> str:
    names = [cell.text for cell in row.cells if cell.is_name] or [cell.text for cell in row.cells[:1]]
    name = " ".join(names)
    return name if len(name.split()) <= _LONGEST_NAME else ""


def _months(text: str) -> frozenset[int]:
    """The months that a text names; a small "may" or "mars" is a verb or a planet."""
    found = ((text[start:end], month_named(word)) for word, start, end in words(text) if len(word) >= _SHORTEST_MONTH)
    named = (month for said, month in found if said[:1].isupper() or said not in _WORDS_TOO)
    return frozenset(month for month in named if month is not None)


def _weekdays(text: str) -> frozenset[int]:
    spoken = {fold(word).removesuffix("s") for word, _, _ in words(text)} | {fold(word) for word, _, _ in words(text)}
    return frozenset(at for at, names in enumerate(_WEEK) if names & spoken)
