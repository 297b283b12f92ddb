"""Grids of small tables: spans, headers and names, and where their cells stand in the text."""

import pytest

from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Cell, Grid, Table
from rag.types import ParsedDocument


def grid(*rows: str, records: bool = False) -> Grid:
    """Rows with bars between the cells."""
    return Grid.of(Table.of_rows([[cell.strip() for cell in row.split("|")] for row in rows], records=records))


def written(table: Table) -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    builder.table(table)
    return builder.build()


def test_a_spanning_cell_stands_in_every_row_and_column_that_it_covers() -> None:
    cells = (
        Cell("Crew", 0, 0), Cell("Shift", 0, 1), Cell("Pager", 0, 2),
        Cell("North", 1, 0, rows=2), Cell("Early", 1, 1), Cell("701", 1, 2),
        Cell("all day", 2, 1, columns=2),
    )  # fmt: skip
    made = Grid.of(Table(cells))
    assert made.rows[1:] == (("North", "Early", "701"), ("North", "all day", "all day"))
    assert made.columns == ("Crew", "Shift", "Pager")
    assert written(Table(cells)).text == "Crew | Shift | Pager\nNorth | Early | 701\nNorth | all day | all day"


def test_a_cell_across_the_table_is_said_once() -> None:
    cells = (Cell("a", 0, 0), Cell("b", 0, 1), Cell("c", 0, 2), Cell("Note", 1, 0, columns=3), Cell("1", 2, 0))
    assert written(Table(cells)).text == "a | b | c\nNote\n1"


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (("Town | Height", "Oslo | 12"), ("Town", "Height")),
        (("Town | 2030 | 2031", "Oslo | 12 | 14"), ("Town", "2030", "2031")),
        (("| 2030 | 2031", "Oslo | 12 | 14"), ("", "2030", "2031")),
        (("| town | height", "0 | Oslo | 12"), ("", "town", "height")),
        (("Town | Mar 2030 | Apr 2030", "Oslo | 12 | 14"), ("Town", "Mar 2030", "Apr 2030")),
        (("Town | Q1 | Note | Q2 | Note", "Oslo | 5 | wet | 7 |"), ("Town", "Q1", "Note (Q1)", "Q2", "Note (Q2)")),
        (("Fares of the year |", "Town | Height", "Oslo | 12"), ("Town", "Height")),
        (("Fees | |", "valid from | 2031-01-01 |", "Berth | Week | Year", "A | 5 | 9"), ("Berth", "Week", "Year")),
        (
            ("| Adjusted | Fair", "(In euros) | Cost | Value", "Bonds | 5 | 9"),
            ("(In euros)", "Adjusted Cost", "Fair Value"),
        ),
        (("1 | 2", "3 | 4"), ("", "")),
        (("Oslo | 12", "Bergen | 14"), ("", "")),
        (("2030 | 12", "2031 | 14"), ("", "")),
        (("Owner | Ada Byron", "Built | 1987", "Phone | +47 55 12"), ("", "")),
        (("Owner: | Ada Byron", "Place: | Oslo"), ("", "")),
    ],
)
def test_names_of_columns_are_told_from_values(rows: tuple[str, ...], columns: tuple[str, ...]) -> None:
    assert grid(*rows).columns == columns


def test_two_levels_of_a_header_become_one_name() -> None:
    cells = (
        Cell("Cabin", 0, 0, rows=2), Cell("Low season", 0, 1, columns=2), Cell("High season", 0, 3, columns=2),
        Cell("Weekday", 1, 1), Cell("Weekend", 1, 2), Cell("Weekday", 1, 3), Cell("Weekend", 1, 4),
        Cell("Willow", 2, 0), Cell("500", 2, 1, columns=2), Cell("600", 2, 3, columns=2),
    )  # fmt: skip
    made = Grid.of(Table(cells))
    assert made.header_rows == 2
    assert made.columns[1:4] == ("Low season, Weekday", "Low season, Weekend", "High season, Weekday")
    assert made.rows[2] == ("Willow", "500", "500", "600", "600")


def test_what_the_format_says_of_headers_counts() -> None:
    rows = [["1", "2"], ["3", "4"]]
    assert Grid.of(Table.of_rows(rows, header_rows=1)).columns == ("1", "2")
    assert Grid.of(Table.of_rows([["a", "b"], ["1", "2"]], header_rows=0)).columns == ("", "")


def test_columns_that_say_what_a_row_is_about() -> None:
    assert grid("Crew | Shift | Pager", "North | Early | 701").name_columns == 2
    assert grid("Number | Part | Price", "17 | Pump | 5").name_columns == 2
    assert grid("Year | Sales | Profit", "2030 | 5 | 1").name_columns == 1


def test_empty_cells_keep_their_place_and_every_cell_its_span() -> None:
    document = written(Table.of_rows([["Boat", "Owner", "Berth"], ["Tern", "", "A5"], ["", "Ann", ""]]))
    assert document.text == "Boat | Owner | Berth\nTern |  | A5\n| Ann"
    (block,) = document.blocks
    assert block.table is not None
    cells = [[(document.text[c.start : c.end], c.column) for c in row.cells] for row in block.table.rows]
    assert cells[1:] == [[("Tern", 0), ("A5", 2)], [("Ann", 1)]]
    assert [document.text[row.start : row.end] for row in block.table.rows] == document.text.split("\n")
    assert [row.is_header for row in block.table.rows] == [True, False, False]


def test_lines_above_the_header_of_records_are_its_lead() -> None:
    made = grid("Fees |  |", "valid from | 2031-01-01 |", "Berth | Week | Year", "A | 5 | 9", records=True)
    assert (made.lead, made.columns) == (2, ("Berth", "Week", "Year"))


def test_records_name_each_value() -> None:
    rows = [["List of boats"], ["Boat", "Owner", "Berth"], ["Tern", "", "A5"]]
    document = written(Table.of_rows(rows, records=True))
    assert document.text == "List of boats\n\nBoat | Owner | Berth\nBoat: Tern | Berth: A5"
    assert document.blocks[1].table is not None
    cells = [document.text[c.start : c.end] for c in document.blocks[1].table.rows[1].cells]
    assert cells == ["Tern", "A5"]


def test_years_below_a_wide_cell_are_the_next_level() -> None:
    cells = [
        Cell("Port", 0, 0, 2, 1), Cell("Ships", 0, 1, 1, 2), Cell("2030", 1, 1), Cell("2031", 1, 2),
        Cell("Oslo", 2, 0), Cell("84", 2, 2), Cell("Bergen", 3, 0), Cell("9", 3, 1), Cell("91", 3, 2),
    ]  # fmt: skip
    made = Grid.of(Table(cells))
    assert (made.header_rows, made.columns) == (2, ("Port", "Ships, 2030", "Ships, 2031"))


def test_names_that_repeat_or_are_missing_are_names_all_the_same() -> None:
    made = grid("Name | Name | ", "A | B | C", "D |  | F", records=True)
    assert (made.lead, made.header_rows) == (0, 1) and made.columns[2] == ""
