"""Makes ParsedDocuments.

A parser of a format without a text of its own (PDF, DOCX, HTML, XML ...) adds blocks in reading order to a
``DocumentBuilder``, which composes the canonical text. ``document_from_spans`` takes text that is itself canonical
(plain text, Markdown, source code).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from rag.errors import ReadError, SkippedError
from rag.parsers.payload import warning_of, without_payload
from rag.parsers.tables.table import MAX_COLUMNS, Grid, Table
from rag.parsers.tables.text import LINE_SEPARATOR, sections
from rag.text.normal import with_characters_for_radicals
from rag.types import Block, BlockKind, ParsedDocument

NO_TEXT = "The file holds no text."

BLOCK_SEPARATOR = "\n\n"

# Control characters except tab and newline, lone surrogates (SQLite cannot store them), byte order marks; soft hyphens
# and zero-width spaces, which belong to no word.
_UNWANTED = re.compile("[\xad\u200b\u2060\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SPACE_RUN = re.compile(r"\s+")


def clean(text: str) -> str:
    """Makes line ends newlines, drops what no text holds, writes characters for radicals (which some PDFs hold), and
    strips white space at both ends."""
    return with_characters_for_radicals(_UNWANTED.sub("", _LINE_END.sub("\n", text))).strip()


def one_line(text: str) -> str:
    """Applies ``clean`` and makes every run of white space one space."""
    return _SPACE_RUN.sub(" ", clean(text))


class DocumentBuilder:
    """Collects blocks in reading order. Empty text adds nothing, so callers need not check.

    ``page_labels`` holds the printed numbers of pages whose number in the file is another one; set it first.
    """

    def __init__(self, *, title: str = "", media_type: str) -> None:
        self.title = title
        self.media_type = media_type
        self.metadata: dict[str, str] = {}
        self.page_labels: dict[int, str] = {}
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._warnings: list[str] = []
        self._nested = False
        self._payload: Counter[str] = Counter()
        self._last_kind: BlockKind | None = None

    @property
    def has_text(self) -> bool:
        return self._length > 0

    def heading(self, text: str, level: int = 1, *, page: int | None = None) -> None:
        """Adds a heading on one line; ``level`` 1 is outermost."""
        self.add("heading", one_line(text), level=max(1, level), page=page)

    def paragraph(
        self, text: str, *, page: int | None = None, start_s: float | None = None, end_s: float | None = None
    ) -> None:
        self.add("paragraph", text, page=page, start_s=start_s, end_s=end_s)

    def list_item(self, text: str, *, level: int = 0, page: int | None = None) -> None:
        """Adds a list item with its bullet or number, if it has one; items in a row are one line apart."""
        self.add("list", text, level=level, page=page)

    def table(self, table: Table, *, page: int | None = None) -> None:
        """Adds a table with its caption: a line a row, header first (``rag.parsers.tables.text``)."""
        cells = tuple(replace(cell, text=one_line(cell.text)) for cell in table.cells)
        if any(cell.column >= MAX_COLUMNS and cell.text for cell in cells):
            self.warn(f"Columns beyond the first {MAX_COLUMNS:,} of a table were left out.")
        self.grid(Grid.of(replace(table, cells=cells, caption=one_line(table.caption))), page=page)

    def grid(self, grid: Grid, *, page: int | None = None, goes_on: bool = False) -> None:
        """Adds a table that was made a grid of clean cells; ``goes_on`` for further rows of the one before."""
        if not goes_on:
            for title in (grid.caption, *(" | ".join(filter(None, row)) for row in grid.rows[: grid.lead])):
                self.add("caption", title, page=page)
        separator = LINE_SEPARATOR if goes_on else BLOCK_SEPARATOR
        for text, spans in sections(grid, self._length + len(separator) if self._length else 0):
            if self._length:
                self._append(separator)
            self._append(text)
            printed = self._printed(page)
            self._blocks.append(Block(spans.start, spans.end, "table", page=page, page_label=printed, table=spans))
            self._last_kind = "table"
            separator = LINE_SEPARATOR

    def add(
        self,
        kind: BlockKind,
        text: str,
        *,
        level: int = 0,
        page: int | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        label: str | None = None,
    ) -> None:
        """Adds any block. A ``label`` names a heading under which the block stands and that is not in the text."""
        text, files, chars = without_payload(clean(text))
        if files:
            self._payload += Counter(files=files, chars=chars)
        if not text.strip():
            return
        if self._length:
            tight = kind == "list" and self._last_kind == "list"
            self._append(LINE_SEPARATOR if tight else BLOCK_SEPARATOR)
        start = self._length
        self._append(text)
        self._blocks.append(Block(start, self._length, kind, level, page, start_s, end_s, label, self._printed(page)))
        self._last_kind = kind

    def _printed(self, page: int | None) -> str | None:
        """The number that is printed on a page, where it is another one than the page's in the file."""
        return self.page_labels.get(page) if page is not None else None

    def include(self, document: ParsedDocument, level: int) -> None:
        """Adds another document, such as an attachment, below a heading of ``level``; its pages are not these."""
        if self._length:
            self._append(BLOCK_SEPARATOR)
        offset = self._length
        self._append(document.text)
        for block in document.blocks:
            self._blocks.append(
                replace(
                    block,
                    start=block.start + offset,
                    end=block.end + offset,
                    level=block.level + level if block.kind == "heading" else block.level,
                    page=None,
                    page_label=None,
                    table=None if block.table is None else block.table.moved(offset),
                )
            )
        self._last_kind = None

    def label(self, text: str, level: int = 1, *, page: int | None = None) -> None:
        """Adds a heading that does not stand in the text (a sheet's name, an element path): an empty span."""
        text = one_line(text)
        if text:
            self._blocks.append(
                Block(self._length, self._length, "heading", level=max(1, level), page=page, label=text)
            )

    def warn(self, message: str) -> None:
        """Tells the person what was not read. The same message is kept once."""
        if message not in self._warnings:
            self._warnings.append(message)

    def leave_out_nested(self, what: str) -> None:
        """Tells the person that ``what`` ("Tables") was nested too deeply to be read."""
        self._nested = True
        self.warn(f"{what} nested too deep were left out.")

    def build(self) -> ParsedDocument:
        """Makes the document. Raises SkippedError when nothing with text was added, ReadError where that is so because
        of ``leave_out_nested``."""
        if not self._length and self._nested:
            raise ReadError("The file is nested too deeply to be read.")
        if not self._length:
            raise SkippedError(NO_TEXT)
        if self._payload:
            self.warn(warning_of(self._payload["files"], self._payload["chars"]))
        return ParsedDocument(
            "".join(self._parts),
            tuple(self._blocks),
            one_line(self.title),
            self.media_type,
            tuple(self._warnings),
            dict(self.metadata),
        )

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def document_from_spans(
    text: str,
    blocks: Sequence[Block],
    *,
    title: str,
    media_type: str,
    warnings: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> ParsedDocument:
    """Makes a document whose text is the file's own; ``blocks`` are spans into it, in order and without overlap."""
    if not text or text.isspace():
        raise SkippedError(NO_TEXT)
    assert all(0 <= block.start <= block.end <= len(text) for block in blocks), "a block lies outside the text"
    assert all(one.end <= other.start for one, other in pairwise(blocks)), "blocks overlap or are out of order"
    return ParsedDocument(text, tuple(blocks), one_line(title), media_type, tuple(warnings), dict(metadata or {}))
