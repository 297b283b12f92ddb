"""Finds the cells of tables that are drawn with lines: every place between lines is a cell, and a line that is missing
makes two places one cell.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rag.parsers.pdf.page.rulings import Line, Rulings

_MEET = 3.0
"""Points by which lines that meet may miss each other, and by which two lines are one border."""
_BEYOND = 8.0
"""Points by which lines reach beyond the outermost ones across them where that border is not drawn."""
_DRAWN = 0.6
"""Share of a cell's side from which on a line is its border."""
_MOST_PLACES = 5_000
_MOST_CROSSINGS = 250_000
_MOST_ROUNDS = 30
"""Of joining places; cells of a table need one or two."""


class Region(NamedTuple):
    """A cell: its first row and column, and how many of them it takes."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class RuledGrid:
    """The borders of a table from left to right and from top to bottom, in points, and its cells."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    regions: tuple[Region, ...]

    def place_of(self, x: float, y: float) -> tuple[int, int] | None:
        """The row and column in which a point lies."""
        if not (self.xs[0] <= x <= self.xs[-1] and self.ys[0] <= y <= self.ys[-1]):
            return None
        return max(0, bisect_left(self.ys, y) - 1), max(0, bisect_left(self.xs, x) - 1)


def ruled_grids(rulings: Rulings) -> list[RuledGrid]:
    """The grids of a page that have at least two rows and two columns, from top to bottom."""
    grids = [grid for lines in _connected(rulings) if (grid := _grid(*lines)) is not None]
    return sorted(grids, key=lambda grid: grid.ys[0])


def _connected(rulings: Rulings) -> Iterator[tuple[list[Line], list[Line]]]:
    """Yields the horizontal and vertical lines that hang together."""
    horizontal, vertical = rulings.horizontal, rulings.vertical
    if not vertical or len(horizontal) < 2 or len(horizontal) * len(vertical) > _MOST_CROSSINGS:
        return
    parents = list(range(len(horizontal) + len(vertical)))
    heights = [line.at for line in horizontal]
    for n, line in enumerate(vertical, len(horizontal)):
        for m in range(bisect_left(heights, line.start - _MEET), len(horizontal)):
            other = horizontal[m]
            if other.at > line.end + _MEET:
                break
            if other.start - _MEET <= line.at <= other.end + _MEET:
                parents[_root(parents, m)] = _root(parents, n)
    groups: dict[int, tuple[list[Line], list[Line]]] = {}
    for n in range(len(parents)):
        lines = groups.setdefault(_root(parents, n), ([], []))
        if n < len(horizontal):
            lines[0].append(horizontal[n])
        else:
            lines[1].append(vertical[n - len(horizontal)])
    yield from (lines for lines in groups.values() if lines[1] and len(lines[0]) > 1)


def _root(parents: list[int], n: int) -> int:
    while parents[n] != n:
        parents[n] = parents[parents[n]]
        n = parents[n]
    return n


def _grid(horizontal: Sequence[Line], vertical: Sequence[Line]) -> RuledGrid | None:
    ys, floors = _borders(horizontal, vertical)
    xs, walls = _borders(vertical, horizontal)
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 2 or columns < 2 or rows * columns > _MOST_PLACES:
        return None
    parents = list(range(rows * columns))
    for row in range(rows):
        for column in range(columns):
            place = row * columns + column
            if column + 1 < columns and not _covers(walls[column + 1], ys[row], ys[row + 1]):
                parents[_root(parents, place)] = _root(parents, place + 1)
            if row + 1 < rows and not _covers(floors[row + 1], xs[column], xs[column + 1]):
                parents[_root(parents, place)] = _root(parents, place + columns)
    regions = _rectangles(parents, rows, columns)
    return RuledGrid(tuple(xs), tuple(ys), regions) if regions else None


def _borders(lines: Sequence[Line], across: Sequence[Line]) -> tuple[list[float], list[list[Line]]]:
    """The places of borders and the lines in each. Where lines across reach further, the outermost border is there
    though it is not drawn."""
    places: list[float] = []
    at: list[list[Line]] = []
    for line in sorted(lines):
        if places and line.at - places[-1] <= _MEET:
            at[-1].append(line)
        else:
            places.append(line.at)
            at.append([line])
    first, last = min(line.start for line in across), max(line.end for line in across)
    if first < places[0] - _BEYOND:
        places.insert(0, first)
        at.insert(0, [])
    if last > places[-1] + _BEYOND:
        places.append(last)
        at.append([])
    return places, at


def _covers(lines: Sequence[Line], start: float, end: float) -> bool:
    drawn = sum(max(0.0, min(line.end, end) - max(line.start, start)) for line in lines)
    return drawn >= _DRAWN * (end - start)


def _rectangles(parents: list[int], rows: int, columns: int) -> tuple[Region, ...]:
    """The cells; places that hang together in another shape make the rectangle around them. Empty for a drawing."""
    for _ in range(_MOST_ROUNDS):
        boxes: dict[int, list[int]] = {}
        for place in range(rows * columns):
            row, column = divmod(place, columns)
            box = boxes.setdefault(_root(parents, place), [row, column, row, column])
            box[2], box[1], box[3] = row, min(box[1], column), max(box[3], column)
        grown = False
        for root, (top, left, bottom, right) in boxes.items():
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    other = _root(parents, row * columns + column)
                    if other != _root(parents, root):
                        parents[other] = _root(parents, root)
                        grown = True
        if not grown:
            return tuple(Region(box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1) for box in boxes.values())
    return ()
