"""Reads tables of web pages, and tells them from tables that only lay out a page.

Columns keep their place across spans; columns without any text are dropped, and a currency sign or bracket in a cell of
its own joins the number beside it, as financial reports are full of both.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from rag.parsers.builder import one_line
from rag.parsers.tables.table import MAX_COLUMNS, Cell, Table

_MAX_SPAN = 100
_MAX_CELL_CHARS = 2_000
_BLOCKS_OF_LAYOUT = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "pre")
_DROPPED = frozenset(("script", "style", "template", "noscript", "svg", "select", "button", "input", "textarea"))
_BEFORE_NUMBER = frozenset(("$", "€", "£", "¥", "(", "$(", "-", "+"))
_AFTER_NUMBER = frozenset((")", "%", ")%", "pp", "bps"))


def is_layout(table: etree._Element) -> bool:
    """Tells whether ``table`` only places things on the page; then its cells are read as blocks."""
    if table.get("role") in ("presentation", "none"):
        return True
    if next(table.iterdescendants(*_BLOCKS_OF_LAYOUT), None) is not None and not _is_grid(table):
        return True
    cells = 0
    for row in table.iter("tr"):
        cells = max(cells, sum(1 for _ in row.iterchildren("td", "th")))
        if any(_is_long(cell) for cell in row.iterchildren("td", "th")):
            return True
    return cells <= 1


def _is_grid(table: etree._Element) -> bool:
    """Whether nearly all cells of a table hold a few words, so that what else a cell holds (a list, a small table) is
    its text."""
    rows = _own_rows(table)
    cells = [cell for row in rows for cell in row.iterchildren("td", "th")]
    blocks = sum(next(cell.iterdescendants(*_BLOCKS_OF_LAYOUT), None) is not None for cell in cells)
    return len(rows) > 2 and blocks * 5 <= len(cells) and not any(map(_is_long, cells))


def _own_rows(table: etree._Element) -> list[etree._Element]:
    """The rows of a table but those of tables within it."""
    rows: list[etree._Element] = []
    walker = etree.iterwalk(table, events=("start",), tag=("table", "tr"))
    for _, element in walker:
        if element.tag == "tr":
            rows.append(element)
        elif element is not table:
            walker.skip_subtree()
    return rows


def table_of(table: etree._Element) -> Table:
    """Returns all cells with their spans and the caption."""
    rows = _own_rows(table)
    anchors = _anchors(rows)
    height, width = len(rows), max((anchor.column + anchor.columns for anchor in anchors), default=0)
    grid = [[""] * height for _ in range(width)]  # by columns
    for anchor in anchors:
        for row in range(anchor.row, anchor.row + anchor.rows):
            grid[anchor.column][row] = anchor.text
    spanned = {column for one in anchors for column in range(one.column + 1, one.column + one.columns)}
    places = _places(grid, spanned)
    caption = next(table.iter("caption"), None)
    header_rows, header_columns = _headers(rows, anchors, places)
    return Table(
        tuple(_placed(anchors, places)),
        header_rows=header_rows,
        header_columns=header_columns,
        caption="" if caption is None else _text(caption),
    )


@dataclass(frozen=True, slots=True)
class _Anchor(Cell):
    """A cell in the page's own columns; ``names`` where it is marked as a header (th)."""

    names: bool = False


def _anchors(rows: Sequence[etree._Element]) -> list[_Anchor]:
    """The cells of a table; one that spans rows pushes those below it to the right."""
    anchors: list[_Anchor] = []
    taken: dict[int, int] = {}  # column -> first row in which it is free again
    for at, row in enumerate(rows):
        column = 0
        for cell in row.iterchildren("td", "th"):
            while taken.get(column, 0) > at:
                column += 1
            if column >= MAX_COLUMNS:
                break
            columns = _span(cell, "colspan", _MAX_SPAN)
            height = _span(cell, "rowspan", len(rows) - at)
            anchors.append(_Anchor(_text(cell), at, column, height, columns, cell.tag == "th"))
            taken.update(dict.fromkeys(range(column, column + columns), at + height))
            column += columns
    return anchors


