"""What an operator says: statements, each with the places it was computed from."""

from dataclasses import dataclass

from rag.answer.operators.tables.grid import Cell, Grid, Line
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
