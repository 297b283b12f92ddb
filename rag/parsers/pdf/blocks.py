"""Groups the rows of all pages into blocks: running headers and footers, headings, paragraphs, list items, tables.

What a row is follows from its neighbours: the same line at the same height of many pages is a margin, rows of
several cells whose edges line up are a table, lines one below the other are a paragraph.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rag.parsers.builder import DocumentBuilder
from rag.parsers.pdf.layout import Row
from rag.parsers.pdf.page.characters import BULLETS
from rag.parsers.pdf.page.placement import Placement
from rag.parsers.pdf.page.rulings import Rulings
from rag.parsers.pdf.tables.row_bands import joined_in_bands
from rag.parsers.pdf.tables.run_of_tables import RunOfTables
from rag.parsers.pdf.tables.table_columns import aligned
from rag.parsers.pdf.tables.table_rows import LARGER, UNITS, line_up, stands_over_table, table_end, units_above
from rag.parsers.tables.table import Table

_MARGIN_SHARE = 0.13
"""Running headers and footers stand within this share of the page's height from its edges ..."""
_MARGIN_ROWS = 4
"""... and among this many rows from the top or the bottom."""
_MARGIN_PAGES = 3
_ANYWHERE = -1_000_000

_HEADING_CHARACTERS = 160
_HEADING_LINES = 3

_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"(?:page|seite|p\.)?\s*[-–—]?\s*(?:\d{1,4}|[ivxlc]{1,6})\s*[-–—]?(?:\s*(?:of|/|von)\s*\d{1,4})?", re.I
)
_BULLET = re.compile(rf"[{re.escape(BULLETS)}]\s+\S|(?:\d{{1,2}}[.)]|\(?[a-z][.)]|\([ivx]+\))\s+\S")
_ENDS_SENTENCE = re.compile(r"[.!?:;][\"'”’)\]]*$")
_HYPHENATED = re.compile(r"[^\W\d_]{2,}-[^\W\d_]{2,}")
_LINE_END_HYPHEN = re.compile(r"([^\W\d_]+)[-\u2010]$")
_LEADING_WORD = re.compile(r"[^\W\d_]+")


@dataclass(slots=True)
class PageRows:
    """The rows of one page, in reading order. ``sideways`` text and people's ``notes`` are kept behind them;
    ``rulings`` are the lines of a page that may hold tables, ``place`` says where words lie on it."""

    number: int
    width: float
    height: float
    rows: list[Row]
    sideways: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rulings: Rulings | None = None
    place: Placement | None = None


@dataclass(slots=True)
class _Style:
    """What is normal in this document: the size of its text, its heading sizes, words written with a hyphen."""

    body: float
    sizes: list[float]
    outline: Mapping[str, int]
    hyphenated: frozenset[str]
    margins: frozenset[tuple[str, int]] = field(default_factory=frozenset)

    def heading_level(self, rows: Sequence[Row], text: str) -> int:
        """Returns the level of a heading, 0 for anything else."""
        if len(rows) > _HEADING_LINES or len(text) > _HEADING_CHARACTERS or not any(map(str.isalpha, text)):
            return 0
        known = self.outline.get(_key(text))
        if known:
            return known
        size = max(row.size for row in rows)
        if text.endswith((".", ",", ";", "-")) or len(text) < 3 or not (text[0].isupper() or not text[0].isalpha()):
            return 0
        if size >= LARGER * self.body:
            return next((rank for rank, larger in enumerate(self.sizes, 1) if size >= larger - 0.3), len(self.sizes))
        if all(row.bold for row in rows) and size >= 0.75 * self.body:
            return len(self.sizes) + 1
        return 0


def add_blocks(builder: DocumentBuilder, pages: Sequence[PageRows], outline: Mapping[str, int]) -> None:
    """Adds every page's blocks. ``outline`` maps the titles of the PDF's bookmarks to their level."""
    style = _style_of(pages, outline)
    said: set[str] = set()
    tables = RunOfTables(lambda text: _joined_lines(text.split("\n"), style.hyphenated))
    for page in pages:
        body: list[Row] = []
        edge: list[Row] = []
        for row in page.rows:
            (edge if _is_margin(row, page, style) else body).append(row)
        top = [row for row in edge if row.y1 < page.height / 2 and not _heads_table(row, body)]
        bottom = [row for row in edge if row.y1 >= page.height / 2]
        _add_margin(builder, top, page.number, said)
        if page.rulings is not None:
            body = joined_in_bands(body, page.rulings)
        for group, is_table in _groups(body):
            if group[0].table is not None:
                tables.add(builder, group[0].table, page.number)
            elif is_table:
                for table in aligned(group, page.rulings, page.place):
                    tables.add(builder, table, page.number)
            else:
                tables.pass_by(len(group))
                _add_group(builder, group, page, style)
        _add_margin(builder, bottom, page.number, said)
        for line in page.sideways:
            key = _DIGITS.sub("#", line)
            if key not in said:
                said.add(key)
                builder.add("margin", line, page=page.number)
        for note in page.notes:
            builder.add("note", note, page=page.number)


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def outline_key(title: str) -> str:
    """Returns the key by which a bookmark's title is looked up."""
    return _key(title)


