"""Content streams of PDF pages with tables: borders drawn in one of several ways, text in their cells."""

from collections.abc import Sequence
from typing import Literal

from tests.rag.parsers.pdf.pdf_writer import HEIGHT

Borders = Literal["lines", "boxes", "bars"]
"""Strokes from end to end, a stroked rectangle around each cell, thin filled rectangles."""

_PITCH = 12.0
_PAD = 3.0


def text_at(x: float, y: float, text: str, *, size: float = 10, bold: bool = False) -> str:
    """``text`` with its baseline at (x, y) points from the top left."""
    shown = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{'F2' if bold else 'F1'} {size} Tf {x} {HEIGHT - y} Td ({shown}) Tj ET"


def horizontal(x0: float, x1: float, y: float) -> str:
    return f"{x0} {HEIGHT - y} m {x1} {HEIGHT - y} l S"


def vertical(x: float, y0: float, y1: float) -> str:
    return f"{x} {HEIGHT - y0} m {x} {HEIGHT - y1} l S"


def bar(x0: float, y0: float, x1: float, y1: float, shade: float = 0) -> str:
    """A filled rectangle, from black (0) to white (1)."""
    return f"q {shade} g {x0} {HEIGHT - y1} {x1 - x0} {y1 - y0} re f Q"


Cells = Sequence[Sequence[str | None]]
"""Rows of cells; lines of one are parted by newlines, and None is a place that the cell to its left covers."""


def tops(cells: Cells, y: float) -> list[float]:
    """The upper edge of each row, and the lower one of the last."""
    edges = [y]
    for row in cells:
        lines = max((text.count("\n") + 1 for text in row if text), default=1)
        edges.append(edges[-1] + lines * _PITCH + 2 * _PAD)
    return edges


def written(xs: Sequence[float], cells: Cells, y: float, *, bold: int = 0) -> list[str]:
    """The text of cells without borders; the first ``bold`` rows in bold type."""
    edges = tops(cells, y)
    return [
        text_at(xs[column] + _PAD, edges[at] + _PITCH * (1 + n), line, bold=at < bold)
        for at, row in enumerate(cells)
        for column, text in enumerate(row)
        for n, line in enumerate((text or "").split("\n"))
        if line
    ]


def ruled(xs: Sequence[float], cells: Cells, y: float, *, borders: Borders = "lines", bold: int = 0) -> list[str]:
    """A table with lines around all of its cells."""
    edges = tops(cells, y)
    drawn: list[str] = []
    for at, row in enumerate(cells):
        for column in range(len(row)):
            if row[column] is None:
                continue
            last = column + 1
            while last < len(row) and row[last] is None:
                last += 1
            box = xs[column], edges[at], xs[last], edges[at + 1]
            if borders == "boxes":
                drawn.append(f"{box[0]} {HEIGHT - box[3]} {box[2] - box[0]} {box[3] - box[1]} re S")
            elif borders == "bars":
                drawn += [bar(box[0], box[n] - 0.4, box[2], box[n] + 0.4) for n in (1, 3)]
                drawn += [bar(box[n] - 0.4, box[1], box[n] + 0.4, box[3]) for n in (0, 2)]
            else:
                drawn += [horizontal(box[0], box[2], box[n]) for n in (1, 3)]
                drawn += [vertical(box[n], box[1], box[3]) for n in (0, 2)]
    return drawn + written(xs, cells, y, bold=bold)
