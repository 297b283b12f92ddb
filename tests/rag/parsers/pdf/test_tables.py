"""Cells of tables in PDFs, which stand where they stand and say nothing of columns."""

from pathlib import Path

from rag.parsers.pdf import parser as pdf
from rag.types import ParsedDocument
from tests.rag.parsers.pdf.pdf_writer import Line, write_pdf, write_raw
from tests.rag.parsers.table_writer import horizontal, text_at


def blocks(document: ParsedDocument, kind: str) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind == kind]


def table_lines(places: tuple[int, ...], *rows: tuple[str, ...], y: int = 100) -> list[Line]:
    """Rows of cells that begin at ``places``; "" leaves one out."""
    return [
        Line(x, y + 14 * index, cell)
        for index, row in enumerate(rows)
        for x, cell in zip(places, row, strict=True)
        if cell
    ]


def names_of(document: ParsedDocument) -> list[tuple[str, ...]]:
    return [block.table.columns for block in document.blocks if block.table is not None]


def test_empty_cells_of_a_table_keep_their_place(tmp_path: Path) -> None:
    rows = [
        ("Boat", "Owner", "Berth", "Insured until"),
        ("Petrel", "", "A5", "June 2031"),
        ("Hopper", "Mira Sand", "", ""),
        ("Tern", "", "", "March 2033"),
        ("Skua", "Nils Fjord", "C1", "July 2032"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 180, 300, 400), *rows)]))
    assert blocks(document, "table") == [
        "Boat | Owner | Berth | Insured until\nPetrel |  | A5 | June 2031\nHopper | Mira Sand\n"
        "Tern |  |  | March 2033\nSkua | Nils Fjord | C1 | July 2032"
    ]
    assert names_of(document) == [("Boat", "Owner", "Berth", "Insured until")]


def test_rows_of_values_with_units_are_no_names_of_columns(tmp_path: Path) -> None:
    rows = [
        ("Programme", "Heat", "Time", "Water", "Energy"),
        ("Eco", "50 °C", "3 h 40 min", "9.5 l", "0.75 kWh"),
        ("Quick", "45 °C", "35 min", "10 l", "0.80 kWh"),
        ("Glass", "40 °C", "1 h 25 min", "12 l", "0.90 kWh"),
        ("Rinse", "cold", "15 min", "4 l", "0.05 kWh"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 180, 260, 360, 440), *rows)]))
    assert names_of(document) == [("Programme", "Heat", "Time", "Water", "Energy")]
    assert blocks(document, "table")[0].count("\n") == 4


def test_names_over_several_columns_and_labels_of_two_lines(tmp_path: Path) -> None:
    lines = [Line(310, 86, "Three months ended"), Line(450, 86, "Nine months ended")]
    rows = [
        ("", "2031", "2030", "2031", "2030"),
        ("Net sales", "1,234", "1,100", "3,600", "3,300"),
        ("Shares withheld on the settlement of", "", "", "", ""),
        ("awards", "(800)", "(750)", "(2,400)", "(2,250)"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [lines + table_lines((72, 310, 370, 450, 510), *rows)]))
    over, nine = "Three months ended", "Nine months ended"
    assert names_of(document) == [("", f"{over}, 2031", f"{over}, 2030", f"{nine}, 2031", f"{nine}, 2030")]
    last = blocks(document, "table")[0].splitlines()[-1]
    assert last == "Shares withheld on the settlement of awards | (800) | (750) | (2,400) | (2,250)"


def test_names_as_close_as_words_stand_over_columns_of_their_own(tmp_path: Path) -> None:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    places = tuple(range(110, 110 + 12 * 26, 26))
    names = [Line(50, 100, "Place"), *(Line(x, 100, month) for x, month in zip(places, months, strict=True))]
    rows = [
        Line(x, 100 + 14 * n, str(value))
        for n in (1, 2, 3)
        for x, value in zip((50, *places), (f"Port {n}", *range(10 * n, 10 * n + 12)), strict=True)
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [names + rows]))
    assert names_of(document) == [("Place", *months)]


def test_names_above_one_line_share_the_columns_below_it(tmp_path: Path) -> None:
    drawn = [horizontal(190, 480, 104), text_at(230, 100, "Sales"), text_at(390, 100, "Result")]
    rows = [("Works", "2030", "2031", "2030", "2031"), ("Mill", "870", "", "12", "57"), ("Dairy", "205", "98", "", "8")]
    for n, row in enumerate(rows):
        drawn += [text_at(x, 116 + 14 * n, cell) for x, cell in zip((72, 200, 280, 360, 440), row, strict=True)]
    document = pdf.parse(write_raw(tmp_path / "a.pdf", ["\n".join(drawn)]))
    assert names_of(document) == [("Works", "Sales, 2030", "Sales, 2031", "Result, 2030", "Result, 2031")]


def test_a_table_goes_on_under_the_names_of_the_page_before(tmp_path: Path) -> None:
    places = (72, 300, 400)
    first = table_lines(places, ("Port", "2030", "2031"), *((f"Port {n}", f"{n}1", f"{n}2") for n in range(1, 40)))
    second = table_lines(places, *((f"Port {n}", f"{n}1", f"{n}2") for n in range(40, 43)))
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [first, second]))
    assert names_of(document) == [("Port", "2030", "2031")] * 2


def sections_of(document: ParsedDocument) -> dict[str, str]:
    """The section of each row below the headers, by the text of the row."""
    return {
        document.text[row.start : row.end]: row.section
        for block in document.blocks
        if block.table is not None
        for row in block.table.rows
        if not row.is_header
    }


