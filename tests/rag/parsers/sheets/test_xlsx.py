"""Sheets become rows that stand by themselves."""

import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
import xlsxwriter
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from rag.errors import ReadError
from rag.parsers.sheets import sheet_rows, xlsx


def make(path: Path) -> Path:
    book = openpyxl.Workbook()
    sales = book.active
    assert sales is not None
    sales.title = "Sales"
    sales.append(["Overview of the year"])
    sales.append([])
    sales.append(["Region", "Date", "Units", "Share", "Paid"])
    sales.append(["North", datetime.date(2024, 3, 1), 1200, 0.25, True])
    sales["D4"].number_format = "0.0%"
    sales.append(["South", datetime.datetime(2024, 3, 2, 14, 30), 2.5, None, False])
    numbers = book.create_sheet("Numbers")
    numbers.append([1, 2])
    numbers.append([3, 4])
    book.create_sheet("Empty")
    book.save(path)
    return path


def test_rows_name_their_columns_and_sheets_are_labels(tmp_path: Path) -> None:
    document = xlsx.parse(make(tmp_path / "a.xlsx"))
    found = [(b.page, b.kind, b.label or document.text[b.start : b.end]) for b in document.blocks]
    assert found[:3] == [
        (1, "heading", "Sales"),
        (1, "paragraph", "Overview of the year"),
        (
            1,
            "table",
            "Region | Date | Units | Share | Paid\n"
            "Region: North | Date: 2024-03-01 | Units: 1200 | Share: 25.0% | Paid: TRUE\n"
            "Region: South | Date: 2024-03-02 14:30:00 | Units: 2.5 | Paid: FALSE",
        ),
    ]
    assert found[3:5] == [(2, "heading", "Numbers"), (2, "table", "1 | 2\n3 | 4")]


def sheet(path: Path) -> tuple[openpyxl.Workbook, Any]:
    book = openpyxl.Workbook()
    assert book.active is not None
    return book, book.active


def test_values_stand_under_their_number_formats(tmp_path: Path) -> None:
    book, first = sheet(tmp_path)
    first.append(["Part", "Off", "Price", "Run", "Bought"])
    run, bought = datetime.timedelta(hours=131, minutes=20), datetime.date(2031, 4, 5)
    first.append([417, 0.125, 1349.5, run, bought])
    for column, code in zip("ABCDE", ("00000", "0.0%", '#,##0.00 "kr"', "[h]:mm", "d mmm yyyy"), strict=True):
        first[f"{column}2"].number_format = code
    book.save(tmp_path / "a.xlsx")
    last = xlsx.parse(tmp_path / "a.xlsx").text.splitlines()[-1]
    assert last == "Part: 00417 | Off: 12.5% | Price: 1,349.50 kr | Run: 131:20 | Bought: 5 Apr 2031"


def test_merged_cells_count_for_all_rows_and_comments_are_notes(tmp_path: Path) -> None:
    book, first = sheet(tmp_path)
    for row in (["Rota"], ["Crew", "Shift", "Pager"], ["North", "Early", 701], [None, "Late", 702]):
        first.append(row)
    first.merge_cells("A1:C1")
    first.merge_cells("A3:A4")
    first["C4"].comment = Comment("Use 799 for now", "Ann")
    book.save(tmp_path / "a.xlsx")
    document = xlsx.parse(tmp_path / "a.xlsx")
    assert [(block.kind, document.text[block.start : block.end]) for block in document.blocks if not block.label] == [
        ("caption", "Rota"),
        (
            "table",
            "Crew | Shift | Pager\nCrew: North | Shift: Early | Pager: 701\nCrew: North | Shift: Late | Pager: 702",
        ),
        ("note", "Comment by Ann on C4 (North | Late | 702): Use 799 for now"),
    ]


def test_what_is_hidden_is_left_out_and_said(tmp_path: Path) -> None:
    book, first = sheet(tmp_path)
    for row in (["Item", "Cost", "Price"], ["Rope", 3, 5], ["Tar", 4, 6], ["Oil", 5, 7]):
        first.append(row)
    first.row_dimensions[3].hidden = True
    first.column_dimensions["B"].hidden = True
    old = book.create_sheet("Old")
    old.append(["Item", "Price"])
    old.sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    document = xlsx.parse(tmp_path / "a.xlsx")
    assert document.text == "Item | Price\nItem: Rope | Price: 5\nItem: Oil | Price: 7"
    assert document.warnings == ("1 hidden row, 1 hidden column and 1 hidden sheet (Old) were not read.",)


