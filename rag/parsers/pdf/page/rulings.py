"""Reads the lines and filled areas that a page draws, for they are the borders of tables.

A line may be a stroke, a side of a stroked rectangle or a thin filled one; pieces in one line that touch are joined.
Coordinates are those of the page's fragments. The caller holds ``rag.parsers.pdf.page.open_pdf.LOCK``.
"""

import ctypes
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.pdfium_calls import address_of, by_address
from rag.parsers.pdf.page.placement import Placement

_THIN = 3.0
"""Points; a filled area no wider is a line."""
_SHORTEST = 5.0
"""Points; a shorter line is a mark or a part of a letter, once pieces are joined."""
_TOUCH = 2.5
"""Points between pieces of one line: dots and dashes, the borders of neighbouring cells."""
_SAME = 1.2
"""Points by which pieces of one line are off each other."""
_MOST_OBJECTS = 50_000
_MOST_SEGMENTS = 600
"""Of one path; a drawing has more."""
_RECTANGLE = 5
"""Segments of one: a corner and the lines to the next ones and back."""
_MOST_LINES = 3_000
_DEPTH = 3

_TEXT = pdfium_c.FPDF_PAGEOBJ_TEXT
_Matrix = tuple[float, float, float, float, float, float]
_UNTURNED: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

