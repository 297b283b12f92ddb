"""Parts names of columns that stand as close to each other as words do: "Jan Feb Mar" over three columns of numbers.

A line of names is read as one name over several columns unless its words stand over these columns one by one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from rag.parsers.pdf.layout import Row
from rag.parsers.pdf.page.placed_table import SLACK, Column
from rag.parsers.pdf.page.placement import Placement
from rag.parsers.pdf.tables.stacked_tables import is_value

_SAME_EDGE = 1.5
"""Points by which the edges of names and of what stands below them differ where they are aligned alike."""
_WIDE = 0.6
"""Share of the font's size from which on a space is wider than one between words."""


class _Word(NamedTuple):
    text: str
    x0: float
    x1: float


def with_names_parted(
    rows: Sequence[Row], columns_of: Callable[[Sequence[Row]], list[Column]], place: Placement | None
) -> list[Row]:
    """The rows of a table, where words of names that stand over columns of values of their own are cells.

    ``columns_of`` tells the columns of rows. ``place`` says where the words of fragments lie on the page; without it
    no name is parted.
    """
    values = [row for row in rows if sum(map(is_value, row.cells[1:])) > 1]
    if place is None or not values or len(values) == len(rows):
        return list(rows)
    columns = columns_of(values)
    if len(columns) < 3:
        return list(rows)
    return [row if any(map(is_value, row.cells[1:])) else _parted(row, columns[1:], place) for row in rows]


def _parted(row: Row, columns: Sequence[Column], place: Placement) -> Row:
    cells: list[str] = []
    edges: list[tuple[float, float]] = []
    words: list[_Word] | None = None
    for text, edge in zip(row.cells, row.edges, strict=True):
        over = [column for column in columns if column.holds(edge) > SLACK]
        parts: list[_Word] = []
        if len(over) > 1 and " " in text:
            words = words if words is not None else list(_words(row, place))
            inside = [word for word in words if edge[0] - 1 <= word.x0 and word.x1 <= edge[1] + 1]
            parts = _one_each(inside, over, row.size)
        cells += [part.text for part in parts] or [text]
        edges += [(part.x0, part.x1) for part in parts] or [edge]
    return replace(row, cells=cells, edges=edges) if len(cells) > len(row.cells) else row


def _words(row: Row, place: Placement) -> Iterator[_Word]:
    for fragment in row.fragments:
        for word in fragment.words:
            x0, _, x1, _ = place.place(*word[1:5])
            yield _Word(word[0], x0, x1)


def _one_each(words: Sequence[_Word], columns: Sequence[Column], size: float) -> list[_Word]:
    """The names of columns, one for each; empty where some word stands over several columns or a column has none."""
    names: list[_Word | None] = [None] * len(columns)
    for word in words:
        over = [n for n, column in enumerate(columns) if column.holds((word.x0, word.x1)) > SLACK]
        if len(over) != 1:
            return []
        before = names[over[0]]
        names[over[0]] = word if before is None else _Word(f"{before.text} {word.text}", before.x0, word.x1)
    found = [name for name in names if name is not None]
    if len(found) < len(columns) or any(one.x1 > other.x0 for one, other in pairwise(found)):
        return []
    wide = all(other.x0 - one.x1 > _WIDE * size for one, other in pairwise(found))
    return found if wide or (len(found) > 2 and _aligned(found, columns)) else []


def _aligned(names: Sequence[_Word], columns: Sequence[Column]) -> bool:
    """Whether all names end, begin or have their middle where their columns do."""
    pairs = list(zip(names, columns, strict=True))
    return (
        all(abs(name.x1 - column.right) < _SAME_EDGE for name, column in pairs)
        or all(abs(name.x0 - column.left) < _SAME_EDGE for name, column in pairs)
        or all(abs(name.x0 + name.x1 - column.left - column.right) < 2 * _SAME_EDGE for name, column in pairs)
    )
