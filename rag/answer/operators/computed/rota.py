"""Reads rotas: a row for each person, a column for each day, and codes that a legend explains ("E = early").

Who has a code on a day, on which days someone has it, how many of them there are, and what someone has on a day.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import around, meant_lines, shared
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.text.dates import month_named
from rag.text.words import match, prefixes_of, stem, stems, words
from rag.types import Query

_LEGEND = re.compile(r"(?:(?<=[\n,;(:.])|^)\s*(?P<code>[^\W\d_]{1,3}|[-–×✓])\s*=\s*(?P<said>[^,;\n=]{2,60})")
_LEAST_CODES = 2
_OF_CODES = 0.8  # share of a grid's cells beside names and roles that must be codes
_STRENGTH = 0.5  # of a person's name that the question must say: the first name of two
_WHO = re.compile(r"^\W*(?:and |so )?(?:who|which (?:person|colleague|of us))\b", re.IGNORECASE)
_WHEN = re.compile(r"^\W*(?:and |so )?(?:when|(?:on )?(?:which|what) days?)\b", re.IGNORECASE)
_HOW_MANY = re.compile(r"^\W*(?:and |so )?how (?:many|often)\b", re.IGNORECASE)
_WHAT = re.compile(r"^\W*(?:and |so )?(?:what|which)\b", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|no|never|without|except|more|less|fewer|most|least|than|while|instead)\b|n['’]t\b", re.I)
_IN_HEADER = re.compile(r"(?<!\d)(?P<day>\d{1,2})[./](?P<month>\d{1,2})(?!\d)")
_DAY_AND_MONTH = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\d.])(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?(?: of)? (?P<month>[^\W\d_]{3,})",
        r"(?P<month>[^\W\d_]{3,})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?(?!\d)",
    )
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHIFT = frozenset(
    stems("shift shifts duty duties rota day days work works working do does have has get gets week weeks")
)


@dataclass(frozen=True, slots=True)
class _Rota:
    """``legend`` says what a code stands for, ``columns`` are those of codes."""

    grid: Grid
    legend: dict[str, str]
    columns: tuple[int, ...]

    @classmethod
    def of(cls, grid: Grid) -> "_Rota | None":
        legend = {
            found["code"].strip(): found["said"].strip()
            for text in (grid.around, grid.found_in)
            for found in _LEGEND.finditer(text)
        }
        columns = tuple(
            column
            for column in range(1, len(grid.columns))
            if any(column in line.cells for line in grid.lines)
            and all(_code(line, column) in legend for line in grid.lines if column in line.cells)
        )
        cells = max(1, sum(len(line.cells) for line in grid.lines))
        coded = sum(column in line.cells for line in grid.lines for column in columns)
        if len(legend) < _LEAST_CODES or coded < _OF_CODES * cells or not grid.is_whole:
            return None
        return cls(grid, legend, columns)


def read_rota(query: Query, grids: Sequence[Grid]) -> Worked | None:
    """What the rota says; None for other questions, and where a person, a day or a code is in doubt."""
    if _NOT.search(query.text):
        return None
    found = [worked for grid in grids if (rota := _Rota.of(grid)) and (worked := _told(query, rota)) is not None]
    return found[0] if len(found) == 1 else None


def _told(query: Query, rota: _Rota) -> Worked | None:
    code = _asked_code(query, rota)
    person = _person(query, rota.grid)
    columns = _asked_columns(query.text, rota)
    if columns is None:
        return None
    unsaid = {name for name in query.names if name.isalpha()} - around(rota.grid) - _time_stems()
    unsaid -= frozenset(stems(rota.legend[code])) if code else frozenset()
    unsaid -= frozenset(stems(person.name)) if person else frozenset()
    if unsaid:
        return None
    days = columns or rota.columns
    if _WHO.match(query.text) and code and person is None and len(columns) == 1:
        lines = [line for line in rota.grid.lines if _code(line, columns[0]) == code]
        names = ", ".join(line.name for line in lines) or "–"
        text = f"{names} ({rota.grid.column_name(columns[0])}: {code} = {rota.legend[code]})."
        return Worked((Statement(text, tuple(row_source(rota.grid, line) for line in lines)),), 1.0) if lines else None
    if person is None:
        return None
    source = (row_source(rota.grid, person),)
    if code and (_HOW_MANY.match(query.text) or _WHEN.match(query.text)):
        on = [rota.grid.column_name(column) for column in days if _code(person, column) == code]
        count = f"{len(on)} " if _HOW_MANY.match(query.text) else ""
        text = f"{count}({code} = {rota.legend[code]}): {', '.join(on) or '–'}."
        return Worked((Statement(f"{person.name}: {text}", source),), 1.0)
    if _WHAT.match(query.text) and code is None and len(columns) == 1 and columns[0] in person.cells:
        cell = _code(person, columns[0])
        text = f"{person.name}, {rota.grid.column_name(columns[0])}: {cell} = {rota.legend[cell]}."
        return Worked((Statement(text, source),), 1.0)
    return None


def _code(line: Line, column: int) -> str:
    return line.cells[column].text.strip() if column in line.cells else ""


def _asked_code(query: Query, rota: _Rota) -> str | None:
    """The one code of whose meaning the question says most, by the words that no other code's meaning has as well
    where several have some: "late shop" is not "shop"."""
    scored: list[tuple[int, float, str]] = []
    for code, said in rota.legend.items():
        own = frozenset(term for term in stems(said) if term.isalpha() and term not in _SHIFT)
        prefixes = prefixes_of(query.rarity)
        held = sum(match(term, query.rarity.keys(), prefixes) > 0 for term in own)
        if held:
            scored.append((held, held / len(own), code))
    scored.sort(reverse=True)
    if not scored or (len(scored) > 1 and scored[0][:2] == scored[1][:2]):
        return None
    return scored[0][2]


def _person(query: Query, grid: Grid) -> Line | None:
    """The one row whose name the question says, or a part of it that no other row has."""
    meant = [line for line in grid.lines if shared(query, frozenset(stems(line.name)))]
    whole = [one.line for one in meant_lines(query, grid) if one.by_name and one.strength >= _STRENGTH]
    meant = meant if len(meant) == 1 else whole
    return meant[0] if len(meant) == 1 else None


def _asked_columns(text: str, rota: _Rota) -> tuple[int, ...] | None:
    """The column of the day that the question names, none where it names no day; None where no column is of it."""
    names = {column: rota.grid.column_name(column) for column in rota.columns}
    asked = list(_days_of(text))
    if asked:
        found = [column for column, name in names.items() if any(day in _header_days(name) for day in asked)]
        return tuple(found) if len(found) == 1 else None
    weekdays = {day for day in _DAYS if re.search(rf"\b{day}s?\b", text, re.IGNORECASE)}
    if not weekdays:
        return ()
    found = [
        column
        for column, name in names.items()
        if any(word[:3] in {day[:3] for day in weekdays} for word, _, _ in words(name))
    ]
    return tuple(found) if len(found) == 1 else None


def _days_of(text: str) -> Iterator[tuple[int, int]]:
    """(day, month) of each date of a text."""
    for found in (found for pattern in _DAY_AND_MONTH for found in pattern.finditer(text)):
        month = month_named(found["month"].casefold())
        if month is not None:
            yield int(found["day"]), month
    yield from ((int(found["day"]), int(found["month"])) for found in _IN_HEADER.finditer(text))


def _header_days(name: str) -> list[tuple[int, int]]:
    return list(_days_of(name))


def _time_stems() -> frozenset[str]:
    months = "january february march april may june july august september october november december"
    return frozenset(map(stem, [*_DAYS, *months.split()]))
