"""Finds the cells of a table whose text is the file's own: lines with bars between the cells, as in Markdown."""

import re

from rag.parsers.table import Cell, Grid, Table
from rag.text.table_spans import TableRow, TableSpans

_LINE = re.compile(r"[^\r\n]+")
_RULE = re.compile(r"[\s|:+=-]+")
_CELL = re.compile(r"(?:\\.|[^|\\])+")  # a bar behind a backslash is none


def spans_of_lines(text: str, start: int, end: int) -> TableSpans | None:
    """Returns the table in ``text[start:end]``: a line a row, the first the header; a rule of dashes goes with the row
    above. None where no line holds a cell."""
    lines: list[tuple[int, int, list[tuple[int, int, int]]]] = []
    for line in _LINE.finditer(text, start, end):
        first, last = _trimmed(text, *line.span())
        if first == last:
            continue
        if _RULE.fullmatch(text, first, last) and lines:
            lines[-1] = (lines[-1][0], last, lines[-1][2])
        else:
            lines.append((first, last, _cells(text, first, last)))
    cells = [Cell(text[one:other], at, column) for at, line in enumerate(lines) for one, other, column in line[2]]
    if not cells:
        return None
    grid = Grid.of(Table(cells, header_rows=1))
    made = [
        TableRow(first, last, tuple(_places(first, placed)), at < grid.header_rows)
        for at, (first, last, placed) in enumerate(lines)
        if placed
    ]
    return TableSpans(grid.columns, grid.name_columns, tuple(made))


def _cells(text: str, start: int, end: int) -> list[tuple[int, int, int]]:
    """Start, end and column of each cell of a line that has text."""
    found: list[tuple[int, int, int]] = []
    column, position = 0, start + (text[start] == "|")
    while position < end:
        cell = _CELL.match(text, position, end)
        stop = cell.end() if cell else position
        one, other = _trimmed(text, position, stop)
        if one < other:
            found.append((one, other, column))
        column, position = column + 1, stop + 1
    return found


def _places(start: int, cells: list[tuple[int, int, int]]) -> list[int]:
    return [number for one, other, column in cells for number in (one - start, other - one, column)]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