def test_a_sign_of_currency_belongs_to_the_value_behind_it(tmp_path: Path) -> None:
    rows = [("", "2031", "", "2030"), ("Net loss", "(19)", "$", "4,202"), ("Taxes", "(7)", "$", "310")]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 210, 232, 250), *rows)]))
    assert blocks(document, "table") == ["| 2031 | 2030\nNet loss | (19) | $ 4,202\nTaxes | (7) | $ 310"]


def test_new_names_of_columns_begin_a_table(tmp_path: Path) -> None:
    rows = [
        ("", "Oct 1, 2031", "Dec 25, 2030"),
        ("Wood", "1,635", "1,441"),
        ("Rope", "7,030", "6,656"),
        ("", "Quarter", "Year"),
        ("(In boats)", "2031", "2030"),
        ("Sold", "12", "40"),
        ("Lost", "—", "1"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 250, 350), *rows)]))
    assert names_of(document) == [("", "Oct 1, 2031", "Dec 25, 2030"), ("(In boats)", "Quarter 2031", "Year 2030")]


def test_a_line_below_a_name_shows_its_columns(tmp_path: Path) -> None:
    cells = [("Fish", "120", "84", "36", "9"), ("Oysters", "12", "7", "5", "2")]
    page = [text_at(300, 86, "North"), text_at(430, 86, "South"), horizontal(246, 346, 89), horizontal(376, 476, 89)]
    page += [text_at(x, 100, name) for x, name in zip((250, 310, 380, 440), ("Wild", "Farmed") * 2, strict=True)]
    for at, row in enumerate(cells):
        page += [text_at(x, 116 + 14 * at, cell) for x, cell in zip((72, 250, 310, 380, 440), row, strict=True)]
    document = pdf.parse(write_raw(tmp_path / "a.pdf", ["\n".join(page)]))
    assert names_of(document) == [("", "North, Wild", "North, Farmed", "South, Wild", "South, Farmed")]


def test_a_name_below_the_last_column_of_its_group(tmp_path: Path) -> None:
    rows = [
        ("", "Gross", "Net", "Gross", "Net"),
        ("", "", "2031", "", "2030"),
        ("Boats", "120", "84", "110", "80"),
        ("Nets", "12", "7", "11", "6"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 250, 310, 370, 430), *rows)]))
    assert names_of(document) == [("", "Gross 2031", "Net 2031", "Gross 2030", "Net 2030")]


def test_a_period_over_the_second_of_two_years_holds_for_both(tmp_path: Path) -> None:
    rows = [
        ("", "", "Three Months Ended", "", "Six Months Ended", ""),
        ("(In millions)", "", "June 30,", "", "June 30,", "Change"),
        ("", "2031", "2030", "2031", "2030", ""),
        ("Boats", "120", "84", "210", "180", "17%"),
        ("Nets", "12", "7", "21", "16", "31%"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 190, 240, 350, 400, 500), *rows)]))
    (names,) = names_of(document)
    assert names[1:5] == (
        "Three Months Ended June 30, 2031",
        "Three Months Ended June 30, 2030",
        "Six Months Ended June 30, 2031",
        "Six Months Ended June 30, 2030",
    )


def test_rows_stand_in_the_section_that_their_indent_shows(tmp_path: Path) -> None:
    rows = [
        (72, "Revenue:", ""),
        (82, "Boats", "120"),
        (92, "Total revenue", "120"),
        (72, "Cost of revenue:", ""),
        (82, "Boats", "75"),
        (72, "Gross margin", "45"),
        (72, "OTHER:", ""),
        (72, "Interest", "3"),
    ]
    lines = [Line(250, 100, "2031"), Line(330, 100, "2030")]
    for at, (x, name, value) in enumerate(rows):
        lines += [Line(x, 114 + 14 * at, name)] + [Line(place, 114 + 14 * at, value) for place in (250, 330) if value]
    sections = sections_of(pdf.parse(write_pdf(tmp_path / "a.pdf", [lines])))
    assert sections["Boats | 120 | 120"] == "Revenue"
    assert sections["Boats | 75 | 75"] == "Cost of revenue"
    assert sections["Gross margin | 45 | 45"] == ""
    assert sections["Interest | 3 | 3"] == "OTHER"


def test_units_above_a_table_are_its_caption_and_a_long_name_stays_in_it(tmp_path: Path) -> None:
    long = "Common stock and capital in excess of par value, 4,127 issued and outstanding,"
    rows = [
        ("(In crowns)", ""),
        ("Nets", "120"),
        ("Boats", "4,310"),
        (long, ""),
        ("of the last year", "84"),
        ("All", "9"),
    ]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [table_lines((72, 480), *rows)]))
    assert [block.table.caption for block in document.blocks if block.table is not None] == ["(In crowns)"]
    assert f"\n{long} of the last year | 84\n" in blocks(document, "table")[0]


def test_a_heading_in_larger_type_ends_a_table(tmp_path: Path) -> None:
    places = (72, 250, 350)
    first = table_lines(places, ("", "2031", "2030"), ("Wood", "1,635", "1,441"), ("Rope", "7,030", "6,656"))
    second = table_lines(places, ("", "May", "June"), ("Gulls", "12", "40"), ("Terns", "7", "1"), y=170)
    heading = [Line(72, 154, "Birds", size=14)]
    document = pdf.parse(write_pdf(tmp_path / "a.pdf", [first + heading + second]))
    assert names_of(document) == [("", "2031", "2030"), ("", "May", "June")]
    assert blocks(document, "heading") == ["Birds"]