def _span(cell: etree._Element, name: str, most: int) -> int:
    value = cell.get(name) or "1"
    if value == "0" and name == "rowspan":  # to the end of the table
        return most
    return min(int(value), most) if re.fullmatch("[1-9][0-9]{0,4}", value) else 1


def _headers(
    rows: Sequence[etree._Element], anchors: Sequence[_Anchor], places: Sequence[int | None]
) -> tuple[int | None, int | None]:
    """How many of the first rows and columns are marked as headers; None where none is."""
    by_row: dict[int, list[_Anchor]] = {}
    for anchor in anchors:
        if anchor.text:
            by_row.setdefault(anchor.row, []).append(anchor)
    header_rows = 0
    for at, row in enumerate(rows):
        in_head = next(row.iterancestors("thead"), None) is not None
        if not in_head and not all(anchor.names for anchor in by_row.get(at, [_Anchor("", at, 0)])):
            break
        header_rows = at + 1
    body = [cells for at, cells in by_row.items() if at >= header_rows]
    sideways = (
        bool(body) and all(cells[0].names for cells in body) and not all(c.names for cells in body for c in cells)
    )
    if not sideways:
        return header_rows or None, None
    return header_rows, 1


def _placed(anchors: Sequence[_Anchor], places: Sequence[int | None]) -> Iterator[Cell]:
    """The cells in joined columns (``places``); those that come to one place are joined."""
    cells: dict[tuple[int, int], Cell] = {}
    for anchor in anchors:
        covered = sorted(
            {place for place in places[anchor.column : anchor.column + anchor.columns] if place is not None}
        )
        if not anchor.text or not covered:
            continue
        column = covered[0]
        before = cells.get((anchor.row, column))
        text = anchor.text if before is None else before.text + anchor.text
        cells[anchor.row, column] = Cell(text, anchor.row, column, anchor.rows, len(covered))
    yield from cells.values()


def _text(element: etree._Element) -> str:
    pieces: list[str] = []
    walker = etree.iterwalk(element, events=("start", "end"))
    for event, node in walker:
        if event == "start":
            if node.tag in _DROPPED:
                walker.skip_subtree()
            elif node.tag == "img":
                pieces.append(f" {node.get('alt') or ''} ")
            else:
                pieces.append(node.text or "")
        else:
            if node.tag in ("br", "p", "div", "li", "td"):
                pieces.append(" ")
            if node is not element:
                pieces.append(node.tail or "")
    return one_line("".join(pieces))


def _is_long(cell: etree._Element) -> bool:
    size = 0
    for piece in cell.itertext():
        size += len(piece)
        if size > _MAX_CELL_CHARS:
            return True
    return False


def _places(columns: Sequence[Sequence[str]], spanned: set[int]) -> list[int | None]:
    """The new column of each column: none for an empty one, that of the one before where the two hold signs, or the
    heading, and numbers of one column."""
    joined: list[list[str]] = []
    places: list[int | None] = []
    for at, column in enumerate(columns):
        if not any(column):
            places.append(None)
        elif joined and _belong_together(joined[-1], column, under_one_cell=at in spanned):
            joined[-1] = [left + right for left, right in zip(joined[-1], column, strict=True)]
            places.append(len(joined) - 1)
        else:
            joined.append(list(column))
            places.append(len(joined) - 1)
    return places


def _belong_together(left: Sequence[str], right: Sequence[str], *, under_one_cell: bool) -> bool:
    """Tells whether no row has a value in both, and something says that they are one column."""
    signs = 0
    for one, other in zip(left, right, strict=True):
        if one and other:
            if one not in _BEFORE_NUMBER and other not in _AFTER_NUMBER:
                return False
            signs += 1
    return signs > 0 or under_one_cell
