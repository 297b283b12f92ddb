"""Places the cells of a table of WordprocessingML: cells that span columns (gridSpan) or rows (vMerge), rows that begin
further right (gridBefore), rows that repeat as headers (tblHeader)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile

from rag.parsers.tables.table import Cell, Table
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MOST_COLUMNS = 100  # Word itself has 63


def table_of(rows: Sequence[tuple[Element, Sequence[Element]]], text_of: Callable[[Element], str]) -> Table:
    """Makes a table of its rows and their cells; ``text_of`` is asked once for each cell that does not go on another's.

    Only cells are placed here: which rows and cells count, deleted ones and content controls, is the caller's to know.
    """
    placed: list[Cell] = []
    open_cells: dict[int, int] = {}  # column -> index in ``placed`` of the cell that may go on below
    for at, (row, cells) in enumerate(rows):
        column = _number(row.find(f"{W}trPr/{W}gridBefore"), 0)
        for cell in cells:
            span = max(1, _number(cell.find(f"{W}tcPr/{W}gridSpan"), 1))
            merged = cell.find(f"{W}tcPr/{W}vMerge")
            goes_on = merged is not None and merged.get(f"{W}val", "continue") == "continue"
            if goes_on and column in open_cells:
                above = open_cells[column]
                placed[above] = replace(placed[above], rows=at - placed[above].row + 1)
            else:
                placed.append(Cell(text_of(cell), at, column, 1, span))
                open_cells.pop(column, None)
                if merged is not None:
                    open_cells[column] = len(placed) - 1
            column += span
    marked = sum(1 for _ in takewhile(_repeats_as_header, (row for row, _ in rows)))
    return Table(tuple(placed), header_rows=marked if 0 < marked < len(rows) else None)


def _repeats_as_header(row: Element) -> bool:
    mark = row.find(f"{W}trPr/{W}tblHeader")
    return mark is not None and mark.get(f"{W}val", "1") not in ("0", "false", "off")


def _number(element: Element | None, default: int) -> int:
    value = "" if element is None else element.get(f"{W}val", "")
    return min(whole_number(value, default), _MOST_COLUMNS)
