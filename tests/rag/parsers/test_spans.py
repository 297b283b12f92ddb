"""The same table with merged cells in every office format: each row and column that a cell spans has its value."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pptx as python_pptx
import pytest
from pptx.util import Inches

from rag.parsers.registry import parse

EXPECTED = [
    "Cabin | Low season | Low season | High season",
    "Cabin | Week | Weekend | Week",
    "Birch | 310 | 380 | 450",
    "Willow | 500 | 500 | 600",
    "Willow | 510 | 520 | 610",
]
COLUMNS = ("Cabin", "Low season, Week", "Low season, Weekend", "High season, Week")

# (text, rows, columns) of each cell that no other covers, row by row.
CELLS = [
    [("Cabin", 2, 1), ("Low season", 1, 2), ("High season", 1, 1)],
    [("Week", 1, 1), ("Weekend", 1, 1), ("Week", 1, 1)],
    [("Birch", 1, 1), ("310", 1, 1), ("380", 1, 1), ("450", 1, 1)],
    [("Willow", 2, 1), ("500", 1, 2), ("600", 1, 1)],
    [("510", 1, 1), ("520", 1, 1), ("610", 1, 1)],
]
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_ODF = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (("office", "office"), ("text", "text"), ("table", "table"))
)


def covered(row: int) -> bool:
    """Whether the first column of a row goes on from the one above."""
    return row in (1, 4)


def docx(path: Path) -> Path:
    rows = ""
    for at, cells in enumerate(CELLS):
        rows += "<w:tr>"
        if covered(at):
            rows += "<w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc>"
        for text, height, width in cells:
            merged = '<w:vMerge w:val="restart"/>' if height > 1 else ""
            rows += f'<w:tc><w:tcPr><w:gridSpan w:val="{width}"/>{merged}</w:tcPr>'
            rows += f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"
        rows += "</w:tr>"
    path = path.with_suffix(".docx")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", '<Types xmlns="x"/>')
        body = f'<w:document xmlns:w="{_W}"><w:body><w:tbl>{rows}</w:tbl></w:body></w:document>'
        archive.writestr("word/document.xml", body)
    return path


def odt(path: Path) -> Path:
    rows = ""
    for at, cells in enumerate(CELLS):
        rows += "<table:table-row>" + "<table:covered-table-cell/>" * covered(at)
        for text, height, width in cells:
            spans = f'table:number-rows-spanned="{height}" table:number-columns-spanned="{width}"'
            rows += f"<table:table-cell {spans}><text:p>{text}</text:p></table:table-cell>"
            rows += "<table:covered-table-cell/>" * (width - 1)
        rows += "</table:table-row>"
    path = path.with_suffix(".odt")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        body = f"<office:body><office:text><table:table>{rows}</table:table></office:text></office:body>"
        archive.writestr("content.xml", f"<office:document-content {_ODF}>{body}</office:document-content>")
    return path


def rtf(path: Path) -> Path:
    rows = ""
    for at, cells in enumerate(CELLS):
        edges, texts, right = "", "", 0
        if covered(at):
            edges, texts, right = r"\clvmrg\cellx1000", r"\cell", 1000
        for text, height, width in cells:
            right += 1000 * width
            edges += rf"{chr(92)}clvmgf\cellx{right}" if height > 1 else rf"\cellx{right}"
            texts += rf" {text}\cell"
        rows += rf"\trowd{edges}\pard\intbl{texts}\row"
    path = path.with_suffix(".rtf")
    path.write_text(rf"{{\rtf1\ansi {rows}\pard After\par}}")
    return path


def pptx(path: Path) -> Path:
    show = python_pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    table = slide.shapes.add_table(5, 4, Inches(1), Inches(1), Inches(8), Inches(3)).table
    for at, cells in enumerate(CELLS):
        column = int(covered(at))
        for text, height, width in cells:
            cell = table.cell(at, column)
            cell.text = text
            if height * width > 1:
                cell.merge(table.cell(at + height - 1, column + width - 1))
            column += width
    path = path.with_suffix(".pptx")
    show.save(str(path))
    return path


def html(path: Path) -> Path:
    rows = "".join(
        "<tr>" + "".join(f"<td rowspan={height} colspan={width}>{text}</td>" for text, height, width in cells) + "</tr>"
        for cells in CELLS
    )
    path = path.with_suffix(".html")
    path.write_text(f"<table>{rows}</table>")
    return path


@pytest.mark.parametrize("make", [docx, odt, rtf, pptx, html])
def test_merged_cells_count_for_all_that_they_span(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    document = parse(make(tmp_path / "a"))
    (block,) = [block for block in document.blocks if block.kind == "table"]
    assert block.table is not None
    assert document.text[block.start : block.end].splitlines() == EXPECTED
    assert block.table.columns == COLUMNS
