"""Writes Markdown as DOCX, PDF and PPTX, and CSV as XLSX: documents of these kinds are committed as their source."""

import csv
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.rag.parsers.pdf.pdf_writer import HEIGHT, Line, write_pdf

_MARGIN, _PITCH, _COLUMNS = 60, 14, 92  # points, points and characters of a PDF's page
_CHARACTER = 6.5  # points, at most about, in Helvetica 10


@dataclass(frozen=True, slots=True)
class Part:
    """A heading (``level`` from 1), a paragraph, a list item or the rows of a table."""

    kind: str
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


def parts_of(markdown: str) -> Iterator[Part]:
    """The parts of a Markdown text, in order; numbered items keep their numbers."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    rows: list[list[str]] = []
    numbers: list[int] = []
    around: list[str] = []
    for token in tokens:
        if token.nesting == 1:
            around.append(token.type)
        if token.type == "ordered_list_open":
            numbers = [0]
        elif token.type == "list_item_open" and numbers:
            numbers[0] += 1
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and "table_open" in around:
            rows[-1].append(_text(token))
        elif token.type == "inline":
            yield _part(token, around, numbers)
        elif token.type == "table_close":
            yield Part("table", rows=tuple(map(tuple, rows)))
            rows = []
        elif token.type == "ordered_list_close":
            numbers = []
        if token.nesting == -1:
            around.pop()


def _part(token: Token, around: list[str], numbers: list[int]) -> Part:
    if "heading_open" in around:
        return Part("heading", _text(token), 1 + token.level - 1)
    if "list_item_open" in around:
        return Part("item", f"{numbers[0]}. {_text(token)}" if numbers else _text(token))
    return Part("paragraph", _text(token))


def _text(token: Token) -> str:
    return "".join(" " if child.type == "softbreak" else child.content for child in token.children or ())


def write_docx(source: str, path: Path) -> None:
    from docx import Document

    document = Document()
    for part in parts_of(source):
        if part.kind == "heading":
            document.add_heading(part.text, part.level)
        elif part.kind == "table":
            table = document.add_table(len(part.rows), len(part.rows[0]))
            for row, texts in zip(table.rows, part.rows, strict=True):
                for cell, text in zip(row.cells, texts, strict=True):
                    cell.text = text
        else:
            document.add_paragraph(part.text, "List Bullet" if part.kind == "item" else None)
    document.save(str(path))


def write_pptx(source: str, path: Path) -> None:
    """One slide a heading."""
    from pptx import Presentation

    presentation = Presentation()
    frame = None
    for part in parts_of(source):
        if part.kind == "heading":
            slide = presentation.slides.add_slide(presentation.slide_layouts[1])
            slide.shapes.title.text = part.text
            frame = slide.placeholders[1].text_frame
        else:
            assert frame is not None, "a slide begins with a heading"
            paragraph = frame.add_paragraph() if frame.text else frame.paragraphs[0]
            paragraph.text = part.text
    presentation.save(str(path))


def write_xlsx(source: str, path: Path) -> None:
    """CSV with a line ``# name`` before each sheet; numbers become numbers."""
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.remove(workbook.active)
    for sheet in source.split("# ")[1:]:
        name, _, rows = sheet.partition("\n")
        made = workbook.create_sheet(name.strip())
        for row in csv.reader(line for line in rows.splitlines() if line.strip()):
            made.append([_number(text) for text in row])
    workbook.save(path)


def _number(text: str) -> str | int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def write_markdown_pdf(source: str, path: Path) -> None:
    pages: list[list[Line]] = [[]]
    y = float(_MARGIN)

    def put(*texts: tuple[float, str], size: float = 10, bold: bool = False, after: float = 0) -> None:
        nonlocal y
        if y > HEIGHT - _MARGIN:
            pages.append([])
            y = float(_MARGIN)
        pages[-1] += [Line(x, y, text, size, bold) for x, text in texts if text]
        y += _PITCH + after

    title = ""
    for part in parts_of(source):
        if part.kind == "heading":
            title = title or part.text
            put((_MARGIN, part.text), size=18 if part.level == 1 else 13, bold=True, after=8)
        elif part.kind == "table":
            places = _places(part.rows)
            for number, row in enumerate(part.rows):
                put(*zip(places, row, strict=True), bold=number == 0, after=2)
            put(after=10)
        else:
            text = f"• {part.text}" if part.kind == "item" and not part.text[0].isdigit() else part.text
            for line in textwrap.wrap(text, _COLUMNS):
                put((_MARGIN, line))
            put(after=-6 if part.kind == "paragraph" else -_PITCH)
    write_pdf(path, pages, title=title)


def _places(rows: tuple[tuple[str, ...], ...]) -> list[float]:
    """Where each column begins."""
    x = float(_MARGIN)
    places = []
    for column in zip(*rows, strict=True):
        places.append(x)
        x += max(map(len, column)) * _CHARACTER + 24
    return places


WRITERS: Mapping[tuple[str, str], Callable[[str, Path], None]] = {
    (".docx", ".md"): write_docx,
    (".pdf", ".md"): write_markdown_pdf,
    (".pptx", ".md"): write_pptx,
    (".xlsx", ".csv"): write_xlsx,
}
"""By the kind that is written and the kind of its source: ``lease.docx.md`` is written as ``lease.docx``."""
