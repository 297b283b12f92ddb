"""Spreadsheets other than .xlsx: rows as they are shown, what is hidden left out and said."""

import zipfile
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.odf import ods
from rag.parsers.registry import parse
from rag.parsers.sheets import xls
from rag.types import ParsedDocument
from tests.rag.parsers.sheets.biff import Sheet, workbook

_NAMESPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("draw", "drawing"),
    )
)  # fmt: skip
_NAMESPACES += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'


def cell(text: str = "", attributes: str = "", inside: str = "") -> str:
    paragraph = f"<text:p>{text}</text:p>" if text else ""
    return f"<table:table-cell {attributes}>{inside}{paragraph}</table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def write_ods(path: Path, sheets: str, styles: str = "") -> ParsedDocument:
    body = f"<office:body><office:spreadsheet>{sheets}</office:spreadsheet></office:body>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", ods.MEDIA_TYPE)
        styled = f"<office:automatic-styles>{styles}</office:automatic-styles>"
        content = f"<office:document-content {_NAMESPACES}>{styled}{body}</office:document-content>"
        archive.writestr("content.xml", content)
    return parse(path)


def told(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, block.label or document.text[block.start : block.end]) for block in document.blocks]


def test_an_opendocument_sheet_is_read_as_it_is_shown(tmp_path: Path) -> None:
    remark = "<office:annotation><dc:creator>Ann</dc:creator><text:p>Use 799</text:p></office:annotation>"
    sheet = (
        '<table:table table:name="Rota">'
        + row(cell("Duty rota", 'table:number-columns-spanned="3"'))
        + row(cell("Crew"), cell("Shift"), cell("Pager"), cell(attributes='table:number-columns-repeated="1000"'))
        + row(cell("North", 'table:number-rows-spanned="2"'), cell("Early"), cell("0701", 'office:value="701"'))
        + row("<table:covered-table-cell/>", cell("Late"), cell("0702", 'office:value="702"', remark))
        + row(cell(attributes='table:number-columns-repeated="1000"'), attributes='table:number-rows-repeated="900000"')
        + "</table:table>"
    )
    assert told(write_ods(tmp_path / "a.ods", sheet)) == [
        ("heading", "Rota"),
        ("caption", "Duty rota"),
        (
            "table",
            "Crew | Shift | Pager\nCrew: North | Shift: Early | Pager: 0701\nCrew: North | Shift: Late | Pager: 0702",
        ),
        ("note", "Comment by Ann on C4 (North | Late | 0702): Use 799"),
    ]


def test_hidden_parts_and_formulas_without_a_value_are_said(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    sheet = (
        '<table:table table:name="Costs"><table:table-column/><table:table-column table:visibility="collapse"/>'
        "<table:table-column/>"
        + row(cell("Item"), cell("Cost"), cell("Price"))
        + row(cell("Rope"), cell("3"), cell(attributes='table:formula="of:=[.B2]*2"'))
        + row(cell("Tar"), cell("4"), cell("6"), attributes='table:visibility="collapse"')
        + row(cell("Oil"), cell("5"), cell("7"))
        + "</table:table>"
        + f'<table:table table:name="Old" table:style-name="h">{row(cell("x"))}</table:table>'
    )
    document = write_ods(tmp_path / "a.ods", sheet, styles)
    assert document.text == "Item | Price\nItem: Rope | Price: =B2*2 (not calculated)\nItem: Oil | Price: 7"
    assert document.warnings == (
        "1 hidden column, 1 hidden row and 1 hidden sheet (Old) were not read.",
        "1 formula was never calculated: open the workbook in its program and save it.",
    )


def test_a_flat_spreadsheet_is_read(tmp_path: Path) -> None:
    sheet = f'<table:table table:name="S">{row(cell("Port"), cell("2030"))}{row(cell("Oslo"), cell("7"))}</table:table>'
    path = tmp_path / "a.fods"
    path.write_text(
        f'<?xml version="1.0"?><office:document {_NAMESPACES} office:mimetype="{ods.MEDIA_TYPE}">'
        f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body></office:document>"
    )
    assert parse(path).text == "Port | 2030\nPort: Oslo | 2030: 7"


def test_a_workbook_of_excel_97_is_read_as_it_is_shown(tmp_path: Path) -> None:
    rota = Sheet(
        "Rota",
        [
            ["Part", "Off", "Price", "Run", "Bought"],
            [
                (417, "00000"),
                (0.125, "0.0%"),
                (1349.5, "#,##0.00"),
                ((131 + 20 / 60) / 24, "[h]:mm"),
                (47943, "yyyy-mm-dd"),
            ],
            [(86, "00000"), None, (215, "#,##0.00"), None, None],
            ["secret", 1, 2, 3, 4],
            ["all", "merged", 3.0, None, None],
        ],
        merged=[(4, 4, 2, 4)],
        hidden_rows=[3],
    )
    path = tmp_path / "a.xls"
    path.write_bytes(workbook(rota, Sheet("Old", [["x"]], hidden=True)))
    document = xls.parse(path)
    assert document.text.splitlines() == [
        "Part | Off | Price | Run | Bought",
        "Part: 00417 | Off: 12.5% | Price: 1,349.50 | Run: 131:20 | Bought: 2031-04-05",
        "Part: 00086 | Price: 215.00",
        "Part: all | Off: merged | Price: 3 | Run: 3 | Bought: 3",
    ]
    assert document.warnings == ("1 hidden row and 1 hidden sheet (Old) were not read.",)


def test_a_damaged_workbook_of_excel_97_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(workbook(Sheet("Rota", [["a", "b"]]))[:120])
    with pytest.raises(ReadError, match="damaged"):
        xls.parse(path)


def test_values_without_a_shown_text_and_charts_are_read(tmp_path: Path) -> None:
    value = '<table:table-cell office:value-type="float" office:value="84"/>'
    rows = row(cell("Port"), cell("Ships")) + row(cell("Oslo"), value) + row(cell("Bergen"), cell("9"))
    chart = (
        '<table:shapes><draw:frame><draw:object><chart:chart xmlns:chart="'
        'urn:oasis:names:tc:opendocument:xmlns:chart:1.0">'
        "<chart:title><text:p>Fuel</text:p></chart:title><table:table><table:table-row><table:table-cell/>"
        "<table:table-cell><text:p>Litres</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell>"
        "<text:p>May</text:p></table:table-cell><table:table-cell><text:p>420</text:p></table:table-cell>"
        "</table:table-row></table:table></chart:chart></draw:object></draw:frame></table:shapes>"
    )
    document = write_ods(tmp_path / "a.ods", f'<table:table table:name="Ships">{rows}{chart}</table:table>')
    assert "Port: Oslo | Ships: 84" in document.text
    assert document.text.endswith("Chart: Fuel\n\n| Litres\nMay | 420")


def test_raised_letters_of_a_cell_stay_apart(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="T1" style:family="text">'
        '<style:text-properties style:text-position="super 58%"/></style:style>'
    )
    raised = '<text:p>Crew of 12<text:span text:style-name="T1">3</text:span></text:p>'
    sheet = (
        f'<table:table table:name="S">{row(f"<table:table-cell>{raised}</table:table-cell>", cell("x"))}</table:table>'
    )
    assert write_ods(tmp_path / "a.ods", sheet, styles).text == "Crew of 12 ³ | x"
