"""A table of a PDF page with the stretches of the page that its columns take."""

from dataclasses import dataclass, field

from rag.parsers.tables.table import Table

SLACK = 1.0
"""Points that cells of neighbouring columns may overlap."""


@dataclass(slots=True)
class Column:
    """A stretch of the page, and the rows that have a cell in it."""

    left: float
    right: float
    rows: set[int] = field(default_factory=set)

    def take(self, other: "Column") -> None:
        self.left, self.right = min(self.left, other.left), max(self.right, other.right)
        self.rows |= other.rows

    def holds(self, edges: tuple[float, float]) -> float:
        """How much of a cell stands in the column, in points; 0 or less for one beside it."""
        return min(self.right, edges[1]) - max(self.left, edges[0])


@dataclass(frozen=True, slots=True)
class PlacedTable:
    """A table, and where its columns stand on the page. ``ruled``: lines are drawn around its cells."""

    table: Table
    columns: tuple[Column, ...]
    ruled: bool = False

    def goes_on_from(self, other: "PlacedTable") -> bool:
        """Whether the columns stand below those of another table, one by one."""
        pairs = zip(self.columns, other.columns, strict=False)
        return len(self.columns) == len(other.columns) and all(
            one.holds((above.left, above.right)) > SLACK for one, above in pairs
        )
