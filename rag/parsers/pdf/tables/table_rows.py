"""Tells which rows of a page are those of one table: several cells whose edges line up, the lines of names above them,
and names without values between them.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from rag.parsers.pdf.layout import Row
from rag.parsers.pdf.tables.stacked_tables import is_value

UNITS = re.compile(r"\([^()]{3,120}\)")
"""What may be said of a table's units: "(In millions)"."""
LARGER = 1.14
"""Times the size of other text from which on a line is larger than that."""

_MOST_LABELS = 6
"""Rows of a table one below the other that are names without values."""
_SHORT_LABEL = 40


def stands_over_table(rows: list[Row], index: int, start: int) -> bool:
    """Tells whether a line with one cell ("Three months ended") stands over the columns to the right of a table's
    labels.
    """
    row = rows[index]
    below = next((other for other in rows[index + 1 : start + 4] if len(other.cells) > 1), None)
    if len(row.cells) != 1 or below is None or below.column != row.column:
        return False
    labels = next((other for other in rows[index + 1 : index + 8] if other.x0 < below.x0 - 20), below)
    far_right = row.x0 > labels.x0 + 0.25 * (below.x1 - labels.x0)
    return far_right and row.x1 > below.x0 and rows[index + 1].y0 - row.y1 < 1.5 * row.size


def units_above(rows: list[Row], start: int) -> int:
    """Where a table begins whose units ("(In millions)") stand in brackets right above it, at most one more line
    between; ``start`` where there are none."""
    if len(rows[start].cells) > 1 or not UNITS.fullmatch(rows[start].text):
        return start
    for at in range(start + 1, min(start + 3, len(rows))):
        row, before = rows[at], rows[at - 1]
        if row.column != before.column or row.table is not None or row.y0 - before.y1 > 2 * row.size:
            break
        if len(row.cells) > 1:
            return at
        if abs(row.x0 - before.x0) > row.size or len(row.text) > _SHORT_LABEL:
            break
    return start


def table_end(rows: list[Row], start: int) -> int:
    """Returns where the table that begins at ``start`` ends; ``start`` itself when none does."""
    first = rows[start]
    if len(first.cells) < 2 or first.answer or first.table is not None:
        return start
    if start + 1 < len(rows) and first.size >= LARGER * rows[start + 1].size and not line_up(first, rows[start + 1]):
        return start  # a heading behind its number
    end = start + 1
    several = 1
    aligned = False
    single = 0
    last_several = first
    values = first.edges[1][0]
    while end < len(rows) and rows[end].column == first.column and not rows[end].answer:
        row = rows[end]
        if row.y0 - rows[end - 1].y1 > 2.5 * row.size or row.table is not None:
            break
        if row.size >= LARGER * last_several.size and _is_heading_within(rows, end):
            break
        if len(row.cells) == 1 and _stands_alone(rows, start, end):
            break
        if len(row.cells) >= 2:
            aligned = aligned or line_up(last_several, row)
            several += 1
            single = 0
            last_several = row
            values = min(values, row.edges[1][0])
        elif row.x1 <= values and single < _MOST_LABELS and _leads_on(rows, end, last_several):
            single += 1
        else:
            single += 1
            # A label alone on its line belongs to the table, a line of prose ends it.
            beside = row.x0 > last_several.edges[-1][1] and not _stands_over(rows, end)
            if single > (4 if len(row.text) < _SHORT_LABEL else 2) or len(row.text) > 90 or beside:
                break
        end += 1
    while end > start + 1 and len(rows[end - 1].cells) < 2:
        end -= 1
    return end if several >= 2 and aligned and end - start >= 2 else start


def _stands_over(rows: Sequence[Row], index: int) -> bool:
    """Tells whether a cell of the next rows with several stands right below a row of one."""
    row = rows[index]
    for at in range(index + 1, min(index + 3, len(rows))):
        if rows[at].y0 - rows[at - 1].y1 > row.size or rows[at].column != row.column:
            return False
        if len(rows[at].cells) > 1:
            return any(begin < row.x1 and end > row.x0 for begin, end in rows[at].edges[1:])
    return False


def _stands_alone(rows: Sequence[Row], start: int, index: int) -> bool:
    """Tells whether a row stands further from both its neighbours than the rows of a table do."""
    with_values = sum(any(map(is_value, row.cells[1:])) for row in rows[start:index])
    if with_values < 2 or index + 1 == len(rows):
        return False
    usual = median(other.y0 - one.y1 for one, other in pairwise(rows[start:index]))
    row = rows[index]
    above, below = row.y0 - rows[index - 1].y1, rows[index + 1].y0 - row.y1
    return above > max(0.8 * row.size, 1.5 * usual) and below > max(0.8 * row.size, 1.2 * usual)


def _is_heading_within(rows: Sequence[Row], index: int) -> bool:
    """Tells whether a row that is larger than those above is so alone."""
    row = rows[index]
    following = rows[index + 1] if index + 1 < len(rows) else None
    if len(row.cells) > 1:
        return following is not None and row.size >= LARGER * following.size and not line_up(row, following)
    return following is None or row.size >= LARGER * following.size


def _leads_on(rows: Sequence[Row], index: int, above: Row) -> bool:
    """Tells whether a row of one cell is a name in a table: soon below stand values in the columns of those above."""
    for at in range(index + 1, min(index + _MOST_LABELS, len(rows))):
        row = rows[at]
        if row.column != above.column or row.table is not None or row.y0 - rows[at - 1].y1 > 2.5 * row.size:
            return False
        if len(row.cells) > 1:
            return all(
                any(begin < right and end > left for left, right in above.edges[1:]) for begin, end in row.edges[1:]
            )
    return False


def line_up(one: Row, other: Row) -> bool:
    """Tells whether a cell other than the first ones has an edge or a middle in common."""
    for left, right in one.edges[1:]:
        for begin, end in other.edges[1:]:
            if abs(left - begin) < 4 or abs(right - end) < 6 or abs(left + right - begin - end) < 8:
                return True
    # A header stands over its columns without sharing their edges.
    return any(begin < right and end > left for left, right in one.edges[1:] for begin, end in other.edges[1:])
