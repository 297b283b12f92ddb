"""Tables of web pages -> rows of cells, and which of them are no tables but page layout.

Columns keep their place across spans; columns without any text go, and a currency sign or bracket in a cell of its own
joins the number beside it, as financial reports are full of both.
"""

from collections.abc import Iterator

from lxml import etree

from rag.readers.builder import one_line

_MAX_SPAN = 100
_MAX_CELL_CHARS = 2_000
_BLOCKS_OF_LAYOUT = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "pre")
_DROPPED = frozenset(("script", "style", "template", "noscript", "svg", "select", "button", "input", "textarea"))
_BEFORE_NUMBER = frozenset(("$", "€", "£", "¥", "(", "$(", "-", "+"))
_AFTER_NUMBER = frozenset((")", "%", ")%", "pp", "bps"))


def is_layout(table: etree._Element) -> bool:
    """Whether ``table`` only places things on the page; then its cells are read as blocks."""
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
    """All rows, header and caption first, of equal length where the page's spans are."""
    grid = [list(_cells(row)) for row in table.iter("tr")]
    width = max((len(row) for row in grid), default=0)
    grid = [row + [""] * (width - len(row)) for row in grid if any(row)]
    used = [at for at in range(width) if any(row[at] for row in grid)]
    rows = [_joined([row[at] for at in used]) for row in grid]
    caption = next(table.iter("caption"), None)
    return [[_text(caption)], *rows] if caption is not None else rows


def _cells(row: etree._Element) -> Iterator[str]:
    for cell in row.iterchildren("td", "th"):
        yield _text(cell)
        span = cell.get("colspan") or "1"
        yield from [""] * (min(int(span), _MAX_SPAN) - 1 if span.isascii() and span.isdigit() else 0)


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


def _joined(row: list[str]) -> list[str]:
    """Signs go to their number, which keeps its own cell; the emptied cells are left out."""
    cells: list[str] = []
    prefix = ""
    for cell in row:
        if cell in _BEFORE_NUMBER:
            prefix += cell
        elif cell in _AFTER_NUMBER and cells and cells[-1][-1:].isdigit():
            cells[-1] += cell
        elif cell or not prefix:
            cells.append(prefix + cell)
            prefix = ""
    return [*cells, prefix] if prefix else cells
