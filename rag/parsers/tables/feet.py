"""Reads the lines under a table in plain text that begin in its right half: "Net  301.00", "VAT 19% 57.19", "Total".

They name a sum and give it, and keep to no columns but the one of their number.
"""

import re
from collections.abc import Iterator, Sequence

Placed = tuple[int, int, list[tuple[int, int, int]]]
"""Start and end of a line, and start, end and column of its cells."""

_FOOT = re.compile(r"\s*(?P<label>[^\W\d_][^\n]*?)\s+(?P<value>[$€£]?[-+]?\d[\d.,'’]*(?: ?(?:[€$£%]|[A-Z]{3}))?)\s*")
_LEAST_ROWS = 3  # of the table above, its header among them


def feet_of(text: str, rows: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The lines at the end that begin in the right half of the table, each with a name and a number, where most
    lines above end in a number."""
    width = max((len(text[one:other].rstrip()) for one, other in rows), default=0)
    found: list[tuple[int, int]] = []
    for one, other in reversed(rows):
        line = text[one:other]
        if len(line) - len(line.lstrip()) < width / 2 or _FOOT.fullmatch(line) is None:
            break
        found.append((one, other))
    body = [text[one:other].split() for one, other in rows[1 : len(rows) - len(found)]]
    numbers = sum(words[-1].lstrip("$€£+-")[:1].isdigit() and len(words) > 2 for words in body if words)
    yield from found if len(body) + 1 >= _LEAST_ROWS and numbers > len(body) / 2 else ()


def foot_in(text: str, line: Placed, columns: Sequence[tuple[int, int]], placed: Sequence[Placed]) -> Placed:
    """A foot with its name in the column that says what the rows are about, and its number in the last column."""
    one, other, cells = line
    foot = _FOOT.fullmatch(text, one, other)
    named = _column_of_names(text, len(columns), placed)
    last = len(columns) - 1
    if foot is None or named == last:
        return one, other, cells
    return one, other, [(*foot.span("label"), named), (*foot.span("value"), last)]


def _column_of_names(text: str, count: int, placed: Sequence[Placed]) -> int:
    """The first column with letters in most of its cells below the header, the first where none has."""
    for column in range(count):
        cells = [text[first:last] for _, _, row in placed[1:] for first, last, at in row if at == column]
        if cells and sum(any(map(str.isalpha, cell)) for cell in cells) > len(cells) / 2:
            return column
    return 0
