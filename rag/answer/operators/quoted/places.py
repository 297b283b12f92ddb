"""Tells who came first, second or last in a table of results: "who won the race?" -> the row whose place is 1."""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.grid import Grid, Line
from rag.answer.operators.tables.matching import in_front, share, shared
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.protocols import Embedder
from rag.text.words import stems
from rag.types import Query

_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = rf"(?P<ordinal>{'|'.join(_PLACES)}|last)"
_ASKS = re.compile(
    r"^\W*(?:and )?(?:who|which|what)\b.*?(?:\bwon\b|\bwins\b|\bwinner\b"
    rf"|\b(?:came|come|finished|was|is|took) (?:in )?(?:the )?{_ORDINAL}\b(?: place)?)",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"(?:place|rank|ranking|position|pos\.?|platz|rang)", re.IGNORECASE)
_BY_FORM = frozenset(stems(f"won win wins winner came come finished place took {' '.join(_PLACES)} last"))
_COVERED = 0.6  # share of the question that the table must account for
_LEAST_ROWS = 2


def find_place(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """The row of that place; None for other questions and tables without places."""
    asked = _ASKS.match(query.text)
    if asked is None:
        return None
    for grid in grids:
        said = shared(query, in_front(grid)) | (_BY_FORM & query.rarity.keys())
        if query.names - said or share(query, said) < _COVERED:
            continue
        places = _places(grid)
        if places:
            place = max(places) if asked["ordinal"] == "last" else _number(asked["ordinal"])
            if place in places:
                line = places[place]
                cells = "; ".join(f"{grid.column_name(column)}: {cell.text}" for column, cell in line.cells.items())
                text = f"{grid.called(line)} ({cells})."
                return Worked((Statement(text, (row_source(grid, line),)),), share(query, said))
    return None


def _number(ordinal: str | None) -> int:
    return _PLACES.index(ordinal.lower()) + 1 if ordinal else 1


def _places(grid: Grid) -> dict[int, Line]:
    """The rows by their place; empty where no column holds one place for each row."""
    for column, name in enumerate(grid.columns):
        if not _COLUMN.fullmatch(name.strip()):
            continue
        texts = [_text(line, column) for line in grid.lines]
        numbers = [int(text.rstrip(".")) for text in texts if text.rstrip(".").isdecimal()]
        if len(numbers) == len(grid.lines) == len(set(numbers)) >= _LEAST_ROWS and min(numbers) == 1:
            return dict(zip(numbers, grid.lines, strict=True))
    return {}


def _text(line: Line, column: int) -> str:
    return line.name if column == 0 else line.cells[column].text if column in line.cells else ""
