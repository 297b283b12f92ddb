"""Turns tables of web pages into rows of cells, and tells them from tables that only lay out a page.

Columns keep their place across spans; columns without any text are dropped, and a currency sign or bracket in a cell of
its own joins the number beside it, as financial reports are full of both.
"""

import re
from collections.abc import Iterator

from lxml import etree

from rag.parsers.builder import one_line

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
    if next(table.iterdescendants(*_BLOCKS_OF_LAYOUT), None) is not None:
        return True
    cells = 0
    for row in table.iter("tr"):
        cells = max(cells, sum(1 for _ in row.iterchildren("td", "th")))
        if any(_is_long(cell) for cell in row.iterchildren("td", "th")):
            return True
    return cells <= 1


def rows_of(table: etree._Element) -> list[list[str]]:
    """Returns all rows, header and caption first, of equal length where the page's spans are."""
    spanned: set[int] = set()
    grid = [list(_cells(row, spanned)) for row in table.iter("tr")]
    width = max((len(row) for row in grid), default=0)
    grid = [row + [""] * (width - len(row)) for row in grid if any(row)]
    columns = _joined_columns([list(column) for column in zip(*grid, strict=True)], spanned)
    rows = [list(row) for row in zip(*columns, strict=True)]
    caption = next(table.iter("caption"), None)
    return [[_text(caption)], *rows] if caption is not None else rows


def _cells(row: etree._Element, spanned: set[int]) -> Iterator[str]:
    """Yields one string a column; ``spanned`` gains the columns that a cell shares with the one before."""
    column = 0
    for cell in row.iterchildren("td", "th"):
        yield _text(cell)
        span = cell.get("colspan") or "1"
        extra = min(int(span), _MAX_SPAN) - 1 if re.fullmatch("[1-9][0-9]{0,3}", span) else 0
        spanned.update(range(column + 1, column + 1 + extra))
        yield from [""] * extra
        column += 1 + extra


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


def _joined_columns(columns: list[list[str]], spanned: set[int]) -> list[list[str]]:
    """Drops empty columns; joins neighbours where one holds the signs, or the heading, of the other's numbers."""
    joined: list[list[str]] = []
    for at, column in enumerate(columns):
        if not any(column):
            continue
        if joined and _belong_together(joined[-1], column, under_one_cell=at in spanned):
            joined[-1] = [left + right for left, right in zip(joined[-1], column, strict=True)]
        else:
            joined.append(column)
    return joined


def _belong_together(left: list[str], right: list[str], *, under_one_cell: bool) -> bool:
    """Tells whether no row has a value in both, and something says that they are one column."""
    signs = 0
    for one, other in zip(left, right, strict=True):
        if one and other:
            if one not in _BEFORE_NUMBER and other not in _AFTER_NUMBER:
                return False
            signs += 1
    return signs > 0 or under_one_cell
