"""What an operator says: statements, each with the places it was computed from."""

from collections.abc import Set
from dataclasses import dataclass

from rag.answer.operators.tables.grid import Cell, Grid, Line
from rag.text.words import stems
from rag.types import Passage


@dataclass(frozen=True, slots=True)
class Source:
    """``passage.text[start:end]``."""

    passage: Passage
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """``text`` and where its values stand. ``value`` is the source that is the answer itself, if one is."""

    text: str
    sources: tuple[Source, ...]
    value: Source | None = None


@dataclass(frozen=True, slots=True)
class Worked:
    """An answer of one operator; ``strength`` (0 to 1) is how much of the question it accounts for."""

    statements: tuple[Statement, ...]
    strength: float


def row_source(grid: Grid, line: Line) -> Source:
    """A whole row, so that the value is cited with what it is about."""
    return Source(grid.passage, line.start, line.end)


def cell_source(grid: Grid, cell: Cell) -> Source:
    return Source(grid.passage, cell.start, cell.end)


def told_by(grid: Grid, line: Line, said: Set[str], column: int) -> str:
    """What stands in front of a row that is called by a number alone, where another cell than that in ``column`` holds
    what the question says of it: "Holder: Ada Holm; Plot: "."""
    if any(map(str.isalpha, line.name)):
        return ""
    cells = [at for at, cell in line.cells.items() if at != column and not said.isdisjoint(stems(cell.text))]
    if not cells:
        return ""
    name, first = grid.column_name(cells[0]), grid.column_name(0)
    return f"{name}: {line.cells[cells[0]].text}; {first}: " if name and first else ""
