"""Tells the two rows that a comparison means by the words of its two sides: "is the jetty dearer than the glazing?"."""

import re
from itertools import pairwise

from rag.answer.operators.tables.choosing import is_total
from rag.answer.operators.tables.grid import Grid
from rag.answer.operators.tables.matching import Meant, around, is_narrowed
from rag.text.words import stem, stems, words
from rag.types import Query

OR_THAN = re.compile(r"\b(?:or|than)\b", re.IGNORECASE)
_JOINED = re.compile(r"\bthan\b|\b(?:vs\.?|versus)(?=\W)|\s\+\s|\bplus\b|\band\b|\bor\b", re.IGNORECASE)
_COMPARING = frozenset(stems("together altogether combined both cost costs more less expensive cheap heavy long than"))


def sides_of(query: Query, grid: Grid) -> list[Meant]:
    """The two rows of which each side of "than" or "or" says words that no other row has: "is the jetty dearer than the
    glazing?" of "Jetty" and "Lantern glazing"."""
    at = next(OR_THAN.finditer(query.text), None)
    return _beside(query, grid, at) if at is not None else []


def joined_sides_of(query: Query, grid: Grid) -> list[Meant]:
    """The same for the two rows of a sum or difference, at the first "+", "vs", "and" or "than" that parts two rows:
    "scaffold + glazing together" of "Scaffold and access" and "Lantern glazing"."""
    return next((found for at in _JOINED.finditer(query.text) if (found := _beside(query, grid, at))), [])


def _beside(query: Query, grid: Grid, at: re.Match[str]) -> list[Meant]:
    found: list[Meant] = []
    for side in (query.text[: at.start()], query.text[at.end() :]):
        wanted = frozenset(stems(side)) & query.rarity.keys()
        lines = [line for line in grid.lines if wanted & frozenset(stems(line.name)) and not is_total(grid, line)]
        if len(lines) != 1:
            return []
        own = wanted & frozenset(stems(lines[0].name))
        if is_narrowed(query, grid, lines[0], own) or _goes_on_unsaid(query, grid, own):
            return []
        found.append(Meant(lines[0], 1.0, own))
    return found if found[0].line is not found[1].line else []


def _goes_on_unsaid(query: Query, grid: Grid, own: frozenset[str]) -> bool:
    """Whether a word that the table does not know stands right behind those of a row: "the city car" is no "City
    scooter"."""
    known = frozenset(stems(" ".join([*grid.columns, *(line.name for line in grid.lines)]))) | around(grid)
    spoken = [(stem(word), start, end) for word, start, end in words(query.text)]
    return any(
        one in own and other in query.rarity and other not in known and query.text[end:start] == " " and _is_noun(other)
        for (one, _, end), (other, start, _) in pairwise(spoken)
    )


def _is_noun(term: str) -> bool:
    """Whether a word behind a name may go on with it: no comparative, no verb that compares."""
    return not term.endswith("er") and term not in _COMPARING