def test_formulas_without_a_value_say_so(tmp_path: Path) -> None:
    book, first = sheet(tmp_path)
    for row in (["Item", "Pieces", "Price", "Sum"], ["Rope", 12, 35, "=B2*C2"]):
        first.append(row)
    book.save(tmp_path / "a.xlsx")
    document = xlsx.parse(tmp_path / "a.xlsx")
    last = document.text.splitlines()[-1]
    assert last == "Item: Rope | Pieces: 12 | Price: 35 | Sum: =B2*C2 (not calculated)"
    assert document.warnings == ("1 formula was never calculated: open the workbook in its program and save it.",)


def test_tables_of_a_sheet_have_their_own_headers(tmp_path: Path) -> None:
    book, first = sheet(tmp_path)
    first["C3"], first["D3"], first["E3"] = "Fish", 2030, 2031
    first["C4"], first["D4"], first["E4"] = "Cod", None, 84
    first["B6"], first["C6"] = "Port", "Boats"
    first["B7"], first["C7"] = "Oslo", 3
    book.save(tmp_path / "a.xlsx")
    assert xlsx.parse(tmp_path / "a.xlsx").text == (
        "Fish | 2030 | 2031\nFish: Cod | 2031: 84\n\nPort | Boats\nPort: Oslo | Boats: 3"
    )


def test_a_huge_sheet_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_rows, "MAX_ROWS", 60)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Long")
    for number in range(200):
        sheet.append([f"name {number}", number])
    book.save(tmp_path / "a.xlsx")
    document = xlsx.parse(tmp_path / "a.xlsx")
    assert "name 59 | 59" in document.text and "name 60" not in document.text
    assert document.warnings == ("Only the first 60 rows of the workbook were read.",)


def test_a_damaged_workbook_is_named(tmp_path: Path) -> None:
    with ZipFile(make(tmp_path / "a.xlsx")) as old, ZipFile(tmp_path / "b.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"<broken" if name == "xl/workbook.xml" else old.read(name))
    with pytest.raises(ReadError, match="damaged"):
        xlsx.parse(tmp_path / "b.xlsx")


def test_charts_are_tables_of_what_they_show(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["Month", "Litres"])
    workbook.active.append(["May", 420])
    chart = BarChart()
    chart.add_data(Reference(workbook.active, min_col=2, min_row=1, max_row=2), titles_from_data=True)
    workbook.active.add_chart(chart, "D2")
    workbook.save(tmp_path / "plain.xlsx")

    def points(kind: str, *values: str) -> str:
        listed = "".join(f'<c:pt idx="{at}"><c:v>{value}</c:v></c:pt>' for at, value in enumerate(values))
        return f"<c:{kind}Ref><c:{kind}Cache>{listed}</c:{kind}Cache></c:{kind}Ref>"

    drawn = (
        '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:chart><c:title><c:tx>'
        '<c:rich><a:p xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:r><a:t>Fuel</a:t></a:r></a:p>'
        f"</c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser><c:tx>{points('str', 'Litres')}</c:tx>"
        f"<c:cat>{points('str', 'May', 'June')}</c:cat>"
        f"<c:val>{points('num', '420', '390')}</c:val></c:ser></c:barChart>"
        "</c:plotArea></c:chart></c:chartSpace>"
    )
    with ZipFile(tmp_path / "plain.xlsx") as old, ZipFile(tmp_path / "a.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, drawn if name == "xl/charts/chart1.xml" else old.read(name))
    document = xlsx.parse(tmp_path / "a.xlsx")
    assert document.text.endswith("Chart: Fuel\n\n| Litres\nMay | 420\nJune | 390")
    assert "1 chart was not read." in xlsx.parse(tmp_path / "plain.xlsx").warnings


def test_two_levels_of_names_with_a_name_over_both_and_an_error_below(tmp_path: Path) -> None:
    book, first = sheet(tmp_path)
    for row in (
        ["Boat", "Fuel", None, "Checked"],
        [None, "Q1", "Q2", None],
        ["Auk", 120, 98, "yes"],
        ["Knot", "#N/A", 61, "no"],
    ):
        first.append(row)
    for area in ("A1:A2", "B1:C1", "D1:D2"):
        first.merge_cells(area)
    book.save(tmp_path / "a.xlsx")
    assert "Boat: Knot | Fuel, Q1: #N/A | Fuel, Q2: 61 | Checked: no" in xlsx.parse(tmp_path / "a.xlsx").text


def test_raised_letters_of_a_cell_stay_apart(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    first, raised = book.add_worksheet(), book.add_format({"font_script": 1})
    first.write_rich_string(0, 0, "Crew of 12", raised, "3")
    first.write_rich_string(0, 1, "Area in m", raised, "2")
    book.close()
    assert xlsx.parse(tmp_path / "a.xlsx").text == "Crew of 12 ³ | Area in m²"
