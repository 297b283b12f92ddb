"""Finds the cells of a table whose text is the file's own: lines with bars between the cells, as in Markdown, with tabs
or semicolons, or with the cells of a column below each other.
"""

import re
from collections import Counter
from collections.abc import Sequence

from rag.parsers.tables.feet import Placed, feet_of, foot_in
from rag.parsers.tables.table import Cell, Grid, Table
from rag.text.table_spans import TableRow, TableSpans

_LINE = re.compile(r"[^\r\n]+")
_RULE = re.compile(r"[\s|:+=\-─-╿]+")
_CELL = re.compile(r"(?:\\.|[^|\\])+")  # a bar behind a backslash is none
_BOX_CELL = re.compile(r"[^│┃║]+")
_PARTED = {"\t": re.compile(r"[^\t]+"), ";": re.compile(r"[^;]+")}
_RULE_RUN = re.compile(r"[=~-]{2,}")
_LONGEST_LINE = 10_000
_LEAST_ROWS = 3
_LEAST_FULL = 0.6  # of the rows with several cells
_MOST_CELL_CHARS = 60  # on average, of a column in aligned text: longer ones are columns of prose


def spans_of_lines(text: str, start: int, end: int) -> TableSpans | None:
    """Returns the table with bars in ``text[start:end]``: a line a row, the first the header; a rule of dashes goes
    with the row above. None where no line holds a cell."""
    return _spans(text, _lines(text, start, end, "|", _CELL), header_rows=1)


def spans_of_plain_lines(text: str, start: int, end: int) -> TableSpans | None:
    """Returns the table that lines of plain text are, None where they are none."""
    body = text[start:end]
    lines = [line for line in body.splitlines() if line.strip() and not _RULE.fullmatch(line)]
    if len(lines) < 2:
        return None
    for bar, cell in (("|", _CELL), ("│", _BOX_CELL), ("║", _BOX_CELL)):
        if all(line.count(bar) >= 1 + (line.strip()[:1] == bar) for line in lines):
            ruled = len(lines) < len(body.splitlines())
            if ruled or len({line.count(bar) for line in lines}) == 1:
                return _spans(text, _lines(text, start, end, bar, cell), header_rows=1 if ruled else None)
    for mark, cell in _PARTED.items():
        counts = {line.count(mark) for line in lines}
        if len(lines) >= _LEAST_ROWS and len(counts) == 1 and min(counts) > (mark == ";"):
            return _spans(text, _lines(text, start, end, mark, cell), header_rows=None)
    return _aligned(text, start, end) if len(lines) >= _LEAST_ROWS else None


def _aligned(text: str, start: int, end: int) -> TableSpans | None:
    """Returns the table whose columns stand below each other with at least two spaces between them."""
    begin = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1  # the first line's indentation
    lines = [match.span() for match in _LINE.finditer(text, begin, end) if match[0].strip()]
    rows = [(one, other) for one, other in lines if not _RULE.fullmatch(text, one, other)]
    if any("\t" in text[one:other] for one, other in rows):
        return None
    feet = frozenset(feet_of(text, rows))
    columns = _ruled_columns(text, lines) or _shared_columns(text, [row for row in rows if row not in feet])
    if len(columns) < 2:
        return None
    placed: list[Placed] = []
    for one, other in rows:
        cells = [
            (*_trimmed(text, min(one + first, other), min(one + last, other)), column)
            for column, (first, last) in enumerate(columns)
        ]
        filled = [cell for cell in cells if cell[0] < cell[1]]
        placed.append((*_trimmed(text, one, other), filled))
    placed = [
        foot_in(text, line, columns, placed) if row in feet else line for row, line in zip(rows, placed, strict=True)
    ]
    several = sum(len(cells) > 1 for _, _, cells in placed)
    lengths = Counter[int]()
    for _, _, cells in placed:
        for first, last, column in cells:
            lengths[column] += last - first
    if several < _LEAST_FULL * len(placed) or len(placed[0][2]) < 2:
        return None
    if max(lengths.values()) > _MOST_CELL_CHARS * len(placed):
        return None
    return _spans(text, placed, header_rows=None)


def _ruled_columns(text: str, lines: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where a rule with gaps says that columns stand: "=====  ====". The last one goes on to the end of the line."""
    for one, other in lines:
        runs = [run.span() for run in _RULE_RUN.finditer(text[one:other])]
        if len(runs) > 1 and not text[one:other].strip("=-~ "):
            ends = [start for start, _ in runs[1:]] + [_LONGEST_LINE]
            return [(start, end) for (start, _), end in zip(runs, ends, strict=True)]
    return []


def _shared_columns(text: str, rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where some line has text, with at least two places between that are blank in every line."""
    width = max(other - one for one, other in rows)
    used = [any(at < other - one and text[one + at] != " " for one, other in rows) for at in range(width)]
    columns: list[tuple[int, int]] = []
    for at, full in enumerate(used):
        if not full:
            continue
        if columns and at - columns[-1][1] < 2:
            columns[-1] = columns[-1][0], at + 1
        else:
            columns.append((at, at + 1))
    return columns


def _lines(text: str, start: int, end: int, mark: str, pattern: re.Pattern[str]) -> list[Placed]:
    """The rows with a mark between their cells. A rule goes with the row above; one above the first row stays out."""
    lines: list[Placed] = []
    for line in _LINE.finditer(text, start, end):
        first, last = _trimmed(text, *line.span(), tabs=mark != "\t")
        if first == last:
            continue
        if _RULE.fullmatch(text, first, last):
            if lines:
                lines[-1] = (lines[-1][0], last, lines[-1][2])
        else:
            lines.append((first, last, _cells(text, first, last, mark, pattern)))
    return lines


def _spans(text: str, lines: Sequence[Placed], header_rows: int | None) -> TableSpans | None:
    cells = [Cell(text[one:other], at, column) for at, line in enumerate(lines) for one, other, column in line[2]]
    if not cells:
        return None
    grid = Grid.of(Table(cells, header_rows=header_rows))
    made = [
        TableRow(first, last, tuple(_places(first, placed)), at < grid.lead + grid.header_rows)
        for at, (first, last, placed) in enumerate(lines)
        if placed
    ]
    return TableSpans(grid.columns, grid.name_columns, tuple(made))


def _cells(text: str, start: int, end: int, mark: str, pattern: re.Pattern[str]) -> list[tuple[int, int, int]]:
    """Start, end and column of each cell of a line that has text."""
    found: list[tuple[int, int, int]] = []
    column, position = 0, start + (mark in "|│║" and text[start] == mark)
    while position < end:
        cell = pattern.match(text, position, end)
        stop = cell.end() if cell else position
        one, other = _trimmed(text, position, stop)
        if one < other:
            found.append((one, other, column))
        column, position = column + 1, stop + 1
    return found


def _places(start: int, cells: list[tuple[int, int, int]]) -> list[int]:
    return [number for one, other, column in cells for number in (one - start, other - one, column)]


def _trimmed(text: str, start: int, end: int, *, tabs: bool = True) -> tuple[int, int]:
    while start < end and text[start].isspace() and (tabs or text[start] != "\t"):
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
