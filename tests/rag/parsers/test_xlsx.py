"""Sheets become rows that stand by themselves."""

import datetime
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from rag.errors import ReadError
from rag.parsers.office import xlsx


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
            "Region: North | Date: 2024-03-01 | Units: 1200 | Share: 25% | Paid: yes\n"
            "Region: South | Date: 2024-03-02 14:30 | Units: 2.5 | Paid: no",
        ),
    ]
    assert found[3:5] == [(2, "heading", "Numbers"), (2, "table", "1 | 2\n3 | 4")]


def test_a_huge_sheet_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 60)
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