def _style_of(pages: Sequence[PageRows], outline: Mapping[str, int]) -> _Style:
    sizes: Counter[float] = Counter()
    hyphenated: set[str] = set()
    for page in pages:
        for row in page.rows:
            sizes[round(row.size, 1)] += sum(map(len, row.cells))
            for cell in row.cells:
                if "-" in cell:
                    hyphenated.update(word.lower() for word in _HYPHENATED.findall(cell))
    body = sizes.most_common(1)[0][0] if sizes else 10.0
    larger = sorted({size for size in sizes if size >= LARGER * body}, reverse=True)
    levels: list[float] = []
    for size in larger:
        if not levels or size < levels[-1] - 0.6:
            levels.append(size)
    margins = _repeated_at_edges(pages)
    return _Style(body, levels[:5], outline, frozenset(hyphenated), margins)


def _edge_rows(page: PageRows) -> Iterator[Row]:
    by_height = sorted(page.rows, key=lambda row: row.y0)
    limit = _MARGIN_SHARE * page.height
    yield from (row for row in by_height[:_MARGIN_ROWS] if row.y1 < limit)
    yield from (row for row in by_height[-_MARGIN_ROWS:] if row.y0 > page.height - limit)


def _margin_key(row: Row, anywhere: bool = False) -> tuple[str, int]:
    text = _DIGITS.sub("#", row.text)
    if not anywhere:
        return text, round(row.y0 / 6)
    if len(row.cells) > 2 and _PAGE_NUMBER.fullmatch(row.cells[-1]):  # between them stands what the page is about
        text = f"{row.cells[0]} #"
    return text, _ANYWHERE