_four_numbers = struct.Struct("4f").unpack_from
_count = by_address("FPDFPage_CountObjects", ctypes.c_int, ctypes.c_void_p)
_object = by_address("FPDFPage_GetObject", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_form_count = by_address("FPDFFormObj_CountObjects", ctypes.c_int, ctypes.c_void_p)
_form_object = by_address("FPDFFormObj_GetObject", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)
_kind = by_address("FPDFPageObj_GetType", ctypes.c_int, ctypes.c_void_p)
_bounds = by_address("FPDFPageObj_GetBounds", ctypes.c_int, *[ctypes.c_void_p] * 5)
_matrix = by_address("FPDFPageObj_GetMatrix", ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_draw_mode = by_address("FPDFPath_GetDrawMode", ctypes.c_int, *[ctypes.c_void_p] * 3)
_fill_colour = by_address("FPDFPageObj_GetFillColor", ctypes.c_int, *[ctypes.c_void_p] * 5)
_segments = by_address("FPDFPath_CountSegments", ctypes.c_int, ctypes.c_void_p)
_segment = by_address("FPDFPath_GetPathSegment", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_point = by_address("FPDFPathSegment_GetPoint", ctypes.c_int, *[ctypes.c_void_p] * 3)
_segment_kind = by_address("FPDFPathSegment_GetType", ctypes.c_int, ctypes.c_void_p)


class Line(NamedTuple):
    """A line at ``at`` (y of a horizontal one, x of a vertical one) from ``start`` to ``end``."""

    at: float
    start: float
    end: float


class Area(NamedTuple):
    """A filled rectangle."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(slots=True)
class Rulings:
    """The lines of a page, sorted by ``at``, and its filled areas."""

    horizontal: list[Line] = field(default_factory=list)
    vertical: list[Line] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)


def read_rulings(page: pdfium.PdfPage, place: Placement) -> Rulings:
    """Returns what one page draws."""
    drawn = _Drawn(place)
    drawn.read_page(page)
    across, down = place.width, place.height
    areas = {area for area in drawn.areas if area.y1 - area.y0 < 0.6 * down or area.x1 - area.x0 < 0.6 * across}
    return Rulings(_joined(drawn.horizontal), _joined(drawn.vertical), sorted(areas, key=lambda area: area.y0))


class _Drawn:
    """Collects pieces of lines and filled areas."""

    def __init__(self, place: Placement) -> None:
        self.horizontal: list[Line] = []
        self.vertical: list[Line] = []
        self.areas: list[Area] = []
        self._place = place
        self._numbers = (ctypes.c_float * 6)()
        start, size = ctypes.addressof(self._numbers), ctypes.sizeof(ctypes.c_float)
        self._parts = [start + size * n for n in range(6)]
        self._modes = (ctypes.c_int * 2)()
        modes = ctypes.addressof(self._modes)
        self._mode_parts = (modes, modes + ctypes.sizeof(ctypes.c_int))
        self._colour = (ctypes.c_uint * 4)()
        colour = ctypes.addressof(self._colour)
        self._colour_parts = [colour + ctypes.sizeof(ctypes.c_uint) * n for n in range(4)]

    def read_page(self, page: pdfium.PdfPage) -> None:
        address = address_of(page.raw)
        self._read(address, _object, _count(address), _UNTURNED, 0)

    def _read(self, holder: int, item_of: Callable[[int, int], int], count: int, matrix: _Matrix, depth: int) -> None:
        for n in range(min(count, _MOST_OBJECTS)):
            item = item_of(holder, n)
            kind = _kind(item)
            if kind == _TEXT:
                continue
            if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
                self._read_path(item, matrix)
            elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < _DEPTH:
                inner = matrix
                if _matrix(item, self._parts[0]):
                    inner = _multiplied(tuple(self._numbers), matrix)
                self._read(item, _form_object, _form_count(item), inner, depth + 1)

    def _read_path(self, item: int, matrix: _Matrix) -> None:
        if len(self.horizontal) + len(self.vertical) + len(self.areas) > 4 * _MOST_LINES:
            return
        if not _draw_mode(item, *self._mode_parts) or not _bounds(item, *self._parts[:4]):
            return
        filled, stroked = self._modes[0] != pdfium_c.FPDF_FILLMODE_NONE, bool(self._modes[1])
        x0, y0, x1, y1 = _four_numbers(self._numbers)
        if not filled and not stroked:
            return
        if filled and not stroked and _fill_colour(item, *self._colour_parts) and self._colour[3] == 0:
            return
        if x1 - x0 <= _THIN or y1 - y0 <= _THIN:
            self._add(x0, y0, x1, y1, matrix)
            return
        segments = _segments(item)
        if not stroked and segments == _RECTANGLE:
            self._add(x0, y0, x1, y1, matrix)
            return
        if segments > _MOST_SEGMENTS:
            return
        for points, closed in self._subpaths(item):
            if stroked:
                pairs = [*pairwise(points)] + ([(points[-1], points[0])] if closed else [])
                for (ax, ay), (bx, by) in pairs:
                    if abs(ax - bx) <= 0.6 or abs(ay - by) <= 0.6:
                        self._add(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), self._in_page(item, matrix))
            elif _is_rectangle(points):
                xs, ys = [x for x, _ in points], [y for _, y in points]
                self._add(min(xs), min(ys), max(xs), max(ys), self._in_page(item, matrix))

    def _in_page(self, item: int, matrix: _Matrix) -> _Matrix:
        """Points of a path are its own; its matrix brings them onto the page."""
        if _matrix(item, self._parts[0]):
            return _multiplied(tuple(self._numbers), matrix)
        return matrix

    def _subpaths(self, item: int) -> Iterator[tuple[list[tuple[float, float]], bool]]:
        """Yields the corners of each part that is made of straight lines, and whether it is closed."""
        points: list[tuple[float, float]] = []
        straight = closed = True
        for n in range(_segments(item)):
            segment = _segment(item, n)
            kind = _segment_kind(segment)
            _point(segment, *self._parts[:2])
            x, y = self._numbers[0], self._numbers[1]
            if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
                if straight and len(points) > 1:
                    yield points, closed
                points, straight, closed = [], True, False
            elif kind != pdfium_c.FPDF_SEGMENT_LINETO:
                straight = False
            points.append((x, y))
            closed = closed or bool(pdfium_c.FPDFPathSegment_GetClose(ctypes.cast(segment, pdfium_c.FPDF_PATHSEGMENT)))
        if straight and len(points) > 1:
            yield points, closed

    def _add(self, x0: float, y0: float, x1: float, y1: float, matrix: _Matrix) -> None:
        if matrix is not _UNTURNED:
            a, b, c, d, e, f = matrix
            corners = [(a * x + c * y + e, b * x + d * y + f) for x, y in ((x0, y0), (x1, y1))]
            (x0, x1), (y0, y1) = sorted(x for x, _ in corners), sorted(y for _, y in corners)
        x0, y0, x1, y1 = self._place.place(x0, y0, x1, y1)
        width, height = x1 - x0, y1 - y0
        if height <= _THIN and height <= width:
            self.horizontal.append(Line((y0 + y1) / 2, x0, x1))
        elif width <= _THIN:
            self.vertical.append(Line((x0 + x1) / 2, y0, y1))
        else:
            self.areas.append(Area(x0, y0, x1, y1))


def _multiplied(one: _Matrix, other: _Matrix) -> _Matrix:
    if other is _UNTURNED:
        return one
    a, b, c, d, e, f = one
    p, q, r, s, t, u = other
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def _is_rectangle(points: list[tuple[float, float]]) -> bool:
    return 4 <= len(points) <= 6 and all(
        abs(ax - bx) <= 0.6 or abs(ay - by) <= 0.6 for (ax, ay), (bx, by) in pairwise(points)
    )


def _joined(pieces: list[Line]) -> list[Line]:
    """Joins pieces that lie in one line and touch."""
    joined: list[Line] = []
    level: list[Line] = []
    for piece in sorted(pieces):
        if level and piece.at - level[-1].at > _SAME:
            joined += _along(level)
            level = []
        level.append(piece)
    joined += _along(level)
    return sorted(line for line in joined if line.end - line.start >= _SHORTEST)[:_MOST_LINES]


def _along(level: list[Line]) -> Iterator[Line]:
    start = end = at = 0.0
    for n, piece in enumerate(sorted(level, key=lambda line: line.start)):
        if n and piece.start <= end + _TOUCH:
            end = max(end, piece.end)
            continue
        if n:
            yield Line(at, start, end)
        at, start, end = piece
    if level:
        yield Line(at, start, end)
