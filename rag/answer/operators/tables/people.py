"""Tells which column of a table says who: by its name, or by cells that look like names of people."""

import re
from collections.abc import Callable, Sequence

from rag.answer.operators.tables.grid import Grid
from rag.text.english_words import is_english_word
from rag.text.normal import fold

_ROLE = re.compile(
    r"\b(?:who|whom|owner|holder|mechanic|[a-z]+(?:ed|en)[ _]by|responsib\w+|in charge|lead|leader|contact|"
    r"person|people|name|teacher|tutor|coach|trainer|captain|skipper|keeper|author|artist|"
    r"doctor|driver|host|speaker|chair|assignee|assigned to|organi[sz]er|"
    r"volunteer|member|player|staff|employee|manager|borrower|customer|client|tenant|supplier|winner|on call|stand-in|"
    r"company|firm|organi[sz]ation|team|club|band|party)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\b(?:place|town|city|country|address|route|from|to|station|hotel|venue|where)\b", re.IGNORECASE)
_TITLE = r"(?:(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Rev|Herr|Frau)\.? )"
_WORD = r"(?:[^\W\d_a-z][\w’'-]*\.?|de|da|van|von|der|den|la|le|al|bin|ter)"
_NAME = re.compile(rf"{_TITLE}?{_WORD}(?: {_WORD}){{0,4}}(?: \([^()\d]+\))?")
_AND = re.compile(r"\s*(?:,|;|/|&|\+|\band\b|\bund\b)\s*")
_MOST = 0.6  # share of the cells that must look like names


def columns_of_people(grid: Grid) -> list[int]:
    """The columns that say who, in order: those that are called so and hold no numbers, else those of names."""
    columns = range(len(grid.columns))
    texts = {column: _texts(grid, column) for column in columns}
    wordy = [column for column in columns if texts[column] and _share(texts[column], _has_no_digit) >= _MOST]
    called = [column for column in wordy if _ROLE.search(grid.column_name(column))]
    if called:
        return called
    named = [column for column in wordy if not _PLACE.search(grid.column_name(column))]
    return [
        column for column in named if _share(texts[column], _is_full_name) >= _MOST and _is_no_phrase(texts[column])
    ]


def _texts(grid: Grid, column: int) -> list[str]:
    if column == 0:
        return [line.name for line in grid.lines if line.name]
    return [line.cells[column].text for line in grid.lines if column in line.cells and line.cells[column].text]


def _share(texts: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, texts)) / len(texts)


def _has_no_digit(text: str) -> bool:
    return not any(map(str.isdigit, text))


def _is_full_name(text: str) -> bool:
    """Whether a text is one or more names of two words and more."""
    return all(_NAME.fullmatch(name) and " " in name for name in _AND.split(text) if name)


def _is_no_phrase(texts: Sequence[str]) -> bool:
    """Whether a word of some texts is no English word: titles have capitals as well."""
    return any(not is_english_word(fold(word.strip(".,"))) for text in texts for word in text.split())
