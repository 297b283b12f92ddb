"""Places the cells of tables whose rows say where their cells end (RTF, Word 97-2003).

A cell that reaches over an edge of another row spans columns there; marks say which cells go on to the left or above.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from rag.parsers.tables.table import Cell, Table

_TOLERANCE = 30  # twips, a twentieth of a point: edges nearer than this are one

Mark = Literal["clmgf", "clmrg", "clvmgf", "clvmrg"]
"""As RTF calls them: the first of merged cells in a row, another of them, the first in a column, another of them."""


class Edge(NamedTuple):
    """The right end of a cell in twips; ``marks`` are its words for merged cells (clmrg goes on to the left, clvmrg
    above)."""

    right: int
    marks: frozenset[Mark]


class RowShape(NamedTuple):
    """Where the cells of a row end, and whether the row repeats as a header."""

    edges: tuple[Edge, ...] = ()
    is_header: bool = False


NO_SHAPE = RowShape()


class TableRow(NamedTuple):
    """What stands in the cells of a row, and its shape; empty where nothing says."""

    texts: Sequence[str]
    shape: RowShape = RowShape()


def table_of(rows: Sequence[TableRow]) -> Table:
    """Places all cells; rows whose edges do not go with their texts count their cells from the left."""
    known = [row for row in rows if row.shape.edges]
    if not known or any(len(row.texts) > len(row.shape.edges) for row in known):
        return Table.of_rows([row.texts for row in rows])
    columns = _columns([edge.right for row in known for edge in row.shape.edges])
    placed: list[Cell] = []
    above: dict[int, int] = {}  # column -> index in ``placed`` of the cell that may go on below
    for at, row in enumerate(rows):
        column = 0
        edges = row.shape.edges or [Edge(columns[min(n, len(columns) - 1)], frozenset()) for n in range(len(row.texts))]
        for text, edge in zip(row.texts, edges, strict=False):
            end = next((n for n, right in enumerate(columns) if edge.right <= right + _TOLERANCE), len(columns) - 1) + 1
            span = max(1, end - column)
            if "clvmrg" in edge.marks and column in above:
                over = placed[above[column]]
                placed[above[column]] = replace(over, rows=at - over.row + 1)
            elif "clmrg" in edge.marks and placed and placed[-1].row == at:
                placed[-1] = replace(placed[-1], columns=placed[-1].columns + span)
            else:
                placed.append(Cell(text, at, column, 1, span))
                above.pop(column, None)
                if "clvmgf" in edge.marks:
                    above[column] = len(placed) - 1
            column += span
    headers = next((at for at, row in enumerate(rows) if not row.shape.is_header), 0)
    return Table(tuple(placed), header_rows=headers or None)


def _columns(edges: Sequence[int]) -> list[int]:
    """The right ends of all columns, in order."""
    columns: list[int] = []
    for edge in sorted(edges):
        if not columns or edge - columns[-1] > _TOLERANCE:
            columns.append(edge)
    return columns
