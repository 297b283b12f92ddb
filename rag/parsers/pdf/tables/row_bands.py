"""Joins the lines of text that stand in one row of a table, as stripes and lines across the page show its rows."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice, pairwise
from statistics import median
from typing import NamedTuple

from rag.parsers.pdf.layout import Row
from rag.parsers.pdf.page.rulings import Rulings
from rag.parsers.tables.table import kind_of

_EDGE = 3.0
"""Points by which the ends of stripes or lines of one table may differ."""
_MOST_BETWEEN = 3.2
"""Heights of stripes that the row between two of them takes at most."""
_MOST_LINES = 6
_MOST_BANDS = 400
_TIGHT = 1.45
"""Sizes of the font from one line to the next within a cell, at most."""
_LESS = 0.93
"""Share of the height of as many rows below which lines are those of one row."""
_SAME = 1.5
"""Points by which lines of one cell begin apart."""
_LONG_LABEL = 40
"""Characters of a label that is taken to run on where only stripes tell."""


class _Band(NamedTuple):
    """A stretch of the page that is one row of a table. ``sure``: lines on both sides say so."""

    x0: float
    y0: float
    x1: float
    y1: float
    sure: bool


def joined_in_bands(rows: Sequence[Row], rulings: Rulings) -> list[Row]:
    """Returns the rows of a page, where those of one band of a table are one."""
    bands = list(islice(_bands(rows, rulings), _MOST_BANDS))
    if not bands:
        return list(rows)
    joined: list[Row] = []
    groups = [(band, list(group)) for band, group in groupby(rows, lambda row: _band_of(row, bands))]
    single = [band.y1 - band.y0 for band, lines in groups if band is not None and len(lines) == 1]
    usual = median(single) if len(single) > 1 else None
    for band, lines in groups:
        joined += _joined(lines, band, usual) if band is not None and len(lines) > 1 else lines
    return joined


def _bands(rows: Sequence[Row], rulings: Rulings) -> Iterator[_Band]:
    """Yields the stripes of a page, what lies between two of them, and what lies between lines across a table."""
    stripes = _stripes(rulings)
    if len(stripes) > 1:
        yield from stripes
        for one, other in pairwise(stripes):
            alike = abs(one.x0 - other.x0) < _EDGE and abs(one.x1 - other.x1) < _EDGE
            height = max(one.y1 - one.y0, other.y1 - other.y0)
            if alike and 2 < other.y0 - one.y1 < _MOST_BETWEEN * height:
                yield _Band(one.x0, one.y1, one.x1, other.y0, sure=False)
    wide = [line for line in rulings.horizontal if line.end - line.start > 100][:_MOST_BANDS]
    wide.sort(key=lambda line: (round(line.start / _EDGE), round(line.end / _EDGE), line.at))
    for (start, end), group in groupby(wide, lambda line: (round(line.start / _EDGE), round(line.end / _EDGE))):
        heights = [line.at for line in group]
        spaces = [(top, bottom) for top, bottom in pairwise(heights) if bottom - top > 4]
        within = [_lines_between(rows, top, bottom, start * _EDGE, end * _EDGE) for top, bottom in spaces]
        texts = [count for count in within if count]
        # Lines that part groups of rows hold many lines of text, those that part rows a few.
        if len(texts) > 2 and sum(texts) <= 2.5 * len(texts) and sorted(texts)[len(texts) // 2] <= 3:
            for (top, bottom), count in zip(spaces, within, strict=True):
                if 1 < count <= _MOST_LINES:
                    yield _Band(start * _EDGE, top, end * _EDGE, bottom, sure=True)


def _stripes(rulings: Rulings) -> list[_Band]:
    """Filled areas from one side of a table to the other, made of cells that touch."""
    stripes: list[_Band] = []
    for area in sorted(rulings.areas, key=lambda area: (round(area.y0 / 2), area.x0)):
        before = stripes[-1] if stripes else None
        if (
            before is not None
            and abs(before.y0 - area.y0) < 2
            and abs(before.y1 - area.y1) < 2
            and (area.x0 - before.x1 < _EDGE)
        ):
            stripes[-1] = before._replace(x1=max(before.x1, area.x1))
        else:
            stripes.append(_Band(*area, sure=False))
    return [stripe for stripe in stripes if stripe.x1 - stripe.x0 > 100 and stripe.y1 - stripe.y0 < 120]


def _lines_between(rows: Sequence[Row], top: float, bottom: float, left: float, right: float) -> int:
    return sum(top < (row.y0 + row.y1) / 2 < bottom and row.x1 > left and row.x0 < right for row in rows)


def _band_of(row: Row, bands: Sequence[_Band]) -> _Band | None:
    if row.table is not None or row.answer:
        return None
    y = (row.y0 + row.y1) / 2
    over = [band for band in bands if band.y0 < y < band.y1 and band.x0 - _EDGE < row.x0 and row.x1 < band.x1 + _EDGE]
    return min(over, key=lambda band: band.y1 - band.y0, default=None)


def _joined(lines: list[Row], band: _Band, usual: float | None) -> list[Row]:
    """``usual`` is the height of a row of one line."""
    tight = None if usual is None else band.y1 - band.y0 < _LESS * len(lines) * usual
    if len(lines) > _MOST_LINES or not _is_one_row(lines, sure=band.sure, tight=tight):
        return lines
    whole = lines[0]
    for line in lines[1:]:
        whole = _with(whole, line)
    return [whole]


def _is_one_row(lines: Sequence[Row], *, sure: bool, tight: bool | None) -> bool:
    """Whether lines in one band are wrapped text of its cells rather than rows; ``tight``: whether they stand closer
    than rows do."""
    for one, other in pairwise(lines):
        if one.column != other.column or abs(one.size - other.size) > 0.25 * other.size:
            return False
        if other.y0 - one.y0 > _TIGHT * max(one.size, other.size) + 1 and not _level(one, other):
            return False
        for text, edges in zip(one.cells, one.edges, strict=True):
            for below, place in zip(other.cells, other.edges, strict=True):
                if _overlap(edges, place) > 0 and _is_value(text) and _is_value(below):
                    return False
    several = [line for line in lines if len(line.cells) > 1]
    if not several:
        return False
    first = lines[0]
    if sure:
        return True
    if len(first.cells) == 1 and len(several[0].cells) > 1:
        # "Current assets:" over "Cash" is a heading of rows, a long label over its end is one row.
        under = next((line for line in lines[1:] if line.x0 < first.x1), None)
        if under is None:
            return _level(first, lines[1])
        if first.text.endswith((":", "—")):
            return False
        if tight is not None:
            return tight
        long = len(first.text) >= _LONG_LABEL or under.text[:1].islower()
        return long and under.x0 < first.x0 + _SAME
    return len(several) == 1 or sum(map(_has_values, several)) < 2


def _level(one: Row, other: Row) -> bool:
    """Whether two lines overlap in height: a value in the middle beside a label of two lines."""
    return other.y0 < one.y1 - 0.2 * one.size


def _has_values(row: Row) -> bool:
    return any(map(_is_value, row.cells[1:]))


def _is_value(text: str) -> bool:
    return kind_of(text) in ("number", "year", "date")


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return min(one[1], other[1]) - max(one[0], other[0])


def _with(row: Row, line: Row) -> Row:
    """The row with a further line of text in its cells."""
    cells, edges = list(row.cells), list(row.edges)
    for text, place in zip(line.cells, line.edges, strict=True):
        over = [at for at, other in enumerate(edges) if _overlap(place, other) > 0]
        if over:
            at = max(over, key=lambda at: _overlap(place, edges[at]))
            cells[at] = f"{cells[at]}\n{text}"
            edges[at] = min(edges[at][0], place[0]), max(edges[at][1], place[1])
        else:
            at = bisect_left(edges, place)
            cells.insert(at, text)
            edges.insert(at, place)
    return replace(
        row, cells=cells, edges=edges, y0=min(row.y0, line.y0), y1=max(row.y1, line.y1), bold=row.bold and line.bold
    )