def _repeated_at_edges(pages: Sequence[PageRows]) -> frozenset[tuple[str, int]]:
    if len(pages) < _MARGIN_PAGES:
        return frozenset()
    counts: Counter[tuple[str, int]] = Counter()
    for page in pages:
        counts.update({_margin_key(row) for row in _edge_rows(page)})
        counts.update({_margin_key(row, anywhere=True) for row in _outermost(page)})
    repeated: set[tuple[str, int]] = set()
    for text, height in counts:
        # The height is a rounded one, so a line may stand on either side of the step.
        beside = 0 if height == _ANYWHERE else max(counts[text, height - 1], counts[text, height + 1])
        needed = max(_MARGIN_PAGES, len(pages) // 3) if height == _ANYWHERE else _MARGIN_PAGES
        if counts[text, height] + beside >= needed:
            repeated.add((text, height))
    return frozenset(repeated)


def _outermost(page: PageRows) -> list[Row]:
    """Returns the first and last line, wherever they stand: where pages end early, the footer moves up."""
    if len(page.rows) < 3:
        return []
    return [min(page.rows, key=lambda row: row.y0), max(page.rows, key=lambda row: row.y1)]


def _is_margin(row: Row, page: PageRows, style: _Style) -> bool:
    limit = _MARGIN_SHARE * page.height
    if UNITS.fullmatch(row.text):
        return False
    if _margin_key(row, anywhere=True) in style.margins and row in _outermost(page):
        return True
    if row.y1 >= limit and row.y0 <= page.height - limit:
        return False
    if _margin_key(row) in style.margins:
        return True
    lowest = row.y0 > page.height - limit / 2 or row.y1 < limit / 2
    return lowest and len(page.rows) > 1 and _PAGE_NUMBER.fullmatch(row.text) is not None


def _heads_table(row: Row, body: list[Row]) -> bool:
    """Tells whether a line at the top of the page names columns of the table right below it, and puts it there."""
    at, below = next(((at, other) for at, other in enumerate(body) if other.y0 > row.y1 - 1), (0, None))
    if below is None or below.y0 - row.y1 > 2 * row.size or row.column != below.column:
        return False
    if len(row.cells) < 2 or len(below.cells) < 2 or not line_up(row, below):
        return False
    body.insert(at, row)
    return True


def _add_margin(builder: DocumentBuilder, rows: Sequence[Row], page: int, said: set[str]) -> None:
    for row in rows:
        text = row.text
        key = _DIGITS.sub("#", text)
        if key not in said and not _PAGE_NUMBER.fullmatch(text):
            said.add(key)
            builder.add("margin", text, page=page)


def _groups(rows: list[Row]) -> Iterator[tuple[list[Row], bool]]:
    """Yields the rows that make one block, and whether it is a table rather than a paragraph, heading or list item."""
    start = 0
    while start < len(rows):
        if rows[start].table is not None:
            yield [rows[start]], True
            start += 1
            continue
        head = start
        while head < min(start + 3, len(rows) - 1) and stands_over_table(rows, head, start):
            head += 1
        if head == start:
            head = units_above(rows, start)
        end = table_end(rows, head)
        if end > head:
            yield rows[start:end], True
            start = end
            continue
        end = start + 1
        while end < len(rows) and _continues(rows, start, end) and table_end(rows, end) == end:
            end += 1
        yield rows[start:end], False
        start = end


def _continues(rows: list[Row], start: int, index: int) -> bool:
    """Tells whether row ``index`` goes on with the block that begins at ``start``."""
    first, before, row = rows[start], rows[index - 1], rows[index]
    if row.column != before.column or row.answer or before.answer or row.table is not None:
        return False
    if abs(row.size - before.size) > 0.09 * before.size:
        return False
    if row.y0 - before.y1 > 0.55 * row.size or row.y1 < before.y0:
        return False
    if row.bold != before.bold and (before.bold or row.bold) and len(before.text) < 100:
        return False
    if _BULLET.match(row.text) and not (_BULLET.match(first.text) is None and before.text.endswith((",", "-"))):
        return False
    pitch = row.y0 - before.y0
    if index - start >= 2 and pitch > 1.25 * (before.y0 - rows[index - 2].y0) + 1:
        return False
    indented = row.x0 > before.x0 + row.size and not _BULLET.match(before.text) and index - start >= 2
    short = before.x1 < max(r.x1 for r in rows[start : index + 1]) - 0.25 * (row.x1 - row.x0 + 1)
    return not (_ENDS_SENTENCE.search(before.text) and (indented or (short and row.text[:1].isupper())))


def _add_group(builder: DocumentBuilder, group: list[Row], page: PageRows, style: _Style) -> None:
    if group[0].answer:
        for answer in _answers(group[0].cells):
            builder.list_item(answer, page=page.number)
        return
    text = _joined_lines([row.text for row in group], style.hyphenated)
    level = style.heading_level(group, text)
    if level:
        builder.heading(text, level, page=page.number)
    elif _BULLET.match(text):
        builder.list_item(text, page=page.number)
    elif len(group) == 1 and len(group[0].cells) > 1:
        builder.table(Table.of_rows([group[0].cells]), page=page.number)
    else:
        builder.paragraph(text, page=page.number)


def _answers(cells: Sequence[str]) -> list[str]:
    """Returns the fields of a row of a form, a question and its boxes to tick as one."""
    if any(cell.startswith(("[x] ", "[ ] ")) for cell in cells[1:]) and not cells[0].startswith("["):
        return [" ".join(cells)]
    return list(cells)


def _joined_lines(lines: Sequence[str], hyphenated: frozenset[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        text = _join(text, line, hyphenated)
    return text.replace("\u2010", "-")


def _join(text: str, line: str, hyphenated: frozenset[str]) -> str:
    """Joins two lines into one and makes a word whole that was divided at the line's end."""
    if text[-1] not in "-\u2010" or not line[0].isalnum() or not text[-2:-1].isalnum():
        # Chinese and Japanese are written without spaces.
        return text + line if _ideograph(text[-1]) and _ideograph(line[0]) else f"{text} {line}"
    left = _LINE_END_HYPHEN.search(text)
    right = _LEADING_WORD.match(line)
    divided = left is not None and right is not None and right.group()[0].islower()
    if divided and left is not None and right is not None:
        divided = f"{left.group(1)}-{right.group()}".lower() not in hyphenated
    return (text[:-1] if divided else text[:-1] + "-") + line


def _ideograph(character: str) -> bool:
    return "\u3001" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff" or "\uff01" <= character <= "\uff60"
